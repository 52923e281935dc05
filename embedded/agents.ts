/** The agents of a stack: those of the sample servers, whose settings are made here, and those that were named. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import type { z } from 'zod';
import { agentSettings, type AgentSettings } from '../config/agent.ts';
import { loadFromFile, variableOf } from '../config/load.ts';
import { TidemarkError } from '../domain/errors.ts';
import type { SampleServer } from './sample-server.ts';

/** An agent to be run. */
export interface StackAgent {
  settingsFile: string;
  settings: AgentSettings;
}

type SettingsText = z.input<typeof agentSettings>;

/**
 * Writes the settings of a sample server's agent. They are written anew at each start, so that they follow the
 * options of the stack; what the agent keeps (its identity above all) is in its state directory and stays.
 */
export async function writeSampleAgent(
  folder: string,
  server: SampleServer,
  options: {
    storage: string;
    copies?: string[];
    identity: string | undefined;
    logLevel: AgentSettings['log_level'];
  },
): Promise<StackAgent> {
  const state = join(folder, server.serviceId);
  await mkdir(state, { recursive: true, mode: 0o700 });
  const text: SettingsText = {
    service_id: server.serviceId,
    state_directory: state,
    storage: options.storage,
    ...(options.copies && options.copies.length > 0 && { copies: options.copies }),
    server: { defaults_file: server.defaultsFile, control: { kind: 'direct', keep_running: true } },
    ...(options.identity !== undefined && { restore: { age_identity_file: options.identity } }),
    // All samples are on one machine: a drill there shows what it can show.
    prover: { directory: join(dirname(server.dataDirectory), 'proofs'), own_host: true },
    announce_interval: '30s',
    log_level: options.logLevel,
  };
  const settingsFile = join(folder, `${server.serviceId}.yaml`);
  await writeFile(
    settingsFile,
    `# Written at each start of the stack; changes in here are lost.\n${stringify(text)}`,
  );
  return { settingsFile, settings: agentSettings.parse(text) };
}

/**
 * Reads the settings of a named agent: the stack has to know its service, its server and its storage.
 *
 * @throws invalid_setting when the file cannot be read or is not an agent's settings.
 */
export function readAgent(settingsFile: string): StackAgent {
  return { settingsFile, settings: loadFromFile(agentSettings, settingsFile) };
}

/**
 * The one store of a stack: what `--storage` says, else that of the named agents, else `standard`.
 *
 * @throws invalid_setting when an agent uses another one: its backups could not be found.
 */
export function commonStorage(
  agents: readonly StackAgent[],
  asked: string | undefined,
  standard: string,
): string {
  const storage = asked ?? agents[0]?.settings.storage ?? standard;
  const other = agents.find((agent) => agent.settings.storage !== storage);
  if (other) {
    throw new TidemarkError(
      'invalid_setting',
      `The agent of ${other.settings.service_id} stores in ${other.settings.storage}, the stack in ${storage}. ` +
        `Give all agents one storage, and --storage the same.`,
    );
  }
  return storage;
}

const durations = new Set(['request_timeout', 'retry_for']);

/** The storage options of the first named agent, for the control worker's environment: it uses the same store. */
export function storageEnvironment(agents: readonly StackAgent[]): Record<string, string> {
  const options = Object.entries(agents[0]?.settings.storage_options ?? {});
  return Object.fromEntries(
    options.flatMap(([name, value]) =>
      value === undefined
        ? []
        : [[variableOf(`storage_options.${name}`), durations.has(name) ? `${value}ms` : String(value)]],
    ),
  );
}
