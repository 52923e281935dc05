/** Turns a request for a page into the limits of a query. */
import { instant } from './columns.ts';
import type { PageRequest } from './types.ts';

/** Later than any time that is ever written. */
const endOfTime = '9999-12-31T23:59:59.999Z';

interface PageLimits {
  limit: number;
  offset: number;
  /** Records from this instant on are left out. */
  before: string;
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
