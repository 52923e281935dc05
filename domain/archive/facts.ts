/**
 * What is known of the archived binlogs of a service: segments, timelines, and holes. Positions are bytes in a binlog
 * file, GTID states as in `gtid_binlog_pos` (the newest transaction of each domain), times RFC 3339 in UTC with up to six
 * digits of a second.
 */

/** A place between two events of a binlog. */
export interface BinlogPoint {
  file: string;
  position: number;
}

/** A place between two transactions, and what had been written there. */
export interface ArchivePoint extends BinlogPoint {
  gtid: string;
}

/**
 * One look at the server: whatever was confirmed by `t0` lies before `position`, whatever lies before it was written by
 * `t1`, and whatever lies beyond was written after `t0`. The server's own clock.
 */
export interface ClockSample {
  t0: string;
  /** In the file of the segment; the end of the binlog at that moment. */
  position: number;
  t1: string;
}

/** An interval in which nobody looked at the commit clock. */
export interface Unsampled {
  from: string;
  to: string;
}

/** What of a segment is in the catalog. The header has more: see `storage/segments`. */
export interface SegmentFacts {
  timeline: string;
  file: string;
  /** The first byte, and the one after the last. The first segment of a file begins at 0. */
  start: number;
  end: number;
  /** The GTID state at `start`. */
  gtidBefore: string;
  /** Where the last whole transaction ends in it, and the state there. `start` when none does. */
  wholeEnd: number;
  gtidAfter: string;
  /** Of its first and its last event; left out when it has none with a time. */
  firstEventAt?: string;
  lastEventAt?: string;
  /** `t0` of the first and of the last sample of the commit clock in it; left out when nobody looked. */
  sampledFrom?: string;
  sampledTo?: string;
  /** Parts of the time between them in which nobody looked; left out where there are none. */
  unsampled?: Unsampled[];
  /** It ends with the event that closes its file. */
  closed?: 'rotate' | 'stop';
  /** Of the object. */
  storedBytes: number;
  sha256: string;
  /** age public keys; empty: not encrypted. */
  recipients: string[];
  shippedAt: string;
}

export const timelineCauses = [
  'first',
  'restore',
  'reset',
  'replaced',
  'behind',
  'rewritten',
  'lsn',
  'failover',
  'binlog_off',
] as const;
/**
 * Why a timeline began: the service's first; a restore; RESET MASTER or another head under a known name; another server;
 * a new file that begins behind what was archived; an archived range that the server now has otherwise; an LSN that went
 * back; another server that goes on with the same GTIDs; the binlog was switched off and on again.
 */
export type TimelineCause = (typeof timelineCauses)[number];

export interface TimelineFacts {
  /** 32 hex digits, random. */
  id: string;
  /** Left out for one that has none: its first, and one whose branch point nobody knows. */
  parent?: string;
  /** Where on the parent it begins; left out with it. */
  branch?: ArchivePoint;
  /**
   * Everything that was confirmed on the parent by this instant lies before the branch point. Left out while nobody
   * knows; a restore to an instant knows it.
   */
  branchTime?: string;
  /**
   * Where the binlog of what was there before a restore ended, once that server was stopped: beyond it nothing was
   * written. Left out where nobody looked.
   */
  replaced?: BinlogPoint;
  /** Where its own binlogs begin. */
  begins: ArchivePoint;
  cause: TimelineCause;
  createdAt: string;
}

export const holeCauses = ['purged', 'binlog_off', 'unreadable', 'unarchived', 'left_out'] as const;
/**
 * Why a stretch is in no archive: purged before it was shipped; the binlog was switched off; what the server gave could
 * not be read; nobody followed; archiving was switched off by the service's settings.
 */
export type HoleCause = (typeof holeCauses)[number];

export interface HoleFacts {
  timeline: string;
  /** The last that is archived before it, and the first after it; left out while it goes on. */
  from: ArchivePoint;
  to?: ArchivePoint;
  /** Instants between which transactions are missing: the last that is covered before, the first after. */
  fromTime: string;
  toTime?: string;
  cause: HoleCause;
  /** A sentence. */
  message: string;
  foundAt: string;
}

/** What a follower tells: in the order in which it came about. Telling the same again changes nothing. */
export interface FollowReport {
  timelines: TimelineFacts[];
  segments: SegmentFacts[];
  /** Small segments that others took the place of. */
  joined: { timeline: string; file: string; start: number; end: number }[];
  holes: HoleFacts[];
  /** Where it stands now. */
  state: FollowState;
}

export interface FollowState {
  timeline: string;
  /** Up to where transactions are in the archive, whole. */
  archived: ArchivePoint;
  /** Everything confirmed by this instant is in the archive; left out while nobody knows. */
  archivedTime?: string;
  /**
   * Nothing was confirmed on the timeline between `archivedTime` and this: the server was on another one. Only where it
   * is recorded, see {@link recordedState}.
   */
  since?: string;
  /** Where the server's binlog ended when last looked at, and when that was. */
  server?: BinlogPoint;
  lookedAt: string;
  lagBytes: number;
  /** How much is in the spool. */
  spoolBytes: number;
  /** What keeps it from going on, a sentence; empty when nothing does. */
  trouble: string;
}
