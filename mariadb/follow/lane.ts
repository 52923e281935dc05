/** One binlog file between the spool and the archive. */
import { BinlogTrack } from '../../domain/archive/track.ts';
import type { SegmentHeader } from '../../domain/archive/header.ts';
import { plainDigest } from './encode.ts';
import { resumption, smallOnes } from './resume.ts';
import type { SpoolFile } from './spool-file.ts';

const pieceBytes = 256 * 1024;
/** Given to others in between: what is there of a file is read in turns. */
const turnBytes = 16 * pieceBytes;

/** The server's copy of what is archived is another. */
export class Divergence extends Error {
  readonly file: string;
  /** Up to here both are the same. */
  readonly position: number;

  constructor(file: string, position: number) {
    super(`The server's ${file} is not what was archived of it, from ${position} on.`);
    this.file = file;
    this.position = position;
  }
}

export class Lane {
  readonly file: string;
  readonly track: BinlogTrack;
  readonly spool: SpoolFile;
  /** What is archived of the file, by start. */
  segments: SegmentHeader[];
  /** What of that comes again, and has to be the same. */
  #verify: SegmentHeader[];
  readonly #segmentSize: number;
  readonly #piece = Buffer.allocUnsafe(pieceBytes);

  private constructor(
    file: string,
    spool: SpoolFile,
    track: BinlogTrack,
    {
      segments,
      verify,
      segmentSize,
    }: { segments: SegmentHeader[]; verify: SegmentHeader[]; segmentSize: number },
  ) {
    this.file = file;
    this.spool = spool;
    this.track = track;
    this.segments = segments;
    this.#verify = verify;
    this.#segmentSize = segmentSize;
  }

  /**
   * @param final nothing more is going to come
   * @returns undefined while too little of it is there
   */
  static async open(
    file: string,
    spool: SpoolFile,
    { segments, segmentSize, final }: { segments: SegmentHeader[]; segmentSize: number; final: boolean },
  ): Promise<Lane | undefined> {
    const head = await spool.head(final);
    if (!head) return undefined;
    const { start, verify } = resumption(segments, smallOnes(segments, segmentSize));
    const track = new BinlogTrack(start);
    if (start.position > 0) track.feed(head);
    return new Lane(file, spool, track, { segments, verify, segmentSize });
  }

  /** What is still to be found the same. */
  get verifying(): boolean {
    return this.#verify.length > 0;
  }

  /** The server's copy ends before what is archived does. */
  shorter(): Divergence {
    return new Divergence(this.file, this.#verify[0]?.start ?? 0);
  }

  /** A segment cannot hold more: it is to be cut. */
  get full(): boolean {
    return !this.verifying && this.track.received - this.track.start >= this.#segmentSize;
  }

  /**
   * Reads on until a segment is full, or for a turn.
   *
   * @returns whether there was anything
   * @throws BinlogDamage, Divergence
   */
  async read(): Promise<boolean> {
    let bytes = 0;
    while (bytes < turnBytes) {
      const next = this.#verify[0];
      const end = next?.end ?? this.track.start + this.#segmentSize;
      const room = Math.min(end - this.track.received, pieceBytes);
      if (room <= 0) {
        if (!next) break;
        await this.#compare(next);
        continue;
      }
      const read = await this.spool.readAt(this.track.received, this.#piece.subarray(0, room));
      if (read === 0) break;
      this.track.feed(this.#piece.subarray(0, read));
      bytes += read;
    }
    return bytes > 0;
  }

  async #compare(archived: SegmentHeader): Promise<void> {
    const { track } = this;
    const { start, end } = archived;
    const facts = track.cut(end);
    const same =
      facts.wholeEnd === archived.wholeEnd &&
      facts.stateAfter === archived.stateAfter &&
      facts.head === archived.head &&
      (await plainDigest(this.spool, { start, end })) === archived.plainSha256;
    if (!same) throw new Divergence(this.file, start);
    this.#verify.shift();
  }
}
