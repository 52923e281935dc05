/** Where the archived binlogs of a service break off, or go on elsewhere: what asks for a full backup, and for somebody's eyes. */
import type { FollowReport, HoleCause, HoleFacts, TimelineCause, TimelineFacts } from './facts.ts';
import { microseconds } from './instants.ts';

export interface ArchiveBreak {
  /** The same whenever it is told of again. */
  id: string;
  cause: HoleCause | TimelineCause;
  /** Sentences. */
  message: string;
  /** Whether somebody is to hear of it; not, where it was asked for. */
  alarming: boolean;
  foundAt: string;
}

const timelineMessages: Record<TimelineCause, string> = {
  first:
    'The storage had nothing of the binlogs that were archived before: it is another one, or was emptied.',
  restore: 'The service was restored, and goes on with other binlogs.',
  reset: 'The binlogs were reset (RESET MASTER), or other ones have their names now.',
  replaced: 'The server, or its data directory, is another one.',
  behind: 'A new binlog begins before what was archived: data was put back.',
  rewritten:
    'The server has less, or other, than was archived: after a power cut, or because data was put back.',
  lsn: 'The data is older than its binlogs: it was put back under them.',
  failover: 'The agent follows another server, which goes on with the same GTIDs.',
  binlog_off: 'The binlog (log_bin) was off, and is on again.',
};

/**
 * What of a report breaks the archive. Archiving that was switched off by the settings is no break, nor is the first
 * timeline of a service.
 *
 * @param known timelines of the service, those of the report too
 */
export function breaksIn(
  { timelines, holes }: Pick<FollowReport, 'timelines' | 'holes'>,
  known: readonly TimelineFacts[] = timelines,
): ArchiveBreak[] {
  return [
    ...timelines.flatMap((timeline) => breakOfTimeline(timeline, known)),
    ...holes.flatMap(breakOfHole),
  ];
}

function breakOfTimeline(
  { id, cause, createdAt }: TimelineFacts,
  known: readonly TimelineFacts[],
): ArchiveBreak[] {
  // Instants of the catalog have more digits than those of a report: as text they have no order.
  const isEarlier = (other: TimelineFacts): boolean =>
    microseconds(other.createdAt) < microseconds(createdAt);
  if (cause === 'first' && !known.some(isEarlier)) return [];
  const message = timelineMessages[cause];
  return [{ id: `timeline/${id}`, cause, message, alarming: cause !== 'restore', foundAt: createdAt }];
}

function breakOfHole({ timeline, from, cause, message, foundAt }: HoleFacts): ArchiveBreak[] {
  if (cause === 'left_out') return [];
  const id = `hole/${timeline}/${from.file}/${from.position}/${cause}`;
  return [{ id, cause, message, alarming: true, foundAt }];
}

/** Why a full is taken, for its message. @param breaks one at least */
export function reasonOf(breaks: readonly Pick<ArchiveBreak, 'cause' | 'message'>[]): string {
  const causes = [...new Set(breaks.map(({ cause }) => cause))].join(', ');
  return `Tidemark began it by itself (${causes}): ${breaks[0]!.message}`;
}

/** What is said of the breaks of a service that no full was taken after; empty where there is none to be said. */
export function alarmOf(
  breaks: readonly { message: string; alarming: boolean; backupId?: string }[],
): string {
  const messages = [...new Set(breaks.filter(({ alarming }) => alarming).map(({ message }) => message))];
  if (messages.length === 0) return '';
  const taken = breaks.findLast(({ backupId }) => backupId !== undefined)?.backupId;
  const advice =
    taken === undefined
      ? 'Take a full backup: until then nothing leads into what comes after.'
      : `The full backup ${taken} was begun for it; until one has succeeded, nothing leads into what comes after.`;
  return [...messages, advice].join(' ');
}
