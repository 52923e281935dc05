/** Waiting for what comes true by itself. */
import { setTimeout as sleep } from 'node:timers/promises';

/** @throws when it has not come true within the limit, in milliseconds: one that no machine needs */
export async function until(condition: () => Promise<boolean>, limitMs = 120_000): Promise<void> {
  const end = Date.now() + limitMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`it did not come true within ${limitMs} ms`);
    await sleep(20);
  }
}
