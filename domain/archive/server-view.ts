/** What the archive has of a timeline, and what a server shows of its binlogs, as far as the one is held against the other. */
import type { ArchivePoint } from './facts.ts';

/** How a binlog file begins. */
export interface BinlogHead {
  /** Digest of the format description and the Gtid_list, IN_USE masked: tells a file from others of its name. */
  digest: string;
  /** Of the server that wrote it. */
  serverId: number;
  /** What the Gtid_list says: the state at its beginning. */
  gtid: string;
}

/** A file of which something is archived. */
export interface ArchivedFile {
  file: string;
  head: BinlogHead;
  /** Where what is archived of it ends. */
  end: number;
  /** Where the last whole transaction ends in it, and the state there. */
  wholeEnd: number;
  gtidAfter: string;
  /** Places between transactions that are known without reading a body, by position: where segments end whole. */
  points: readonly ArchivePoint[];
}

/** What is archived of one timeline. */
export interface ArchivedTimeline {
  timeline: string;
  /** Where it begins: while nothing of it is archived, that is all that is known of it. */
  begins: ArchivePoint;
  /** The names of its files, oldest first. */
  files: readonly string[];
  /** What is archived of one of them; undefined where its beginning is not there any more. */
  file(name: string): Promise<ArchivedFile | undefined>;
  /** Of the newest. Left out while nothing is archived. */
  last?: ArchivedFile;
  /** The life of the server's data when it was last looked at, and how far its redo log was then synced. */
  seen?: { life?: string | undefined; lsn: number };
}

/** A server, which is asked for what is needed and for nothing else. What it answers holds while one look lasts. */
export interface ServerView {
  /** `log_bin`. */
  keepsBinlog: boolean;
  /** Oldest first; the last one is being written. Empty when it keeps none. */
  files: readonly { file: string; size: number }[];
  /** Undefined where nobody can know. */
  life: string | undefined;
  /** Where its redo log stands. */
  lsn: number;
  head(file: string): Promise<BinlogHead>;
  /**
   * How much of what is archived of a file it has byte for byte: a place where an archived range ends, or 0. Both copies
   * have the same head.
   */
  sameUpTo(archived: ArchivedFile): Promise<number>;
  /** Where in its own copy of a file it had come to these states, by position; its beginning is not looked at. */
  places(file: string, gtids: ReadonlySet<string>): Promise<readonly ArchivePoint[]>;
}
