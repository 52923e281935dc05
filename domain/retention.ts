/**
 * Retention: which backups of a service its policy removes, and which it keeps, each with its reason. Pure, so that
 * the plan that is shown and the removal that is carried out are the same judgement.
 */
import { isFinal } from './operations.ts';
import { dependentsFirst, keepWhatIsNeeded, later } from './retention/chains.ts';
import type { RetentionCandidate, RetentionFacts, Verdict } from './retention/facts.ts';

export interface RetentionPolicy {
  /** A backup is kept for so many days after it ended. */
  days: number;
}

/** The most that `days` may be: ten years. */
export const longestRetentionDays = 3650;

const dayMs = 86_400_000;

interface Clock {
  /** Unix milliseconds. */
  now: number;
  /**
   * How long a backup has to have been due before it is removed. A clock that is set wrong for a moment then makes
   * backups due, and no more. Milliseconds.
   */
  graceMs: number;
}

interface Court extends Clock {
  policy: RetentionPolicy;
  pins: ReadonlyMap<string, string>;
  newestFull: string | undefined;
}

/** Why a backup is kept, or undefined when the rule has nothing to say of it. */
type Rule = (backup: RetentionCandidate, court: Court) => string | undefined;

/** The first that speaks gives the reason. Another kind of retention is another rule here. */
const rules: readonly Rule[] = [unfinished, pinned, young, lastGoodFull, onlyJustDue];

/**
 * One verdict for each backup. What is removed comes in the order in which it can be removed: nothing before what
 * depends on it. What is kept follows, newest first.
 *
 * @example judge(facts, { days: 7 }, { now: Date.now(), graceMs: 0 }).filter(({ keep }) => !keep)
 */
export function judge(
  { candidates, pins }: RetentionFacts,
  policy: RetentionPolicy,
  { now, graceMs }: Clock,
): Verdict[] {
  const newestFirst = candidates.toSorted(later);
  const newestFull = newestGoodFull(candidates)?.id;
  const court: Court = { policy, pins, now, graceMs, newestFull };
  const kept = new Map<string, string>();
  for (const backup of newestFirst) {
    const reason = rules.map((rule) => rule(backup, court)).find((said) => said !== undefined);
    if (reason !== undefined) kept.set(backup.id, reason);
  }
  keepWhatIsNeeded(newestFirst, kept);
  const removed = newestFirst.filter(({ id }) => !kept.has(id));
  return [
    ...dependentsFirst(removed).map((backup) => ({
      id: backup.id,
      keep: false,
      reason: reasonToRemove(backup, court),
    })),
    ...newestFirst.flatMap(({ id }) => {
      const reason = kept.get(id);
      return reason === undefined ? [] : [{ id, keep: true, reason }];
    }),
  ];
}

/**
 * The full backup of a service that older ones may be removed for. One that is known to be damaged is none, unless
 * there is no other: it is better than nothing.
 */
export function newestGoodFull(candidates: readonly RetentionCandidate[]): RetentionCandidate | undefined {
  const fulls = candidates
    .filter(({ type, status }) => type === 'full' && status === 'Succeeded')
    .toSorted(later);
  return fulls.find(({ damaged }) => damaged !== true) ?? fulls.at(0);
}

/**
 * The earliest creation of a backup that is young for sure: who was created at or after this instant is kept by any
 * judgement of `now`. RFC 3339 in UTC.
 */
export function youngSince(policy: RetentionPolicy, now: number): string {
  return new Date(now - policy.days * dayMs).toISOString();
}

/**
 * From when a backup's age counts. It ended on a host whose clock may be wrong: an end before the order, or one that
 * is still to come, is not believed.
 */
function ageFrom({ createdAt, endedAt }: RetentionCandidate, now: number): number {
  return Math.max(Date.parse(createdAt), Math.min(Date.parse(endedAt ?? createdAt), now));
}

function unfinished({ status }: RetentionCandidate): string | undefined {
  return isFinal(status) ? undefined : `It is ${status}: only what has ended can expire.`;
}

function pinned({ id }: RetentionCandidate, { pins }: Court): string | undefined {
  return pins.get(id);
}

function young(backup: RetentionCandidate, { policy, now }: Court): string | undefined {
  const until = ageFrom(backup, now) + policy.days * dayMs;
  if (until <= now) return undefined;
  return `It is kept until ${utc(until)}: ${daysOf(policy)} after it ended.`;
}

function lastGoodFull({ id }: RetentionCandidate, { newestFull }: Court): string | undefined {
  if (id !== newestFull) return undefined;
  return 'It is the newest full backup of the service that succeeded, and is kept until there is a newer one.';
}

function onlyJustDue({ dueSince }: RetentionCandidate, { now, graceMs }: Court): string | undefined {
  if (graceMs === 0) return undefined;
  const since = dueSince === undefined ? now : Date.parse(dueSince);
  if (since <= now - graceMs) return undefined;
  return `It has expired, and is removed after ${utc(since + graceMs)}.`;
}

function reasonToRemove(backup: RetentionCandidate, { policy, now }: Court): string {
  const since = utc(ageFrom(backup, now) + policy.days * dayMs);
  const after = {
    Succeeded: 'it ended',
    Failed: 'it failed',
    Cancelled: 'it was cancelled',
    Scheduled: 'it was ordered',
    Running: 'it was ordered',
  }[backup.status];
  return `It expired at ${since}: ${daysOf(policy)} after ${after}.`;
}

function daysOf({ days }: RetentionPolicy): string {
  return days === 1 ? '1 day' : `${days} days`;
}

/** `2026-03-26 17:18:57 UTC` */
function utc(ms: number): string {
  const text = new Date(ms).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`;
}
