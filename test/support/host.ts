/** The host of an agent, for tests that call its activities without a worker. */
import { mkdir } from 'node:fs/promises';
import { Following } from '../../activities/host/following.ts';
import { type Host, Turn } from '../../activities/host/host.ts';
import { agentSettings } from '../../config/agent.ts';
import { objectKeys } from '../../domain/ids.ts';
import { openStore } from '../../storage/open.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { silentLog } from './mariadb.ts';

/** In whose name orders are given to a host of a test. */
const testDeployment = 'a-deployment';

/** Leaves the mark that a control worker leaves in its storage. @returns the store */
export async function markedFor(deploymentId: string, store: ObjectStore): Promise<ObjectStore> {
  await store.replace(objectKeys.deployment(deploymentId), Buffer.from('{}'));
  return store;
}

/**
 * @param settings of the agent, as they stand in its file
 * @param store default: the one that the settings name, with the mark of `a-deployment`
 */
export async function openHost(settings: Record<string, unknown>, store?: ObjectStore): Promise<Host> {
  const parsed = agentSettings.parse(settings);
  await mkdir(parsed.state_directory, { recursive: true });
  const own = store ?? (await markedFor(testDeployment, await openStore(parsed.storage)));
  return {
    agentId: 'an-agent',
    settings: parsed,
    store: own,
    log: silentLog,
    announceNow: () => undefined,
    copies: new Map(),
    signal: async () => undefined,
    signReport: () => ({ report: '', signature: '' }),
    following: new Following(),
    attempts: new Map(),
    turn: new Turn(),
  };
}
