/** The newest backup of a day, a week, a month, a year. */
import type { RetentionCandidate } from './facts.ts';
import { later } from './chains.ts';
import { type KeepCounts, type KeepPeriod, keepPeriods } from './policy.ts';

const dayMs = 86_400_000;
/** Of the instant 0, a Thursday, since its Monday. */
const daysSinceMonday = 3;

/**
 * Who is kept as the newest of its kind and period, with the reason. Periods without a backup do not count: time that passes
 * lets nothing go, a newer backup does. By the time of the order, in UTC, which one clock gave.
 */
export function keptByPeriod(
  candidates: readonly RetentionCandidate[],
  keep: KeepCounts = {},
): Map<string, string> {
  const kept = new Map<string, string>();
  const succeeded = candidates.filter(({ status }) => status === 'Succeeded').toSorted(later);
  // None stands for one of another kind: a dump has no binlogs from before it, one of some databases has no others.
  for (const [kind, newestFirst] of Map.groupBy(succeeded, kindOf)) {
    if (kind === 'binlogs') continue;
    for (const period of keepPeriods) {
      const count = keep[period] ?? 0;
      const newest = newestByPeriod(newestFirst, period);
      for (const [name, id] of [...newest].slice(0, count)) {
        if (kept.has(id)) continue;
        const which = `${kindNames[kind]} of ${nameOf(period)} ${name}`;
        kept.set(id, `It is kept as the ${which}: ${count} ${period} are kept.`);
      }
    }
  }
  return kept;
}

/** How the newest of each kind is called. */
const kindNames = {
  files: 'newest',
  dump: 'newest dump',
  partial: 'newest dump of some databases',
};

/** Archived binlogs go by the backups that need them. */
function kindOf({ type, partial }: RetentionCandidate): keyof typeof kindNames | 'binlogs' {
  if (type === 'binarylog') return 'binlogs';
  if (type !== 'dump') return 'files';
  return partial ? 'partial' : 'dump';
}

/** Newest period first. One that is damaged stands for its period only where there is no other. */
function newestByPeriod(newestFirst: readonly RetentionCandidate[], period: KeepPeriod): Map<string, string> {
  const byPeriod = Map.groupBy(newestFirst, ({ createdAt }) => periodOf(period, createdAt));
  return new Map(
    [...byPeriod].flatMap(([name, members]) => {
      const best = members.find(({ damaged }) => damaged !== true) ?? members[0];
      return best ? [[name, best.id]] : [];
    }),
  );
}

/** `2026-03-26`; of a week its Monday; `2026-03`; `2026` */
function periodOf(period: KeepPeriod, createdAt: string): string {
  if (period === 'yearly') return createdAt.slice(0, 4);
  if (period === 'monthly') return createdAt.slice(0, 7);
  if (period === 'daily') return createdAt.slice(0, 10);
  const day = Math.floor(Date.parse(createdAt) / dayMs);
  const monday = day - ((((day + daysSinceMonday) % 7) + 7) % 7);
  return new Date(monday * dayMs).toISOString().slice(0, 10);
}

function nameOf(period: KeepPeriod): string {
  return { daily: 'the day', weekly: 'the week of', monthly: 'the month', yearly: 'the year' }[period];
}
