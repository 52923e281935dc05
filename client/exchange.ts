/** One request and its answer: the token, the time limit, and errors as errors. Nothing is tried twice here. */
import { messageOf } from '../domain/errors.ts';
import { ApiRefusal, ApiUnreachable, type RefusalItem } from './errors.ts';

export interface Exchange {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  url: URL;
  token: string;
  /** Sent as JSON. */
  body?: object | undefined;
  headers?: Record<string, string>;
  /** How long the whole answer may take. */
  timeoutMs: number;
  /** Gives the request up. */
  signal?: AbortSignal | undefined;
}

/** Reasons for which nothing was sent at all. */
const neverSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EINVAL',
]);

/**
 * @returns what the JSON of the answer holds; undefined for an empty answer
 * @throws ApiRefusal, ApiUnreachable, or the signal's reason
 */
export async function exchange(asked: Exchange): Promise<unknown> {
  const { method, url, token, body, signal } = asked;
  const timeout = AbortSignal.timeout(asked.timeoutMs);
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      method,
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...asked.headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // The API never redirects. To follow one would hand the token and the order to somebody else.
      redirect: 'manual',
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
    });
    text = await response.text();
  } catch (error) {
    signal?.throwIfAborted();
    throw unreachable(asked, error, timeout.aborted);
  }
  return read(asked, response, text);
}

function read({ url }: Exchange, response: Response, text: string): unknown {
  const { status } = response;
  const location = response.headers.get('location');
  if (status >= 300 && status < 400) {
    throw new ApiUnreachable(
      `${url.origin} redirects to ${location ?? 'somewhere else'}: write the address of the API itself.`,
      false,
    );
  }
  if (text === '' && response.ok) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    const type = response.headers.get('content-type') ?? 'no Content-Type';
    throw new ApiUnreachable(
      `What answers at ${url.origin} is not Tidemark's API: status ${status}, ${type}. Look at the address, and at what stands between.`,
      status >= 500,
    );
  }
  if (response.ok) return value;
  const retryAfter = Number(response.headers.get('retry-after') ?? NaN);
  throw new ApiRefusal({
    status,
    items: itemsOf(value) ?? [{ error: 'unknown', message: `The API answered with the status ${status}.` }],
    requestId: response.headers.get('x-request-id') ?? '',
    retryAfterMs: Number.isFinite(retryAfter) ? retryAfter * 1000 : undefined,
  });
}

function itemsOf(value: unknown): RefusalItem[] | undefined {
  if (typeof value !== 'object' || value === null || !('errors' in value)) return undefined;
  const { errors } = value;
  if (!Array.isArray(errors) || errors.length === 0) return undefined;
  return errors.map((item: unknown) => {
    const { error, message } = (item ?? {}) as Partial<Record<keyof RefusalItem, unknown>>;
    return { error: String(error), message: String(message) };
  });
}

function unreachable({ url, timeoutMs }: Exchange, error: unknown, timedOut: boolean): ApiUnreachable {
  if (timedOut) {
    return new ApiUnreachable(`${url.origin} did not answer within ${timeoutMs / 1000} s.`, true, error);
  }
  const { code, message } = causeOf(error);
  return new ApiUnreachable(`${url.origin} cannot be reached: ${message}.`, !neverSent.has(code), error);
}

/** fetch says "fetch failed" and keeps the reason in its cause, which may be one error for each address. */
function causeOf(error: unknown): { code: string; message: string } {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const one = cause instanceof AggregateError ? (cause.errors as unknown[])[0] : cause;
  const code = one instanceof Error && 'code' in one ? String(one.code) : '';
  return { code, message: messageOf(one) || code || 'no reason is known' };
}
