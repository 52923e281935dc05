/**
 * Runs before each suite: whatever a test fetches from the API has to be what the API's own document promises, in
 * every suite, whoever asks. Answers of other servers are left alone.
 */
import type { Checker, OpenApi } from './openapi.ts';

const belowBase = /^(\/2024)?\/skybackup\/v1\//;
/** With it, a server of a test says that it only stands in for the API. */
const standInHeader = 'x-stand-in';
const checkers = new Map<string, Promise<Checker>>();
const plainFetch = globalThis.fetch;

globalThis.fetch = async (input, init) => {
  const response = await plainFetch(input, init);
  const { origin, pathname, search } = new URL(input instanceof Request ? input.url : input);
  if (!belowBase.test(pathname) || response.headers.has(standInHeader)) return response;
  const method = init?.method ?? (input instanceof Request ? input.method : 'GET');
  const check = await checkerFor(origin);
  check({
    method: method.toUpperCase(),
    path: pathname + search,
    status: response.status,
    contentType: response.headers.get('content-type') ?? '',
    text: await response.clone().text(),
  });
  return response;
};

/** One document for each server; a server that is started again at the same port is the same program. */
async function checkerFor(origin: string): Promise<Checker> {
  const known = checkers.get(origin);
  if (known) return known;
  const made = makeChecker(origin);
  checkers.set(origin, made);
  made.catch(() => checkers.delete(origin));
  return made;
}

async function makeChecker(origin: string): Promise<Checker> {
  const response = await plainFetch(`${origin}/openapi.json`);
  // Only now: most suites ask no API, and what checks its answers takes a while to load.
  const { checkerOf } = await import('./openapi.ts');
  return checkerOf((await response.json()) as OpenApi);
}
