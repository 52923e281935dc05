/**
 * Proof that two processes see the same store: each writes a probe that the other must be able to read. Two machines
 * can both have a /srv/backups, and then a backup would be looked for where it never was.
 */
import { TidemarkError } from '../domain/errors.ts';
import { objectKeys } from '../domain/ids.ts';
import type { ObjectStore } from './store.ts';

/** Longer than any probe; what else may lie there is not read into memory. */
const mostBytes = 4096;

/**
 * Writes the probe of one side, over the one before.
 *
 * @param content random, so that an old probe, or one in another store, is told from it
 */
export async function writeProbe(
  store: ObjectStore,
  agentId: string,
  side: 'agent' | 'control',
  content: string,
  signal?: AbortSignal,
): Promise<void> {
  await store.replace(objectKeys.probe(agentId, side), Buffer.from(content), signal);
}

/** The probe of one side as this process sees it; undefined when there is none. */
export async function readProbe(
  store: ObjectStore,
  agentId: string,
  side: 'agent' | 'control',
  signal?: AbortSignal,
): Promise<string | undefined> {
  try {
    const body = await store.get(objectKeys.probe(agentId, side), { start: 0, length: mostBytes }, signal);
    return body.toString('utf8');
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'object_missing') return undefined;
    throw error;
  }
}
