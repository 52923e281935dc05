/** Reads the body of a request, up to a limit. Whatever keeps it from coming whole is the client's doing, not a defect. */
import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { TidemarkError } from '../domain/errors.ts';
import type { ApiEnvironment } from './context.ts';

const mostBodyBytes = 1024 * 1024;

/**
 * Refuses a body that is too large: at once where its length is declared, while it is read where it is not.
 *
 * @throws body_too_large, malformed_request
 */
export function limitedBody(): MiddlewareHandler<ApiEnvironment> {
  const limit = bodyLimit({
    maxSize: mostBodyBytes,
    onError: () => {
      throw new TidemarkError('body_too_large', `The body has more than ${mostBodyBytes} bytes.`);
    },
  });
  return async (c, next) => {
    try {
      // What the rest of the app throws was answered by then: what comes here was thrown while reading.
      return await limit(c, next);
    } catch (error) {
      throw error instanceof TidemarkError ? error : brokenOff(error);
    }
  };
}

/** @throws malformed_request when the client is gone before the end of its body */
export async function readBody(c: Context): Promise<ArrayBuffer> {
  try {
    return await c.req.arrayBuffer();
  } catch (error) {
    throw brokenOff(error);
  }
}

function brokenOff(cause: unknown): TidemarkError {
  return new TidemarkError(
    'malformed_request',
    'The body did not come whole: the connection ended before it did. Send the request again.',
    { cause },
  );
}
