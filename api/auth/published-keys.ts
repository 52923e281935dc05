/**
 * The keys that an issuer publishes (JWKS): fetched when the first token comes, again when they are old or a token
 * names a key that is not among them, and kept when the issuer does not answer, so that its outage is not ours.
 */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { ApiLog } from '../context.ts';

/** A key that the issuer has withdrawn is taken for so long at most, while the issuer answers. Milliseconds. */
const freshMs = 5 * 60_000;
/** Between two fetches: tokens that name made-up keys must not become a flood for the issuer. Milliseconds. */
const pauseMs = 5_000;
const answerMs = 3_000;

interface Clock {
  /** Milliseconds, never going back. */
  now(): number;
}

/** @param url of a JWKS document. @throws issuer_unavailable when the keys could never be fetched */
export function publishedKeys(
  url: string,
  log: Pick<ApiLog, 'warn'>,
  clock: Clock = performance,
): JWTVerifyGetKey {
  let kept: { select: JWTVerifyGetKey; fetchedAt: number } | undefined;
  /** The last fetch, running or done. It never rejects: what went wrong is its value. */
  let last: { began: number; failure: Promise<unknown>; failed: boolean } | undefined;

  /** Fetches, or joins the fetch that runs or was just made. */
  async function refresh(): Promise<unknown> {
    const now = clock.now();
    if (last && now - last.began < pauseMs) return await last.failure;
    const attempt = { began: now, failed: false, failure: Promise.resolve<unknown>(undefined) };
    attempt.failure = fetchKeys(url).then(
      (select) => {
        kept = { select, fetchedAt: now };
        return undefined;
      },
      (error: unknown) => {
        attempt.failed = true;
        log.warn(
          { url, err: error },
          kept ? 'the keys of the issuer are kept: it does not answer' : 'no keys yet',
        );
        return error;
      },
    );
    last = attempt;
    return await attempt.failure;
  }

  async function upToDate(): Promise<JWTVerifyGetKey> {
    if (!kept) {
      const failure = await refresh();
      // The fetch that just ended has set it.
      if (!kept) throw unavailable(url, failure);
      return (kept as { select: JWTVerifyGetKey }).select;
    }
    if (clock.now() - kept.fetchedAt >= freshMs) {
      // While the issuer is away nobody waits for it: the next to come finds what the attempt brought.
      const attempt = refresh();
      if (last?.failed !== true) await attempt;
    }
    return kept.select;
  }

  return async (header, token) => {
    const select = await upToDate();
    try {
      return await select(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
      await refresh();
      if (kept === undefined || kept.select === select) throw error;
      return await kept.select(header, token);
    }
  };
}

/** One answer of the issuer. @throws whatever keeps it from being a set of keys */
async function fetchKeys(url: string): Promise<JWTVerifyGetKey> {
  const response = await fetch(url, {
    headers: { Accept: 'application/jwk-set+json, application/json' },
    // Another address would be trusted without standing in the settings.
    redirect: 'error',
    signal: AbortSignal.timeout(answerMs),
  });
  if (!response.ok) throw new Error(`it answered with the status ${response.status}`);
  return createLocalJWKSet((await response.json()) as JSONWebKeySet);
}

function unavailable(url: string, cause: unknown): TidemarkError {
  return new TidemarkError(
    'issuer_unavailable',
    `The keys of the issuer of JWTs cannot be fetched from ${url}: ${reason(cause)}.`,
    { cause },
  );
}

/** `fetch` says "fetch failed" and hides why in the cause. */
function reason(error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return messageOf(inner).replace(/\.$/, '');
}
