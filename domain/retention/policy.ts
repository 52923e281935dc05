/** What a service's retention keeps, as it is set; and how a change of it is put together with what was set. */

/** How long the periods are of which the newest backup is kept. In UTC; a week begins on Monday. */
export const keepPeriods = ['daily', 'weekly', 'monthly', 'yearly'] as const;
export type KeepPeriod = (typeof keepPeriods)[number];

/** Of how many of the newest periods that have a backup. */
export type KeepCounts = Partial<Record<KeepPeriod, number>>;

/** A backup stays as long as any of these keeps it. */
export interface RetentionPolicy {
  /** For so many days after it ended; left out: its age alone keeps nothing that succeeded. */
  days?: number;
  /** The newest of each of so many days, weeks, months and years. */
  keep?: KeepCounts;
  /** So many of the newest fulls that succeeded, whatever their age; left out: 1. */
  minFulls?: number;
}

/** The most that `days` may be: ten years. */
export const longestRetentionDays = 3650;
/** The most that each of the counts may be. */
export const largestKeep = 10_000;
export const largestMinFulls = 1000;

/** What holds for a service: `days` and `keep` go together, by whoever says one of them. */
export function policyOf(own: RetentionPolicy, deployment: RetentionPolicy): RetentionPolicy {
  const { days, keep } = saysHowLong(own) ? own : deployment;
  return policy({ days, keep, minFulls: own.minFulls ?? deployment.minFulls });
}

export function saysHowLong({ days, keep }: RetentionPolicy): boolean {
  return days !== undefined || keep !== undefined;
}

export interface PolicyChange {
  /** `default` takes `keep` back, too. */
  days?: number | 'default' | undefined;
  keep?: KeepCounts | undefined;
  minFulls?: number | 'default' | undefined;
}

/**
 * What is set afterwards: `days` and `keep` take the place of both, and what is not named stays.
 *
 * @returns `default` when nothing is set any more
 */
export function changedPolicy(
  known: RetentionPolicy,
  { days, keep, minFulls }: PolicyChange,
): RetentionPolicy | 'default' {
  const named = days !== undefined || keep !== undefined;
  const changed = policy({
    ...(named ? { days: days === 'default' ? undefined : days, keep } : known),
    minFulls: minFulls === 'default' ? undefined : (minFulls ?? known.minFulls),
  });
  return Object.keys(changed).length === 0 ? 'default' : changed;
}

function policy(entries: { [K in keyof RetentionPolicy]: RetentionPolicy[K] | undefined }): RetentionPolicy {
  const keep = entries.keep && countsOf(entries.keep);
  const known = Object.entries({ ...entries, keep }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known);
}

function countsOf(keep: KeepCounts): KeepCounts | undefined {
  const counts = Object.entries(keep).filter(([, count]) => count > 0);
  return counts.length === 0 ? undefined : Object.fromEntries(counts);
}

/** `7 daily, 4 weekly`; empty where none is kept so. */
export function countsText(keep: KeepCounts = {}): string {
  return keepPeriods.flatMap((period) => (keep[period] ? [`${keep[period]} ${period}`] : [])).join(', ');
}
