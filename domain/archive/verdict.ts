/** What can come of holding a server against its archive, and how it is put into words. */
import type { ArchivePoint, BinlogPoint, HoleCause, TimelineCause } from './facts.ts';
import type { ArchivedTimeline } from './server-view.ts';

export interface NewTimeline {
  cause: TimelineCause;
  /** Left out, with `branch`, where nobody knows where on another it begins. */
  parent?: string;
  branch?: ArchivePoint;
  /** As in TimelineFacts. */
  branchTime?: string;
  /** As in TimelineFacts. */
  replaced?: BinlogPoint;
  begins: ArchivePoint;
}

export interface NewHole {
  /** In which timeline the last is that is archived before it. */
  timeline: string;
  cause: HoleCause;
  from: ArchivePoint;
  /** Left out while it goes on. */
  to?: ArchivePoint;
  message: string;
}

export type Verdict =
  /** `timeline` is an earlier one where its data was put back, as it is when a restore is undone. */
  | { kind: 'goes_on'; timeline: string; from: BinlogPoint; hole?: NewHole }
  /** What is read on begins with the file of `timeline.begins`, from its start. */
  | { kind: 'new_timeline'; timeline: NewTimeline; hole?: NewHole }
  /** Nothing to follow until it is switched on. Without a hole where nothing is archived. */
  | { kind: 'no_binlog'; hole?: NewHole };

/** @param begins where it begins on the server; the same place where left out */
export function branchAt(
  current: ArchivedTimeline,
  cause: TimelineCause,
  branch: ArchivePoint,
  begins: ArchivePoint = branch,
): Verdict {
  // Its first file is archived from the start of it, and so from before the place where it begins itself.
  const earlier = branch.file === current.begins.file && branch.position < current.begins.position;
  if (earlier) return unknownBefore(current, cause, begins);
  return { kind: 'new_timeline', timeline: { cause, parent: current.timeline, branch, begins } };
}

export function unknownBefore(
  current: ArchivedTimeline,
  cause: TimelineCause,
  begins: ArchivePoint,
): Verdict {
  const hole = holeBefore(current, cause === 'reset' ? 'purged' : 'unarchived', begins);
  return { kind: 'new_timeline', timeline: { cause, begins }, hole };
}

const messages: Record<HoleCause, string> = {
  purged:
    'Binlogs were removed from the server before they were archived. Keep them longer there (binlog_expire_logs_seconds), and see that the agent runs.',
  binlog_off: 'The server ran without a binlog (log_bin): what was changed in that time is in no archive.',
  unreadable: 'What the server gave of its binlog could not be read. See its error log and its disk.',
  unarchived:
    'What was changed before this point was not followed: the server has other data than the archive.',
  left_out: 'Archiving was switched off by the settings of the service.',
};

/** @param to left out while it goes on */
export function holeBefore(current: ArchivedTimeline, cause: HoleCause, to?: ArchivePoint): NewHole {
  const where = { timeline: current.timeline, from: endOf(current), ...(to && { to }) };
  return { ...where, cause, message: messages[cause] };
}

/** Up to where transactions are archived, whole. */
export function endOf({ last, begins }: ArchivedTimeline): ArchivePoint {
  return last ? { file: last.file, position: last.wholeEnd, gtid: last.gtidAfter } : begins;
}
