/** What the answers of every store across a network have in common when they refuse. */

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
