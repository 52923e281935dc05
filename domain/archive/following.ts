/** Whether, by whom and how the binlog of a service is followed. */
import type { EncryptionPolicy } from '../encryption.ts';
import { TidemarkError } from '../errors.ts';
import type { OperationTimings } from '../operations.ts';
import type { BinlogSettings } from '../service-settings.ts';
import type { FollowReport, FollowState, TimelineFacts } from './facts.ts';
import { microseconds } from './instants.ts';
import { comparePlaces } from './stretches.ts';

/** What decides about the following of one service. */
export interface FollowFacts {
  serviceId: string;
  /** Empty once it was revoked. */
  agentId: string;
  /** Whether the server writes a binlog, as far as its agent said. */
  logBin: boolean;
  /** Whether something of it is archived, or is to be: it has a full whose place in the binlog is known. */
  begun: boolean;
  settings: BinlogSettings;
  encryption: EncryptionPolicy;
}

export type FollowDecision =
  /** `order` differs where another agent, or another setting, asks for a new beginning. */
  | { verdict: 'follow'; agentId: string; order: string }
  /** Nobody can now; it goes on by itself. */
  | { verdict: 'wait'; reason: string; order: string }
  | { verdict: 'none'; reason: string; order: ''; off: boolean };

/** Reasons are sentences. */
export function decideFollowing(facts: FollowFacts): FollowDecision {
  const { serviceId, agentId, settings, encryption } = facts;
  const none = (reason: string, off = false): FollowDecision => ({ verdict: 'none', reason, order: '', off });
  if (!settings.archive) return none('Archiving of binlogs is switched off for this service.', true);
  if (!facts.begun) {
    return none(
      facts.logBin
        ? 'Archiving of binlogs begins with the first full backup.'
        : 'The server writes no binlog (log_bin is off): there is nothing to archive.',
    );
  }
  if (agentId === '') {
    const reason = `The agent of ${serviceId} was revoked: its binlog is followed once another one is enrolled.`;
    return { verdict: 'wait', reason, order: 'no agent' };
  }
  const order = JSON.stringify([agentId, settings.intervalMs, encryption.unencrypted, encryption.recipients]);
  return { verdict: 'follow', agentId, order };
}

/** The worst of each hour, seconds, by `YYYY-MM-DDTHH`. */
export type LagHistory = Record<string, number>;

const hoursKept = 25;

/** @param at when, in Unix milliseconds */
export function noteLag(history: LagHistory, at: number, seconds: number): LagHistory {
  const hour = new Date(at).toISOString().slice(0, 13);
  const worst = Math.max(history[hour] ?? 0, Math.max(0, seconds));
  const hours = Object.entries({ ...history, [hour]: worst }).toSorted(([a], [b]) => (a < b ? 1 : -1));
  return Object.fromEntries(hours.slice(0, hoursKept));
}

/** Of the 24 hours before, and the one that is going on. */
export function worstLag(history: LagHistory, now: number): number {
  const oldest = new Date(now - 86_400_000).toISOString().slice(0, 13);
  const recent = Object.entries(history).filter(([hour]) => hour >= oldest);
  return Math.max(0, ...recent.map(([, seconds]) => seconds));
}

/**
 * How far the archive is behind, in seconds: what would be lost now. Undefined while nobody knows.
 *
 * @param now Unix milliseconds
 */
export function lagOf(state: Pick<FollowState, 'archivedTime' | 'since'>, now: number): number | undefined {
  const { archivedTime, since = archivedTime } = state;
  if (archivedTime === undefined || since === undefined) return undefined;
  return Math.max(0, (now - Math.max(Date.parse(archivedTime), Date.parse(since))) / 1000);
}

/**
 * What is known of where a follower stands, with what was known before. A follower that has just begun knows less of its
 * timeline than the one before it did, or not even which it is; and on a timeline that the server came back to, or began
 * with a restore, nothing was confirmed while it was elsewhere.
 *
 * @param timeline that the server is on by this, where more of it is known than its id
 */
