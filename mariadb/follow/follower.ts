/**
 * Follows the binlog of a server into the archive: reads it over the network into the spool, cuts it, ships what is new,
 * and joins what is small. It goes on for as long as it is let: whatever keeps it from that is told as its trouble and
 * tried again.
 */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BinlogSettings, ServerSettings } from '../../config/agent.ts';
import type { BinlogPoint, FollowState, HoleFacts, TimelineFacts } from '../../domain/archive/facts.ts';
import { factsOf, type SegmentArchive, type SegmentHeader } from '../../domain/archive/header.ts';
import type { NewHole } from '../../domain/archive/verdict.ts';
import { BinlogDamage } from '../../domain/binlog/damage.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { Log } from '../../domain/log.ts';
import { endLeftovers } from '../processes/record.ts';
import { CommitClock, whereItEnds } from './clock.ts';
import { FollowedClock } from './followed-clock.ts';
import { type Judge, judge as usualJudge, type Judgement } from './judge.ts';
import { Divergence } from './lane.ts';
import { numberOf, readTail, resumption, smallOnes, type Tail } from './resume.ts';
import { Session } from './session.ts';
import { defaultServerId, type Source, startSource } from './source.ts';
import { Spool } from './spool.ts';
import { newsOf, Standing, type Tell } from './standing.ts';

export interface FollowerOptions {
  server: ServerSettings;
  archive: SegmentArchive;
  serviceId: string;
  agentId: string;
  /** age public keys; empty: not encrypted. */
  recipients: readonly string[];
  /** The agent's own. */
  stateDirectory: string;
  /** How long what is new waits at most until it is shipped. */
  intervalMs: number;
  settings: BinlogSettings;
  log: Log;
  /** Where archiving begins when nothing is archived: where the first full stands. The whole of that file is archived. */
  start: BinlogPoint;
  /** Ends it. What was not shipped by then stays in the spool, and is shipped when it runs again. */
  signal: AbortSignal;
  judge?: Judge;
}

const [firstPauseMs, longestPauseMs] = [250, 3_000];

