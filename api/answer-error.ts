/** Turns whatever was thrown into the error object. One place, so that no answer has another shape. */
import { STATUS_CODES } from 'node:http';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { TidemarkError } from '../domain/errors.ts';
import type { ApiEnvironment, ApiLog } from './context.ts';
import type { ErrorAnswer } from './schemas/error.ts';

/** Seconds after which a client may ask again when something behind the API was away. */
const retryAfter = '5';

/** An unknown error is told as `internal`, without a word of its own; the log has all of it. */
export function answerError(c: Context<ApiEnvironment>, thrown: unknown, log: ApiLog): Response {
  const traceId = c.get('requestId');
  const error = thrown instanceof TidemarkError ? thrown : internalError(thrown);
  if (error.status >= 500) {
    log.error({ request_id: traceId, error: error.code, err: error.cause ?? error }, error.message);
  }
  if (error.status === 401) c.header('WWW-Authenticate', 'Bearer realm="tidemark"');
  if (error.status === 503) c.header('Retry-After', retryAfter);
  const body: ErrorAnswer = {
    code: error.status,
    errors: [...error.items],
    exception: STATUS_CODES[error.status] ?? 'Error',
    path: c.req.path,
    timestamp: Date.now(),
    trace_id: traceId,
  };
  return c.json(body, error.status as ContentfulStatusCode);
}

function internalError(cause: unknown): TidemarkError {
  return new TidemarkError(
    'internal',
    'Tidemark has a defect; the log tells more under this trace_id. Report it.',
    { cause },
  );
}
