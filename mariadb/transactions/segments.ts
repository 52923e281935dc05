/** Segments of the archive in their order, some of them fetched ahead: how much memory that takes has a limit. */
import type { ServerSettings } from '../../config/agent.ts';
import type { SegmentArchive, SegmentHeader } from '../../domain/archive/header.ts';
import type { ListedSegment } from '../../domain/archive/transactions.ts';
import type { Attempt } from '../context.ts';
import { segmentBytes } from '../replay/fetch.ts';

export interface SegmentSource {
  server: ServerSettings;
  archive: SegmentArchive;
  /** The secret that opens what is encrypted for these. @throws identity_unavailable */
  identityFor: (recipients: string[]) => Promise<string>;
  attempt: Attempt;
}

export interface FetchedSegment {
  header: SegmentHeader;
  /** The binlog's own; left out where they are not wanted. */
  bytes?: Buffer;
}

const mostAhead = 8;
const mostBytesAhead = 64 * 1024 ** 2;

type Opener = Parameters<typeof segmentBytes>[1];

export class SegmentFetcher {
  readonly #source: SegmentSource;
  /** By recipients: they may have been changed between two segments. */
  readonly #openers = new Map<string, Promise<Opener>>();
  /** What is opened now: one at a time, whoever it is for. */
  readonly #turn: Pick<Opener, 'opening'> = { opening: Promise.resolve() };

  constructor(source: SegmentSource) {
    this.#source = source;
  }

  /**
   * @param wanted whether the bytes of a segment are
   * @throws object_missing, object_damaged, identity_unavailable and what else a store throws
   */
  async *fetch(
    timeline: string,
    segments: readonly ListedSegment[],
    wanted: (header: SegmentHeader) => boolean,
  ): AsyncGenerator<FetchedSegment, void, undefined> {
    const coming: { bytes: number; fetched: Promise<FetchedSegment> }[] = [];
    let next = 0;
    for (const segment of segments) {
      while (next < segments.length && hasRoom(coming)) {
        const { start, end } = segments[next]!;
        const fetched = this.one(timeline, segments[next]!, wanted);
        // One that fails is told of when its turn comes, if it does.
        fetched.catch(() => undefined);
        coming.push({ bytes: end - start, fetched });
        next += 1;
      }
      const first = coming.shift();
      if (!first) throw new Error(`nothing was fetched of ${segment.file}`);
      yield await first.fetched;
    }
  }

  /** @throws as `fetch` does */
  async one(
    timeline: string,
    segment: ListedSegment,
    wanted: (header: SegmentHeader) => boolean,
  ): Promise<FetchedSegment> {
    const { archive, attempt } = this.#source;
    const header = await archive.header({ timeline, ...segment }, attempt.signal);
    if (!wanted(header)) return { header };
    return { header, bytes: await segmentBytes(header, await this.#openerFor(header.recipients)) };
  }

  #openerFor(recipients: string[]): Promise<Opener> {
    const key = recipients.join();
    const known = this.#openers.get(key) ?? this.#newOpener(recipients);
    this.#openers.set(key, known);
    return known;
  }

  async #newOpener(recipients: string[]): Promise<Opener> {
    const { server, archive, attempt, identityFor } = this.#source;
    const identity = recipients.length === 0 ? undefined : await identityFor(recipients);
    const turn = this.#turn;
    return {
      server,
      archive,
      attempt,
      identity,
      get opening() {
        return turn.opening;
      },
      set opening(next) {
        turn.opening = next;
      },
    };
  }
}

function hasRoom(coming: readonly { bytes: number }[]): boolean {
  const bytes = coming.reduce((sum, one) => sum + one.bytes, 0);
  return coming.length === 0 || (coming.length < mostAhead && bytes < mostBytesAhead);
}
