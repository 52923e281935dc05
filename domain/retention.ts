/**
 * Retention: which backups of a service its policy removes, and which it keeps, each with its reason. Pure, so that
 * the plan that is shown and the removal that is carried out are the same judgement.
 */
import { isFinal } from './operations.ts';
import { dependentsFirst, keepWhatIsNeeded, later } from './retention/chains.ts';
import type { RetentionCandidate, RetentionFacts, Verdict } from './retention/facts.ts';
import { keptByPeriod } from './retention/periods.ts';
import { countsText, type RetentionPolicy } from './retention/policy.ts';

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
  newestFulls: ReadonlySet<string>;
  /** Where no good full is newer. */
  newestDumps: ReadonlySet<string>;
  byPeriod: ReadonlyMap<string, string>;
}

/** Why a backup is kept, or undefined when the rule has nothing to say of it. */
type Rule = (backup: RetentionCandidate, court: Court) => string | undefined;

/** The first that speaks gives the reason. Another kind of retention is another rule here. */
const rules: readonly Rule[] = [
  unfinished,
  pinned,
  archived,
  young,
  newestOfPeriod,
  lastGoodFull,
  lastGoodDump,
  onlyJustDue,
];

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
  const newestFulls = new Set(newestGoodFulls(candidates, policy.minFulls ?? 1).map(({ id }) => id));
  const newestDumps = new Set(dumpsInPlaceOfFulls(candidates, policy.minFulls ?? 1).map(({ id }) => id));
  const byPeriod = keptByPeriod(candidates, policy.keep);
  const court: Court = { policy, pins, now, graceMs, newestFulls, newestDumps, byPeriod };
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
 * The backup of a service that older ones may be removed for: its newest full, or the newer dump of all databases. A full
 * that is known to be damaged is none, unless there is nothing else: it is better than nothing. One of some databases
 * stands for no full.
 */
export function newestGood(candidates: readonly RetentionCandidate[]): RetentionCandidate | undefined {
  const [full] = newestGoodFulls(candidates, 1);
  const [dump] = dumpsInPlaceOfFulls(candidates, 1);
  const isBehind = dump?.partial === true && full !== undefined && full.damaged !== true;
  return isBehind ? full : (dump ?? full);
}

function newestGoodFulls(candidates: readonly RetentionCandidate[], count: number): RetentionCandidate[] {
  const fulls = candidates
    .filter(({ type, status }) => type === 'full' && status === 'Succeeded')
    .toSorted(later);
  const good = fulls.filter(({ damaged }) => damaged !== true);
  return good.length === 0 ? fulls.slice(0, 1) : good.slice(0, count);
}

/**
 * Dumps that no good full is newer than are what a service is brought back with: the newest of all databases, or where
 * there is none, the newest of some.
 */
function dumpsInPlaceOfFulls(candidates: readonly RetentionCandidate[], count: number): RetentionCandidate[] {
  const good = candidates.filter(({ status, damaged }) => status === 'Succeeded' && damaged !== true);
  const newestFirst = good.filter(({ type }) => type === 'dump' || type === 'full').toSorted(later);
  const newestFull = newestFirst.findIndex(({ type }) => type === 'full');
  const dumps = newestFull === -1 ? newestFirst : newestFirst.slice(0, newestFull);
  const whole = dumps.filter(({ partial }) => partial !== true);
  return (whole.length > 0 ? whole : dumps).slice(0, count);
}

/**
 * The earliest creation of a backup that is young for sure: who was created at or after this instant is kept by any
 * judgement of `now`. RFC 3339 in UTC.
 */
export function youngSince({ days = 0 }: RetentionPolicy, now: number): string {
  return new Date(now - days * dayMs).toISOString();
}

/**
 * How many days a backup is kept for its age alone. One that came to nothing is kept for as long as whoever looks after
 * the service may want to know: where no `days` are set, for as many as are kept daily, and for one at least.
 */
function daysFor({ status }: RetentionCandidate, { days, keep }: RetentionPolicy): number {
  if (days !== undefined) return days;
  return status === 'Succeeded' ? 0 : Math.max(1, keep?.daily ?? 0);
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

function archived({ type, status }: RetentionCandidate): string | undefined {
  if (type !== 'binarylog' || status !== 'Succeeded') return undefined;
  return 'It stands for archived binlogs, and goes when no backup that is kept needs them.';
}

function young(backup: RetentionCandidate, { policy, now }: Court): string | undefined {
  const days = daysFor(backup, policy);
  const until = ageFrom(backup, now) + days * dayMs;
  if (until <= now) return undefined;
  return `It is kept until ${utc(until)}: ${daysText(days)} after it ended.`;
}

function newestOfPeriod({ id }: RetentionCandidate, { byPeriod }: Court): string | undefined {
  return byPeriod.get(id);
}

function lastGoodFull({ id }: RetentionCandidate, { newestFulls, policy }: Court): string | undefined {
  if (!newestFulls.has(id)) return undefined;
  const { minFulls = 1 } = policy;
  return minFulls === 1
    ? 'It is the newest full backup of the service that succeeded, and is kept until there is a newer one.'
    : `It is one of the newest ${minFulls} full backups of the service that succeeded, which are kept whatever their age.`;
}

function lastGoodDump({ id }: RetentionCandidate, { newestDumps }: Court): string | undefined {
  if (!newestDumps.has(id)) return undefined;
  return 'It is one of the newest dumps of the service, which has no newer good full backup, and is kept until there is one.';
}

function onlyJustDue({ dueSince }: RetentionCandidate, { now, graceMs }: Court): string | undefined {
  if (graceMs === 0) return undefined;
  const since = dueSince === undefined ? now : Date.parse(dueSince);
  if (since <= now - graceMs) return undefined;
  return `It has expired, and is removed after ${utc(since + graceMs)}.`;
}

function reasonToRemove(backup: RetentionCandidate, { policy, now }: Court): string {
  const others = countsText(policy.keep);
  const succeeded = backup.status === 'Succeeded';
  if (succeeded && policy.days === undefined) return `It is none of those that are kept: ${others}.`;
  const days = daysFor(backup, policy);
  const since = utc(ageFrom(backup, now) + days * dayMs);
  const after = {
    Succeeded: 'it ended',
    Failed: 'it failed',
    Cancelled: 'it was cancelled',
    Scheduled: 'it was ordered',
    Running: 'it was ordered',
  }[backup.status];
  const besides =
    succeeded && others !== '' ? `, and it is none of those that are kept besides: ${others}` : '';
  return `It expired at ${since}: ${daysText(days)} after ${after}${besides}.`;
}

function daysText(days: number): string {
  return days === 1 ? '1 day' : `${days} days`;
}

/** `2026-03-26 17:18:57 UTC` */
function utc(ms: number): string {
  const text = new Date(ms).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 19)} UTC`;
}