/** @example
 * const follower = new Follower({ server, archive: openArchive(store, serviceId), … });
 * const following = follower.run(async (report) => record(report));
 * await follower.flush();
 */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #folder: string;
  readonly #spool: Spool;
  readonly #clock: CommitClock;
  readonly #samples: FollowedClock;
  readonly #standing: Standing;
  /** Where reading failed, and how often in a row. */
  #unreadable: { at: BinlogPoint; times: number } | undefined;
  #diverged: BinlogPoint | undefined;
  /** One that goes on, as it was told. */
  #openHole: HoleFacts | undefined;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#folder = path.join(options.stateDirectory, 'follow');
    this.#spool = new Spool(this.#folder);
    this.#clock = new CommitClock(options.server, options.settings.sample_interval);
    this.#samples = new FollowedClock(this.#clock);
    this.#standing = new Standing(this.#folder, options.start, options.log);
  }

  /** Where it stands now. */
  get state(): FollowState {
    return this.#standing.state;
  }

  /**
   * Follows until the signal is aborted.
   *
   * @param tell gets what came about, in order, and about once a second where it stands. What it throws is no trouble
   *   for the archive: the same is told again later
   * @throws the signal's reason
   */
  async run(tell: Tell): Promise<never> {
    const { signal } = this.#options;
    this.#standing.teller = tell;
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await endLeftovers(this.#folder);
    this.#clock.start();
    try {
      await this.#repeat('storing', () => this.#load());
      this.#standing.trouble('storing', '');
      await this.#archiveLeft();
      for (;;) await this.#repeat('reading', () => this.#follow());
    } finally {
      await this.#clock.stop();
      signal.throwIfAborted();
    }
  }

  /**
   * Archives everything up to where the server's binlog ends at this moment.
   *
   * @returns where the archive then stands
   * @throws database_unreachable, database_access_denied, privilege_missing; archive_failed when the server keeps no
   *   binlog; the signal's reason
   */
  async flush(signal: AbortSignal = this.#options.signal): Promise<FollowState> {
    const target = await whereItEnds(this.#options.server);
    if (!target) {
      throw new TidemarkError(
        'archive_failed',
        'The server keeps no binlog (log_bin): there is nothing to archive.',
      );
    }
    await this.#standing.until(target, signal);
    return this.state;
  }

  /** Does something until it succeeds, with pauses that grow while it fails at once. */
  async #repeat(kind: 'storing' | 'reading', work: () => Promise<void>): Promise<void> {
    const { signal } = this.#options;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      signal.throwIfAborted();
      const begun = Date.now();
      try {
        await work();
        return;
      } catch (error) {
        signal.throwIfAborted();
        this.#standing.trouble(kind, messageOf(error));
        await this.#recover(error);
      }
      if (Date.now() - begun > 2 * longestPauseMs) pauseMs = firstPauseMs;
      await this.#standing.tell();
      await sleep(pauseMs, undefined, { signal });
    }
  }

  /** What an error means for the next time. */
  async #recover(error: unknown): Promise<void> {
    const standing = this.#standing;
    if (error instanceof Divergence) this.#diverged = { file: error.file, position: error.position };
    if (error instanceof BinlogDamage) {
      const { file, position } = standing.archived;
      const again = this.#unreadable?.at.file === file && this.#unreadable.at.position === position;
      this.#unreadable = { at: { file, position }, times: again ? this.#unreadable!.times + 1 : 1 };
    }
    // Somebody else wrote into the archive: what is there counts.
    if (error instanceof TidemarkError && error.code === 'object_exists' && !standing.unwritten)
      await this.#load().catch(() => undefined);
  }

  /** What is archived, and what of that may not have been told. */
  async #load(): Promise<void> {
    const { archive, signal } = this.#options;
    const standing = this.#standing;
    const noted = await standing.noted();
    const all = await archive.timelines(signal);
    const followed = all.find(({ id }) => id === noted?.timeline) ?? all.at(-1);
    standing.timelines = followed ? [followed, ...all.filter((other) => other !== followed).reverse()] : [];
    standing.tail = followed && (await readTail(archive, followed.id, signal));
    standing.reachedTail();
    this.#samples.goOnFrom(sampledUpTo(standing.tail));
    standing.archivedTime = this.#samples.archivedTime;
    for (const left of standing.tail?.covered ?? [])
      await archive.remove(left, left.recipients.length > 0, signal);
    await this.#tellAgain(noted?.timeline === followed?.id ? noted?.file : undefined);
  }

  /** @param from the file up to which everything was told; only the newest is told where that is not known */
  async #tellAgain(from: string | undefined): Promise<void> {
    const { archive, signal } = this.#options;
    const { timelines, tail } = this.#standing;
    const [current] = timelines;
    if (!current) return;
    await this.#standing.tell({ timelines: timelines.toReversed() });
    if (!tail) return;
    for await (const file of archive.files(current.id, signal)) {
      const told = from === undefined ? file !== tail.file : numberOf(file) < numberOf(from);
      if (told || file === tail.file) continue;
      const headers: SegmentHeader[] = [];
      for await (const header of archive.headers(current.id, file, signal)) headers.push(header);
      await this.#standing.tell(newsOf(...headers));
    }
    const joined = tail.covered.map(({ timeline, file, start, end }) => ({ timeline, file, start, end }));
    await this.#standing.tell({ segments: tail.segments.map(factsOf), joined });
  }

  /** What a process that was ended had not shipped yet: the server may not be there any more. */
  async #archiveLeft(): Promise<void> {
    const { log, signal } = this.#options;
    const left = await this.#spool.left();
    if (!left || left.timeline !== this.#standing.timelines[0]?.id) return;
    try {
      await this.#session(undefined, undefined).run();
    } catch (error) {
      signal.throwIfAborted();
      log.info(
        { reason: messageOf(error) },
        'What was left in the spool of binlogs is read again from the server.',
      );
    }
  }

  /** Once: from where the archive ends, until the connection does. */
  async #follow(): Promise<void> {
    const { server, archive, stateDirectory, start, signal, judge = usualJudge } = this.#options;
    const standing = this.#standing;
    const unreadable = this.#unreadable && this.#unreadable.times > 1 ? this.#unreadable.at : undefined;
    const { timelines, tail } = standing;
    const written = standing.unwritten ? timelines.slice(1) : timelines;
    const known = { server, archive, stateDirectory, start, timelines: written, tail, signal };
    const verdict = await judge({ ...known, unreadable, diverged: this.#diverged });
    this.#diverged = undefined;
    const hole = this.#holeOf(verdict.hole);
    if (verdict.kind === 'no_binlog') {
      if (hole) await standing.tell({ holes: [hole] });
      throw new TidemarkError(
        'archive_failed',
        'The server keeps no binlog (log_bin): nothing can be followed.',
      );
    }
    const file = await this.#turnTo(verdict);
    if (verdict.hole || verdict.kind === 'new_timeline') this.#samples.forget();
    await this.#read(file, hole);
  }

  /** @returns the file that is read first */
  async #turnTo(verdict: Exclude<Judgement, { kind: 'no_binlog' }>): Promise<string> {
    const { archive, signal } = this.#options;
    const standing = this.#standing;
    if (verdict.kind === 'new_timeline') {
      const id = standing.unwritten ? standing.timelines[0]!.id : randomBytes(16).toString('hex');
      const timeline: TimelineFacts = { id, ...verdict.timeline, createdAt: new Date().toISOString() };
      standing.timelines = [timeline, ...standing.timelines.filter((other) => other.id !== id)];
      standing.unwritten = true;
      standing.tail = undefined;
      standing.archived = { ...timeline.begins };
      return timeline.begins.file;
    }
    if (standing.unwritten) standing.timelines.shift();
    standing.unwritten = false;
    if (verdict.timeline !== standing.timelines[0]?.id) {
      const wanted = standing.timelines.find(({ id }) => id === verdict.timeline)!;
      standing.timelines = [wanted, ...standing.timelines.filter((other) => other !== wanted)];
      standing.tail = await readTail(archive, wanted.id, signal);
      // Of the other timeline nothing holds here: neither its places, whatever their names, nor its instants.
      standing.archived = { ...wanted.begins };
      standing.reachedTail();
      this.#samples.goBackTo(sampledUpTo(standing.tail));
      standing.archivedTime = this.#samples.archivedTime;
    }
    return verdict.from.file;
  }

  async #read(file: string, hole: HoleFacts | undefined): Promise<void> {
    const { server, serviceId, settings } = this.#options;
    const { tail, timelines } = this.#standing;
    this.#samples.follow(file);
    const segments = tail?.file === file ? tail.segments : [];
    const { position } = resumption(segments, smallOnes(segments, settings.segment_size)).start;
    await this.#spool.begin({ timeline: timelines[0]!.id, file, position });
    const source = await startSource({
      server,
      from: { file, position },
      serverId: settings.server_id ?? defaultServerId(serviceId),
      directory: this.#spool.directory,
      folder: this.#folder,
    });
    try {
      await this.#session(source, hole).run();
    } finally {
      await source.end();
    }
    this.#unreadable = undefined;
    if (source.trouble !== undefined) throw new TidemarkError('archive_failed', source.trouble);
  }

  #session(source: Source | undefined, hole: HoleFacts | undefined): Session {
    const { server, archive, serviceId, agentId, recipients, settings, intervalMs, signal } = this.#options;
    return new Session({
      server,
      archive,
      serviceId,
      agentId,
      recipients,
      level: settings.compression_level,
      folder: this.#folder,
      signal,
      standing: this.#standing,
      spool: this.#spool,
      clock: this.#clock,
      samples: this.#samples,
      source,
      segmentSize: settings.segment_size,
      spoolSize: settings.spool_size,
      intervalMs,
      hole,
    });
  }

  /** The same one while it goes on: it is told once, and once more with its end. */
  #holeOf(found: NewHole | undefined): HoleFacts | undefined {
    if (!found) return undefined;
    const { archivedTime, tail } = this.#standing;
    const lastEventAt = tail?.segments.findLast((segment) => segment.lastEventAt !== undefined)?.lastEventAt;
    const foundAt = new Date().toISOString();
    const hole = this.#openHole ?? { ...found, fromTime: archivedTime ?? lastEventAt ?? foundAt, foundAt };
    this.#openHole = found.to ? undefined : hole;
    return found.to ? { ...hole, ...found } : hole;
  }
}

/** Everything confirmed by then is archived. What was taken from a server that was stopped has no samples. */
function sampledUpTo(tail: Tail | undefined): string | undefined {
  return tail?.segments.findLast(({ sampledTo }) => sampledTo !== undefined)?.sampledTo;
}
