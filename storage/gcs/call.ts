/**
 * One call of Google's client, and everything it sends. The client has no way to give a call up: without one, a server
 * that falls silent, or a body that ends before its length, is waited for for ever, with its memory and its connection.
 * So each request is taken note of when Node makes it, and ended when its call is.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { TidemarkError } from '../../domain/errors.ts';
import { cancelledError, throwIfCancelled } from '../cancel.ts';

/** How long a connection may carry nothing, its making included, while a request is under way. Milliseconds. */
const silenceTimeoutMs = 30_000;

const current = new AsyncLocalStorage<Call>();

subscribe('http.client.request.created', (message) => {
  current.getStore()?.own((message as { request: ClientRequest }).request);
});

/**
 * Does `work`, whose requests end with it: when it is done, when one of them breaks off, when the signal is aborted.
 * Settles at once then, whatever the client is still waiting for.
 *
 * @param work gets a signal that is aborted at the end, after which it must not touch anything of its caller's
 * @throws operation_cancelled; storage_unavailable or storage_timeout when a connection broke off or fell silent;
 *   whatever `work` throws
 */
export async function call<T>(
  work: (ended: AbortSignal) => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  throwIfCancelled(signal);
  const made = new Call();
  const onAbort = (): void => made.fail(signal && cancelledError(signal));
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const working = current.run(made, () => work(made.ended));
    // What the client says once nobody listens any more is no event of its own.
    working.catch(() => undefined);
    return await Promise.race([working, made.failed]);
  } finally {
    signal?.removeEventListener('abort', onAbort);
    made.end();
  }
}

class Call {
  /** Rejects with why the call failed, as far as that shows on its connections. */
  readonly failed: Promise<never>;
  readonly fail: (error: unknown) => void;
  readonly #requests = new Map<ClientRequest, IncomingMessage | undefined>();
  readonly #end = new AbortController();

  constructor() {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined);
    this.failed = promise;
    this.fail = reject;
  }

  get ended(): AbortSignal {
    return this.#end.signal;
  }

  own(request: ClientRequest): void {
    this.#requests.set(request, undefined);
    // Destroying it is an error to it, which the client may not listen for any more.
    request.on('error', () => undefined);
    request.setTimeout(silenceTimeoutMs, () => {
      this.fail(
        new TidemarkError('storage_timeout', `the connection was silent for ${silenceTimeoutMs / 1000} s`),
      );
    });
    request.once('response', (response: IncomingMessage) => {
      this.#requests.set(request, response);
      dropRedirect(response);
      response.once('close', () => {
        if (!response.complete) {
          this.fail(
            new TidemarkError('storage_unavailable', 'the connection ended in the middle of an answer'),
          );
        }
      });
    });
    if (this.ended.aborted) request.destroy();
  }

  /** Connections of requests that are done are kept for others; the rest are closed. */
  end(): void {
    this.#end.abort();
    for (const [request, response] of this.#requests) {
      if (!request.writableFinished || response?.complete !== true) request.destroy();
    }
    this.#requests.clear();
  }
}

/**
 * The client would ask wherever an answer sends it, a machine's own services included, and take what comes for the
 * store's. This listener hears of the answer before the client does.
 */
function dropRedirect(response: IncomingMessage): void {
  const { statusCode: status = 0 } = response;
  if (status >= 300 && status < 400) delete response.headers.location;
}
