/** An answer that goes on: what becomes of a restore, as server-sent events. */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { streamSSE } from 'hono/streaming';
import type { ApiEnvironment } from './context.ts';
import type { Watching } from './restore-events.ts';

/** A client whose connection broke comes again after so long. Milliseconds. */
const retryMs = 2_000;

/** What an operation answers with that answers by events. */
export class EventStream {
  readonly #watching: Watching;

  constructor(watching: Watching) {
    this.#watching = watching;
  }

  /**
   * Each event is the whole state, so that whoever comes again misses nothing: with the id of the last one, it gets what
   * is there now unless it has it, and 204 where nothing more comes.
   */
  answer(c: Context<ApiEnvironment>): Response {
    const watching = this.#watching;
    const known = c.req.header('last-event-id');
    const first = watching.now();
    if (c.req.method === 'HEAD' || (first.event === 'end' && first.id === known)) {
      watching.end();
      return c.req.method === 'HEAD'
        ? c.body(null, 200, { 'Content-Type': 'text/event-stream' })
        : c.body(null, 204);
    }
    // Proxies are not to gather events.
    c.header('X-Accel-Buffering', 'no');
    const response = streamSSE(c, async (stream) => {
      stream.onAbort(() => watching.end());
      // Also of one that does not read: what waits to be written is dropped.
      watching.signal.addEventListener('abort', () => stream.abort(), { once: true });
      try {
        await stream.write(`retry: ${retryMs}\n\n`);
        for (let last = known; !watching.signal.aborted;) {
          const state = await watching.next(last);
          if (!state) {
            await stream.write(':\n\n');
            continue;
          }
          await stream.writeSSE(state);
          last = state.id;
          if (state.event !== 'restore') return;
        }
      } finally {
        watching.end();
      }
    });
    response.headers.set('Cache-Control', 'no-store');
    return response;
  }
}

/** Its description in the API. */
export const eventStream = z.custom<EventStream>().openapi({ type: 'string' });
