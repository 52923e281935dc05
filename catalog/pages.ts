/** One page of a list, together with how many there are on all pages. */
import { type Kysely, type SelectQueryBuilder, sql } from 'kysely';
import { instant } from './columns.ts';
import type { Database } from './database.ts';
import type { Tables } from './schema.ts';
import type { Page, PageRequest } from './types.ts';

/** Later than any time that is ever written. */
const endOfTime = '9999-12-31T23:59:59.999Z';

interface PageLimits {
  limit: number;
  offset: number;
  /** Records from this instant on are left out. */
  before: string;
}

interface List<Table extends keyof Tables, Row, Item> {
  /** The rows that match, without an order. */
  matching: (db: Kysely<Tables>) => SelectQueryBuilder<Tables, Table, object>;
  /** What is read of each row. */
  rows: (matching: SelectQueryBuilder<Tables, Table, object>) => SelectQueryBuilder<Tables, Table, Row>;
  recordOf: (row: Row) => Item;
  /** The columns that the list is ordered by. */
  key?: { created: string; id: string };
}

/** @throws invalid_request when `createdBefore` is no time */
export function limitsOf(page: PageRequest): PageLimits {
  return {
    limit: page.pageSize,
    // A page far behind the end is empty; it must not overflow the database's integers.
    offset: Math.min((page.page - 1) * page.pageSize, Number.MAX_SAFE_INTEGER),
    before: page.createdBefore === undefined ? endOfTime : instant(page.createdBefore),
  };
}

/**
 * A page in the order of creation, and the count of all, both of one moment.
 *
 * @throws invalid_request when `createdBefore` is no time
 */
export async function pageOf<Table extends keyof Tables, Row, Item>(
  database: Database,
  page: PageRequest,
  { matching, rows, recordOf, key = { created: 'created_at', id: 'id' } }: List<Table, Row, Item>,
): Promise<Page<Item>> {
  const { limit, offset, before } = limitsOf(page);
  const created = sql.ref<string>(key.created);
  return await database.snapshot(async (db) => {
    const found = matching(db).where(created, '<', before);
    const { count } = await found
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    const onPage = await rows(found)
      .orderBy(created, page.order)
      .orderBy(sql.ref(key.id), page.order)
      .limit(limit)
      .offset(offset)
      .execute();
    return { items: onPage.map((row) => recordOf(row as Row)), count };
  });
}
