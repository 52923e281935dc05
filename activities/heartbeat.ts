/** Heartbeats on a timer, for work that has nothing to report but must not look dead. */
import { Context } from '@temporalio/activity';

const beatMs = 1_000;

/** Beats as long as `work` goes on. */
export async function beating<T>(work: () => Promise<T>): Promise<T> {
  const context = Context.current();
  context.heartbeat();
  const timer = setInterval(() => {
    context.heartbeat();
  }, beatMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
