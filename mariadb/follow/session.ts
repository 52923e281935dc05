/** From one connection to the server until it ends: what comes into the spool is archived, file after file. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HoleFacts } from '../../domain/archive/facts.ts';
import type { SegmentHeader } from '../../domain/archive/header.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { CommitClock } from './clock.ts';
import type { FollowedClock } from './followed-clock.ts';
import { Lane } from './lane.ts';
import { isFull, numberOf, smallOnes } from './resume.ts';
import { packed, packedTogether, type Shipment, type ShippingOptions } from './shipping.ts';
import type { Source } from './source.ts';
import type { Spool } from './spool.ts';
import { newsOf, type Standing } from './standing.ts';

const pollMs = 50;
const guardMs = 250;
/** A server that has more and sends nothing for so long sends nothing at all. */
const silentMs = 30_000;
/** Trouble of before is over when it has gone well for so long. */
const healthyMs = 10_000;
const [firstPauseMs, longestPauseMs] = [250, 15_000];

export interface SessionOptions extends ShippingOptions {
  standing: Standing;
  spool: Spool;
  clock: CommitClock;
  samples: FollowedClock;
  /** Undefined: only what lies in the spool is archived. */
  source: Source | undefined;
  segmentSize: number;
  spoolSize: number;
  intervalMs: number;
  /** The first file comes after something that is missing. */
  hole: Omit<HoleFacts, 'toTime'> | undefined;
}

/** The next file does not begin where the one before ended. */
class Discontinuity extends Error {}

export class Session {
  readonly #options: SessionOptions;
  /** Files of the spool, in their order, the one that is read first. */
  #queue: string[] = [];
  #lane: Lane | undefined;
  #first = true;
  #headSeen = false;
  #shippedAt = 0;
  #readAt = Date.now();
  readonly #begunAt = Date.now();
  #guarding = Promise.resolve();
  #over = false;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /**
   * Resolves when nothing more comes, and all that is whole is archived.
   *
   * @throws Divergence, Discontinuity, BinlogDamage; archive_failed; object_exists; the signal's reason
   */
  async run(): Promise<void> {
    this.#guarding = this.#guard();
    try {
      while (await this.#step()) this.#options.signal.throwIfAborted();
    } finally {
      this.#over = true;
      await this.#guarding;
      await this.#lane?.spool.close();
    }
  }

  /** @returns whether there can be more */
  async #step(): Promise<boolean> {
    const { source, standing, samples, segmentSize } = this.#options;
    // Asked before it is looked what there is: what came last is not overlooked.
    const final = source?.ended ?? true;
    const next = await this.#fileAfter();
    this.#lane ??= await this.#open(final || next !== undefined);
    const lane = this.#lane;
    if (!lane) return await this.#wait(final);
    const read = await lane.read();
    if (read) this.#readAt = Date.now();
    await this.#meetHead(lane);
    const over = !read && !lane.full && (lane.track.closed !== undefined || next !== undefined);
    if (lane.verifying) {
      if (over) throw lane.shorter();
    } else if (lane.full) await this.#ship(lane, lane.track.place(segmentSize));
    else if (over) await this.#ship(lane, lane.track.eventEnd);
    else if (this.#due || (final && !read)) await this.#ship(lane, lane.track.wholeEnd);
    else if (!read) return await this.#wait(final);
    samples.advance(standing.archived);
    this.#look();
    await standing.tell();
    if (over) await this.#finish(lane);
    return over || read || lane.full ? true : await this.#wait(final);
  }

  /** The file in the spool that comes after the one that is read. */
  async #fileAfter(): Promise<string | undefined> {
    if (this.#queue.length < 2) this.#queue = await this.#options.spool.files();
    return this.#queue[1];
  }

  async #open(final: boolean): Promise<Lane | undefined> {
    const { spool, standing, segmentSize } = this.#options;
    const [file] = this.#queue;
    const spooled = file === undefined ? undefined : await spool.open(file);
    if (file === undefined || !spooled) return undefined;
    const { tail } = standing;
    const segments = tail?.file === file ? tail.segments : [];
    const lane = await Lane.open(file, spooled, { segments, segmentSize, final });
    if (!lane) await spooled.close();
    this.#headSeen = false;
    return lane;
  }

  /** A file that begins is to begin where the one before ended; unless it was judged that it may. */
  async #meetHead({ file, track, segments }: Lane): Promise<void> {
    const { head } = track;
    if (this.#headSeen || !head) return;
    this.#headSeen = true;
    const { standing, archive, signal, hole, source } = this.#options;
    const judged = this.#first && source !== undefined;
    this.#first = false;
    const [timeline] = standing.timelines;
    if (standing.unwritten && timeline) {
      if (timeline.begins.position === 0) timeline.begins = { file, position: 0, gtid: head.gtid };
      await this.#insist(() => archive.createTimeline(timeline, signal));
      standing.unwritten = false;
      await standing.tell({ timelines: [timeline] });
    } else if (!judged && segments.length === 0 && standing.tail?.segments.at(-1)?.gtidAfter !== head.gtid) {
      throw new Discontinuity(`The binlog ${file} does not begin where the one before it ended.`);
    }
    if (judged && hole) await standing.tell({ holes: [{ ...hole, toTime: nextSecond(head.at) }] });
  }

