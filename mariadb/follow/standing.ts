/** How far the archive has come, what is wrong, and who is told. */
import path from 'node:path';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type {
  ArchivePoint,
  BinlogPoint,
  FollowReport,
  FollowState,
  TimelineFacts,
} from '../../domain/archive/facts.ts';
import { factsOf, type SegmentHeader } from '../../domain/archive/header.ts';
import { messageOf } from '../../domain/errors.ts';
import type { Log } from '../../domain/log.ts';
import { writeDurably } from '../restore/files.ts';
import { numberOf, type Tail } from './resume.ts';

export type Tell = (report: FollowReport) => Promise<void>;
export type News = Partial<Omit<FollowReport, 'state'>>;

/** Which timeline was followed last, and up to which file everything was told. */
const noteSchema = z.object({ timeline: z.string(), file: z.string() });
const noteOf = (folder: string): string => path.join(folder, 'followed.json');

/**
 * What an earlier process noted: of that timeline a segment is archived.
 *
 * @param folder the follower's own
 */
export async function readFollowed(folder: string): Promise<z.infer<typeof noteSchema> | undefined> {
  try {
    return noteSchema.parse(JSON.parse(await readFile(noteOf(folder), 'utf8')));
  } catch {
    return undefined;
  }
}

/** How often it is told where it stands, when there is nothing else to tell. */
const tellMs = 1_000;

/** What can be wrong, each by itself. */
export type TroubleKind = 'server' | 'reading' | 'storing' | 'telling';

export class Standing {
  /** The one that is followed first; empty before the archive was read. */
  timelines: TimelineFacts[] = [];
  /** The first of them is not written yet: how it begins is not known. */
  unwritten = false;
  /** Of the newest file of it. */
  tail: Tail | undefined;
  archived: ArchivePoint;
  archivedTime: string | undefined;
  server: BinlogPoint | undefined;
  lookedAt = new Date().toISOString();
  lagBytes = 0;
  spoolBytes = 0;
  readonly #troubles = new Map<TroubleKind, string>();
  readonly #folder: string;
  readonly #log: Log;
  #tell: Tell | undefined;
  #news: News = {};
  #toldAt = 0;
  #noted = '';
  #waiting: { target: BinlogPoint; resolve: () => void }[] = [];

  constructor(folder: string, start: BinlogPoint, log: Log) {
    this.#folder = folder;
    this.#log = log;
    this.archived = { file: start.file, position: 0, gtid: '' };
  }

  get state(): FollowState {
    return {
      timeline: this.timelines[0]?.id ?? '',
      archived: this.archived,
      ...(this.archivedTime !== undefined && { archivedTime: this.archivedTime }),
      ...(this.server && { server: this.server }),
      lookedAt: this.lookedAt,
      lagBytes: this.lagBytes,
      spoolBytes: this.spoolBytes,
      trouble: [...this.#troubles.values()].join(' '),
    };
  }

  set teller(tell: Tell) {
    this.#tell = tell;
  }

  /** @param sentence empty: it is over */
  trouble(kind: TroubleKind, sentence: string): void {
    if (sentence === (this.#troubles.get(kind) ?? '')) return;
    if (sentence === '') this.#troubles.delete(kind);
    else this.#troubles.set(kind, sentence);
    if (sentence !== '') this.#log.warn({ trouble: kind }, sentence);
  }

  /** A segment is in the archive. */
  reached(header: SegmentHeader): void {
    if (header.wholeEnd === header.start) return;
    this.archived = { file: header.file, position: header.wholeEnd, gtid: header.gtidAfter };
    const reached = this.#waiting.filter(({ target }) => this.has(target));
    this.#waiting = this.#waiting.filter((waiting) => !reached.includes(waiting));
    for (const { resolve } of reached) resolve();
  }

  /** What was archived of the timeline before. */
  reachedTail(): void {
    const whole = this.tail?.segments.findLast(({ wholeEnd, start }) => wholeEnd > start);
    if (whole) this.reached(whole);
  }

  has({ file, position }: BinlogPoint): boolean {
    const { archived } = this;
    if (archived.file === file) return archived.position >= position;
    return numberOf(archived.file) > numberOf(file);
  }

  /** Somebody waits for more to be archived. */
  get urgent(): boolean {
    return this.#waiting.length > 0;
  }

  /** @throws the signal's reason; nobody waits from then on */
  async until(target: BinlogPoint, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.has(target)) return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting = { target, resolve };
    const giveUp = (): void => {
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
      reject(signal.reason as Error);
    };
    this.#waiting.push(waiting);
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** What cannot be told now is told with what comes next. Without news, it says now and then where it stands. */
  async tell(news?: News): Promise<void> {
    this.#news = joined(this.#news, news ?? {});
    const due = Date.now() - this.#toldAt >= tellMs;
    if (!this.#tell || (!news && !due)) return;
    this.#toldAt = Date.now();
    const { timelines = [], segments = [], joined: others = [], holes = [] } = this.#news;
    try {
      await this.#tell({ timelines, segments, joined: others, holes, state: this.state });
    } catch (error) {
      this.trouble('telling', `What was archived could not be told: ${messageOf(error)}`);
      return;
    }
    this.#news = {};
    this.trouble('telling', '');
    const newest = segments.at(-1);
    if (newest) await this.#note({ timeline: newest.timeline, file: newest.file });
  }

  /** What an earlier process noted. */
  async noted(): ReturnType<typeof readFollowed> {
    return await readFollowed(this.#folder);
  }

  async #note(note: z.infer<typeof noteSchema>): Promise<void> {
    const text = JSON.stringify(note);
    if (text === this.#noted) return;
    await writeDurably(noteOf(this.#folder), text);
    this.#noted = text;
  }
}

/** Only what the catalog keeps. */
export function newsOf(...headers: SegmentHeader[]): News {
  return { segments: headers.map(factsOf) };
}

function joined(first: News, second: News): News {
  return {
    timelines: [...(first.timelines ?? []), ...(second.timelines ?? [])],
    segments: [...(first.segments ?? []), ...(second.segments ?? [])],
    joined: [...(first.joined ?? []), ...(second.joined ?? [])],
    holes: [...(first.holes ?? []), ...(second.holes ?? [])],
  };
}
