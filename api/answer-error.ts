/** Turns whatever was thrown into the error object. One place, so that no answer has another shape. */
import { STATUS_CODES } from 'node:http';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { TidemarkError } from '../domain/errors.ts';
import type { ApiEnvironment, ApiLog } from './context.ts';
import type { ErrorAnswer } from './schemas/error.ts';

/** Seconds after which a client may ask again when something behind the API was away. */
const retryAfter = 5;

/** An unknown error is told as `internal`, without a word of its own; the log has all of it. */
export function answerError(c: Context<ApiEnvironment>, thrown: unknown, log: ApiLog): Response {
  const error = thrown instanceof TidemarkError ? thrown : internalError(thrown);
  if (error.status >= 500) log.error({ error: error.code, err: error.cause ?? error }, error.message);
  if (error.status === 401) c.header('WWW-Authenticate', 'Bearer realm="tidemark"');
  const seconds = error.retryAfterSeconds ?? (error.status === 503 ? retryAfter : undefined);
  if (seconds !== undefined) c.header('Retry-After', String(seconds));
  return c.json(errorAnswerOf(error, c.req.path, c.get('requestId')), error.status as ContentfulStatusCode);
}

/** @param path as it was asked for; empty when it could not be read */
export function errorAnswerOf(error: TidemarkError, path: string, requestId: string): ErrorAnswer {
  return {
    code: error.status,
    errors: [...error.items],
    exception: STATUS_CODES[error.status] ?? 'Error',
    path,
    timestamp: Date.now(),
    trace_id: requestId,
  };
}

export function internalError(cause: unknown): TidemarkError {
  return new TidemarkError(
    'internal',
    'Tidemark has a defect; the log tells more under this trace_id. Report it.',
    { cause },
  );
}