  get #due(): boolean {
    return Date.now() - this.#shippedAt >= this.#options.intervalMs || this.#options.standing.urgent;
  }

  /** @param end where nothing is to be shipped, undefined or where it begins */
  async #ship(lane: Lane, end: number | undefined): Promise<void> {
    if (end === undefined || end <= lane.track.start) return;
    const { standing, samples, segmentSize } = this.#options;
    const place = { timeline: standing.timelines[0]!.id, file: lane.file };
    const { start } = lane.track;
    const next = { bytes: end - start, samples: 0 };
    if (isFull(smallOnes(lane.segments, segmentSize), next, segmentSize)) await this.#join(lane);
    const facts = lane.track.cut(end);
    const clock = samples.of(lane.file, facts);
    const shipment = await packed(lane.spool, place, facts, clock, this.#options);
    await this.#put(shipment);
    this.#shippedAt = Date.now();
    const { header } = shipment;
    lane.segments = [...lane.segments, header];
    standing.tail = { ...place, segments: lane.segments, covered: [] };
    samples.shipped(clock);
    samples.advance({ file: header.file, position: header.wholeEnd, gtid: header.gtidAfter });
    standing.archivedTime = samples.archivedTime;
    standing.reached(header);
    await standing.tell(newsOf(header));
    await this.#release(lane);
  }

  /** Small segments become one, while their bytes are in the spool. */
  async #join(lane: Lane): Promise<void> {
    const { standing, archive, segmentSize, signal } = this.#options;
    const group = smallOnes(lane.segments, segmentSize);
    if (group.length < 2) return;
    const shipment = await packedTogether(lane.spool, group, this.#options);
    await this.#put(shipment);
    lane.segments = [...lane.segments.slice(0, -group.length), shipment.header];
    const { timeline: id, file: name } = shipment.header;
    standing.tail = { timeline: id, file: name, segments: lane.segments, covered: [] };
    const joined = group.map(({ timeline, file, start, end }) => ({ timeline, file, start, end }));
    // Whoever plans from now on reads the large one.
    await standing.tell({ ...newsOf(shipment.header), joined });
    for (const small of group)
      await this.#insist(() => archive.remove(small, small.recipients.length > 0, signal));
  }

  /** Of what cannot be joined any more nobody needs the bytes, nor what a header has beside its facts. */
  async #release(lane: Lane): Promise<void> {
    const group = smallOnes(lane.segments, this.#options.segmentSize);
    const others = lane.segments.slice(0, lane.segments.length - group.length).map(slim);
    lane.segments = [...others, ...group];
    await lane.spool.release(group[0]?.start ?? lane.track.start);
  }

  async #finish(lane: Lane): Promise<void> {
    await this.#join(lane);
    await lane.spool.remove();
    this.#lane = undefined;
    this.#first = false;
    this.#queue.shift();
  }

  async #put({ header, body }: Shipment): Promise<void> {
    const { archive, signal } = this.#options;
    await this.#insist(() => archive.put(header, body, signal));
  }

  /** A store that is away is waited for: what comes meanwhile lies in the spool. */
  async #insist(work: () => Promise<void>): Promise<void> {
    const { standing, signal } = this.#options;
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
      try {
        await work();
        standing.trouble('storing', '');
        return;
      } catch (error) {
        signal.throwIfAborted();
        const own = error instanceof TidemarkError && /^(object_exists|internal)$/.test(error.code);
        if (own) throw error;
        standing.trouble('storing', messageOf(error));
      }
      for (const end = Date.now() + pauseMs; Date.now() < end;) {
        this.#look();
        await standing.tell();
        await sleep(Math.min(pauseMs, 500), undefined, { signal });
      }
    }
  }

  /** @returns whether there can be more */
  async #wait(final: boolean): Promise<boolean> {
    const { source, signal, standing, samples } = this.#options;
    if (final) return false;
    samples.advance(standing.archived);
    this.#look();
    await standing.tell();
    if (source && this.#isStarved()) {
      standing.trouble('reading', 'The server sends nothing of its binlog, and has more.');
      await source.end();
      return true;
    }
    await sleep(pollMs, undefined, { signal });
    return true;
  }

  #isStarved(): boolean {
    if (Date.now() - this.#readAt < silentMs) return false;
    const { latest } = this.#options.clock;
    const [file] = this.#queue;
    if (!latest || file === undefined) return false;
    const received = this.#lane?.track.received ?? 0;
    return latest.file === file ? latest.position > received : numberOf(latest.file) > numberOf(file);
  }

  #look(): void {
    const { standing, clock, samples } = this.#options;
    const { latest } = clock;
    if (Date.now() - this.#begunAt > healthyMs) standing.trouble('reading', '');
    standing.archivedTime = samples.archivedTime;
    standing.trouble('server', clock.trouble);
    if (!latest) return;
    standing.server = { file: latest.file, position: latest.position };
    standing.lookedAt = latest.t1;
    standing.lagBytes = clock.bytesBeyond(standing.archived);
  }

  /** Reading waits when the spool is full: it begins again where it ended, once all that is there is shipped. */
  async #guard(): Promise<void> {
    const { spool, spoolSize, standing, source } = this.#options;
    while (!this.#over) {
      standing.spoolBytes = await spool.usedBytes();
      if (source && !source.ended && standing.spoolBytes > spoolSize) await source.end();
      await sleep(guardMs);
    }
  }
}

function slim(header: SegmentHeader): SegmentHeader {
  return header.clock.length + header.index.length === 0 ? header : { ...header, clock: [], index: [] };
}

/** A file says its second alone, and what is missing before it may have been written in that. */
function nextSecond(at: string): string {
  return new Date(Date.parse(at) + 1_000).toISOString();
}
