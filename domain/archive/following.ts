/** Whether, by whom and how the binlog of a service is followed. */
import type { EncryptionPolicy } from '../encryption.ts';
import { TidemarkError } from '../errors.ts';
import type { OperationTimings } from '../operations.ts';
import type { BinlogSettings } from '../service-settings.ts';
import type { FollowReport, FollowState } from './facts.ts';

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

/** How far the archive is behind, in seconds: what would be lost now. */
export function lagOf(archivedTime: string, now: number): number {
  return Math.max(0, (now - Date.parse(archivedTime)) / 1000);
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
