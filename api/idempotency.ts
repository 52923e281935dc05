/**
 * Carries a request out once, however often it comes with the same `Idempotency-Key`: the first answer is kept,
 * sealed, for a day. See docs/decisions/0007-idempotency.md for what is promised, and why it holds.
 */
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from 'hono';
import type { Receipt } from '../catalog/request-types.ts';
import { TidemarkError } from '../domain/errors.ts';
import type { Role } from '../domain/operations.ts';
import type { Parts } from './context.ts';

/** A claim that nobody renews lapses, and the next request with its key takes it over. Milliseconds. */
const leaseMs = 15_000;
const renewMs = 5_000;
const keepMs = 86_400_000;
/** How long a request waits for another one with the same key. */
const waitMs = 5_000;

/**
 * Makes the receipt for a transaction of the catalog that makes what was ordered. `answerOf` gives the answer to it;
 * that is what the client gets, now and later. Without an Idempotency-Key there is none.
 */
export type ReceiptFor<A> = <T>(answerOf: (made: T) => A) => Receipt<T> | undefined;

export interface Answered {
  /** JSON, or nothing. */
  answer: object | undefined;
  /** The answer is one that was kept; nothing was carried out. */
  replayed: boolean;
}

interface KeyedRequest {
  organization: string;
  /** The operation's name. */
  operation: string;
  role: Role;
  /** Everything that makes it this request: path, query, body. */
  content: unknown;
}

/** What is sealed: a caller with a lesser role than the first one's does not get the answer. */
interface Kept {
  role: Role;
  answer?: object;
}

/** The key that came with a POST. @throws invalid_request when it is empty, too long or not printable ASCII */
export function idempotencyKeyOf(c: Context): string | undefined {
  const key = c.req.method === 'POST' ? c.req.header('idempotency-key') : undefined;
  if (key === undefined || /^[\x20-\x7e]{1,255}$/.test(key)) return key;
  throw new TidemarkError(
    'invalid_request',
    'The header Idempotency-Key has to be 1 to 255 printable ASCII characters, such as a UUID.',
  );
}

/**
 * @param authorize is asked with the role that the first answer was given to, before it is given again
 * @throws idempotency_key_reused, request_in_progress, and whatever `handle` throws
 */
export async function carryOutOnce<A>(
  key: string | undefined,
  request: KeyedRequest,
  { catalog, keyRing, log }: Pick<Parts, 'catalog' | 'keyRing' | 'log'>,
  authorize: (least: Role) => void,
  handle: (receipt: ReceiptFor<A>) => Promise<A>,
): Promise<Answered> {
  // An operation answers with JSON, or with nothing: the type of its schema cannot say so.
  const first = (answer: A): Answered => ({ answer: answer as object | undefined, replayed: false });
  if (key === undefined) return first(await handle(() => undefined));
  const id = keyId(request, key);
  const claim = randomBytes(16).toString('hex');
  const content = canonical(request.content);
  const fingerprint = keyRing.digest(content, id);
  const end = Date.now() + waitMs;
  for (let pause = 25; ; pause = Math.min(pause * 2, 400)) {
    const there = await catalog.claimKey({ id, fingerprint, claim, leaseMs, keepMs });
    if (!there) break;
    if (!keyRing.matches(there.fingerprint, content, id)) throw reused();
    if (there.answer !== undefined) {
      const { role, answer } = JSON.parse(keyRing.open(there.answer, id)) as Kept;
      authorize(role);
      return { answer, replayed: true };
    }
    if (Date.now() > end) throw inProgress();
    await sleep(pause);
  }

  let kept: { answer: A } | undefined;
  const seal = (answer: A): string => {
    kept = { answer };
    return keyRing.seal(JSON.stringify({ role: request.role, answer }), id);
  };
  const renewal = setInterval(() => {
    catalog.renewKey({ id, claim, leaseMs }).catch((error: unknown) => {
      log.warn({ err: error }, 'the claim on an Idempotency-Key could not be renewed');
    });
  }, renewMs);
  try {
    const answer = await handle((answerOf) => ({
      keyId: id,
      claim,
      answerOf: (made) => seal(answerOf(made)),
    }));
    if (kept) return first(kept.answer);
    await catalog.keepAnswer({ keyId: id, claim, answerOf: () => seal(answer) });
    return first(answer);
  } catch (error) {
    // An answer that was kept with its order stays: the order is there, whatever came after it.
    await catalog.releaseKey({ id, claim }).catch((second: unknown) => {
      log.warn({ err: second }, 'an Idempotency-Key could not be given up; it lapses by itself');
    });
    throw error;
  } finally {
    clearInterval(renewal);
  }
}

/** What a key is called in the catalog: it may itself be something that a client would rather not see stored. */
export function keyId(
  { organization, operation }: Pick<KeyedRequest, 'organization' | 'operation'>,
  key: string,
): string {
  return createHash('sha256')
    .update(JSON.stringify([organization, operation, key]))
    .digest('hex');
}

/** JSON whose fields are in order, so that the same content is the same text. */
function canonical(content: unknown): string {
  return JSON.stringify(content, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

function reused(): TidemarkError {
  return new TidemarkError(
    'idempotency_key_reused',
    'This Idempotency-Key was used with another request: send a new key for a new request, or exactly the same request again.',
  );
}

function inProgress(): TidemarkError {
  return new TidemarkError(
    'request_in_progress',
    'The first request with this Idempotency-Key is still being carried out: ask again with the same key, its answer is given then.',
    { retryAfterSeconds: 2 },
  );
}