export function recordedState(
  before: FollowState | undefined,
  told: FollowState,
  timeline?: TimelineFacts,
): FollowState {
  if (!before) return told;
  if (told.timeline === '') {
    const { timeline: id, archived, archivedTime, since } = before;
    return {
      ...told,
      timeline: id,
      archived,
      ...(archivedTime !== undefined && { archivedTime }),
      ...(since !== undefined && { since }),
    };
  }
  const other = before.timeline !== told.timeline;
  const since = latest([
    before.since,
    ...(other ? [before.archivedTime] : []),
    ...(timeline?.cause === 'restore' ? [timeline.createdAt] : []),
  ]);
  const less = other || comparePlaces(told.archived, before.archived) < 0;
  const archivedTime = less ? told.archivedTime : latest([before.archivedTime, told.archivedTime]);
  return {
    ...told,
    ...(archivedTime !== undefined && { archivedTime }),
    ...(since !== undefined && { since }),
  };
}

function latest(times: readonly (string | undefined)[]): string | undefined {
  return times
    .filter((time) => time !== undefined)
    .toSorted((a, b) => microseconds(a) - microseconds(b))
    .at(-1);
}

/**
 * How far the archive was behind just before a report, in seconds. Undefined while nobody knows: not of a timeline that
 * begins and has not told how, either.
 *
 * @param before recorded until then
 * @param now what {@link recordedState} made of it and of the report
 */
export function lagBefore(
  before: FollowState | undefined,
  now: FollowState,
  timeline: TimelineFacts | undefined,
): number | undefined {
  if (!before || !timeline) return undefined;
  const { since } = now;
  return lagOf({ ...before, ...(since !== undefined && { since }) }, Date.parse(now.lookedAt));
}

/** What a follower tells, and to whom. */
export interface ToldReport {
  /** Of the service: what is said of one is worth nothing for another. */
  workflowId: string;
  /** The order by which it follows; a later order has another. */
  session: string;
  /** Grows with each report of a session: one that somebody sends again is not taken. */
  sequence: number;
  report: FollowReport;
}

/** The same as it is signalled. */
export interface SignedReport {
  /** JSON of a {@link ToldReport}. */
  report: string;
  /** Ed25519, by the agent's key; base64. */
  signature: string;
}

/** What of signalled reports came into the catalog. */
export interface TakenReports {
  /** Of the last that was taken; those up to it are not taken again. */
  sequence: number;
  segments: number;
  /** As in {@link FollowStatus}; left out where none was taken. */
  lastSegment?: string;
  state?: FollowState;
}

/** Two reports, one after the other, as one. */
export function joinReports(first: FollowReport, second: FollowReport): FollowReport {
  return {
    timelines: [...first.timelines, ...second.timelines],
    segments: [...first.segments, ...second.segments],
    joined: [...first.joined, ...second.joined],
    holes: [...first.holes, ...second.holes],
    state: second.state,
  };
}

/** Whether a report says more than where the follower stands. */
export function isNews({ timelines, segments, joined, holes }: FollowReport): boolean {
  return timelines.length + segments.length + joined.length + holes.length > 0;
}

/** The input of the workflow that follows a service; what it knows goes on with it. */
export interface FollowInput {
  serviceId: string;
  timings: OperationTimings;
  /** Of the run before. */
  carried?: { state?: FollowState | undefined; lastSegment: string };
}

/** The answer to its query `status`. */
export interface FollowStatus {
  serviceId: string;
  /** Whom it works with; empty: with nobody now. */
  agentId: string;
  message: string;
  /** Where the follower stands; left out while nobody has said. */
  state?: FollowState | undefined;
  /** How far the archive is behind, in seconds and bytes; likewise. */
  lagSeconds?: number;
  lagBytes?: number;
  /** The last that was shipped, as `<file>/<start>-<end>`; empty while nothing was. */
  lastSegment: string;
}

/** @throws binlog_not_archived where nothing is archived of a service, with the reason */
export function requireFollowed(decision: FollowDecision, serviceId: string): void {
  if (decision.verdict !== 'none') return;
  throw new TidemarkError('binlog_not_archived', `No binlog of ${serviceId} is archived. ${decision.reason}`);
}
