/** How the contract writes times and sizes. */
import type { PageRequest } from '../../catalog/types.ts';

/** RFC 3339 in UTC with whole seconds: `2024-03-26T17:18:57Z`. */
export function wholeSeconds(instant: string): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`;
}

/** `YYYY-MM-DD hh:mm:ss`, rounded up, so that a restore to the listed value is possible. */
export function wallClock(instant: string): string {
  const up = Math.ceil(Date.parse(instant) / 1000) * 1000;
  return new Date(up).toISOString().slice(0, 19).replace('T', ' ');
}

/** A key only where there is a value: the contract has neither null nor undefined. */
export function given<K extends string, V>(key: K, value: V | undefined | ''): Partial<Record<K, V>> {
  return value === undefined || value === '' ? {} : ({ [key]: value } as Partial<Record<K, V>>);
}

export interface PagingQuery {
  page: number;
  page_size: number;
  order: 'asc' | 'desc';
  created_before?: string | undefined;
}

export function pageRequest(query: PagingQuery): PageRequest {
  const before = query.created_before;
  return {
    page: query.page,
    pageSize: query.page_size,
    order: query.order,
    ...(before === undefined ? {} : { createdBefore: new Date(before).toISOString() }),
  };
}

export function pagesCount(count: number, query: PagingQuery): number {
  return Math.ceil(count / query.page_size);
}

/** An instant as exact as it is known: `2024-03-26T17:18:57.25Z`. */
export function shownExactly(time: string): string {
  return time.replace(/\.?0*Z$/, 'Z');
}
