/**
 * Where a page of backups begins. The counts of each day say how many there are and on which day the page starts, so
 * that only that day's rows are stepped over, however far behind the page is.
 */
import type { Kysely } from 'kysely';
import { present } from './columns.ts';
import { limitsOf } from './pages.ts';
import type { Tables } from './schema.ts';
import type { BackupFilter, PageRequest } from './types.ts';

export interface PageStart {
  /** All backups that match, on whatever page. */
  count: number;
  /**
   * The bound of `created_at` that the page lies behind, in its order. One alone: given two, SQLite takes an index for
   * a short one that is not.
   */
  bound: ['>=' | '<', string];
  /** How many rows behind the bound come before the page. */
  offset: number;
  limit: number;
}

/** A page behind the end has the limit 0. */
export async function findPage(
  db: Kysely<Tables>,
  organization: string,
  filter: BackupFilter,
  page: PageRequest,
): Promise<PageStart> {
  const { limit, offset, before } = limitsOf(page);
  const days = await countDays(db, organization, filter, before);
  const count = days.reduce((sum, day) => sum + day.count, 0);
  const ascending = page.order === 'asc';
  let left = offset;
  for (const { day, count: ofDay } of ascending ? days : days.toReversed()) {
    if (left < ofDay) {
      return {
        count,
        bound: ascending ? ['>=', day] : ['<', least(dayEnd(day), before)],
        offset: left,
        limit: Math.min(limit, count - offset),
      };
    }
    left -= ofDay;
  }
  return { count, bound: ['<', before], offset: 0, limit: 0 };
}

/** The days that have matching backups, the oldest first; of the last one, those before the bound alone. */
async function countDays(
  db: Kysely<Tables>,
  organization: string,
  { serviceId, status, type }: BackupFilter,
  before: string,
): Promise<{ day: string; count: number }[]> {
  const lastDay = before.slice(0, 10);
  const rows = await db
    .selectFrom('backup_counts')
    .select((eb) => ['day', eb.cast<number>(eb.fn.sum('count'), 'bigint').as('count')])
    .where((eb) => eb.and(present({ organization, service_id: serviceId ?? '', status, type })))
    .where('day', '<=', lastDay)
    .groupBy('day')
    .orderBy('day')
    .execute();
  const last = rows.at(-1);
  if (last?.day !== lastDay) return rows;
  const { count } = await db
    .selectFrom('backups')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where((eb) => eb.and(present({ organization, service_id: serviceId, status, type })))
    .where('created_at', '>=', lastDay)
    .where('created_at', '<', before)
    .executeTakeFirstOrThrow();
  return [...rows.slice(0, -1), { day: lastDay, count }];
}

/** Later than every time of the day, as text: times have a `T` after the day. */
const dayEnd = (day: string): string => `${day}U`;

const least = (a: string, b: string): string => (a < b ? a : b);
