/** The host of an agent, for tests that call its activities without a worker. */
import { mkdir } from 'node:fs/promises';
import { Following } from '../../activities/host/following.ts';
import { type Host, Turn } from '../../activities/host/host.ts';
import { agentSettings } from '../../config/agent.ts';
import { openStore } from '../../storage/open.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { silentLog } from './mariadb.ts';

/**
 * @param settings of the agent, as they stand in its file
 * @param store default: the one that the settings name
 */
export async function openHost(settings: Record<string, unknown>, store?: ObjectStore): Promise<Host> {
  const parsed = agentSettings.parse(settings);
  await mkdir(parsed.state_directory, { recursive: true });
  return {
    agentId: 'an-agent',
    settings: parsed,
    store: store ?? (await openStore(parsed.storage)),
    log: silentLog,
    announceNow: () => undefined,
    copies: new Map(),
    signal: async () => undefined,
    following: new Following(),
    attempts: new Map(),
    turn: new Turn(),
  };
}
