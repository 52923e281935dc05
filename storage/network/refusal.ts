/** What the answers of every store across a network have in common when they refuse. */
import type { StoreFault } from '../store.ts';

const longestSaying = 300;

/** What the other side said as a part of one of our sentences, cut short: the text is anybody's. */
export function saying(text: string): string {
  const clean = text
    .replaceAll(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .replace(/\.$/, '');
  return clean.length > longestSaying ? `${clean.slice(0, longestSaying)}…` : clean;
}

/** @param header `Retry-After`: seconds, or a date. @returns seconds; undefined when it says nothing */
export function retryAfter(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined;
  if (/^\d{1,6}$/.test(header)) return Number(header);
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - Date.now()) / 1000));
}

/** Whether the code of a system's error tells that the way to the other side is broken, or slow. */
export function isNetwork(errno: string | undefined): boolean {
  return /^(ECONN|EAI_|ENETUNREACH|EHOSTUNREACH|ENOTFOUND|ETIMEDOUT|EPIPE|ERR_STREAM)/.test(errno ?? '');
}

/** A 404 without the name of a missing key is not here: some proxy's would make objects look as if they were gone. */
const faultsByStatus: Record<number, StoreFault> = {
  401: 'storage_credentials_refused',
  403: 'storage_forbidden',
  408: 'storage_timeout',
  409: 'storage_unavailable',
  412: 'object_exists',
  429: 'storage_throttled',
  501: 'storage_refused',
  504: 'storage_timeout',
  507: 'storage_full',
};

/** What an HTTP status means where the answer says no more: other refusals stay so, all else may pass. */
export function faultOfStatus(status: number): StoreFault {
  return (
    faultsByStatus[status] ?? (status >= 400 && status < 500 ? 'storage_refused' : 'storage_unavailable')
  );
}
