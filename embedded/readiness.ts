/** Waits until all parts of a stack answer, or until it is clear that one never will. */
import { open, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../client/client.ts';
import { TidemarkError } from '../domain/errors.ts';
import type { Supervised } from './supervisor.ts';

/** Something that has to answer before the stack is ready. */
export interface Condition {
  /** Ends the sentence "… is not ready: …": what was asked, and of whom. */
  what: string;
  /** The process behind it, whose log explains why it does not. */
  process: Supervised;
  check(): Promise<boolean>;
}

/** So many deaths before a process was ever ready mean that it will not be. */
const hopelessDeaths = 3;
const tailBytes = 4_096;

/**
 * Waits until every condition has held once.
 *
 * @throws internal naming the process that does not get ready, with the end of its log; the signal's reason.
 */
export async function untilReady(
  conditions: readonly Condition[],
  limitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const end = Date.now() + limitMs;
  const waiting = new Set(conditions);
  for (let pauseMs = 50; waiting.size > 0; pauseMs = Math.min(pauseMs * 1.5, 500)) {
    for (const condition of waiting) {
      signal.throwIfAborted();
      if (await condition.check().catch(() => false)) waiting.delete(condition);
      else if (condition.process.deaths >= hopelessDeaths)
        throw await notReady(condition, `it ended ${condition.process.deaths} times`);
      else if (Date.now() > end) throw await notReady(condition, `not within ${limitMs / 1000} s`);
    }
    if (waiting.size > 0) await sleep(pauseMs, undefined, { signal });
  }
}

async function notReady({ what, process: { spec } }: Condition, reason: string): Promise<TidemarkError> {
  const tail = await tailOf(spec.logFile);
  return new TidemarkError(
    'internal',
    `${spec.name} does not get ready (${what}): ${reason}. Its log, ${spec.logFile}, ends in:\n${tail}`,
  );
}

async function tailOf(file: string): Promise<string> {
  const bytes = (await stat(file)).size;
  const handle = await open(file);
  try {
    const length = Math.min(bytes, tailBytes);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, bytes - length);
    return buffer.toString('utf8').trim();
  } finally {
    await handle.close();
  }
}

/** Whether the api answers, and says that it reaches what it needs. */
export async function apiIsReady(base: string): Promise<boolean> {
  const response = await fetch(`${base}/readyz`, { signal: AbortSignal.timeout(5_000) });
  await response.body?.cancel();
  return response.ok;
}

/**
 * Whether a service is registered, its agent has announced itself since `began` (Unix milliseconds), and has said
 * of its server what is true now: that it serves, or does not.
 */
export async function serviceIsReady(
  client: Client,
  serviceId: string,
  began: number,
  serving: () => Promise<boolean>,
): Promise<boolean> {
  const { services } = await client.services();
  const service = services.find((entry) => entry.service_id === serviceId);
  const agent = service?.agent;
  // The answer has whole seconds.
  const announced =
    agent?.alive === true && Date.parse(agent.last_seen_at) >= Math.floor(began / 1000) * 1000;
  return announced && service?.server_running === (await serving());
}
