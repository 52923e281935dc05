/** Whether a prover can bring a service back: its programs, its keys, its room. */
import {
  refuseWithoutIdentity,
  planRestore,
  type ReplayFacts,
  type TargetFacts,
} from '../../domain/restore-plan.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { planLoad } from '../../domain/load-plan.ts';
import type { Attempt } from '../../mariadb/context.ts';
import type { ProverSettings } from '../../config/agent.ts';
import { isInstalled, type ProgramName, programVersion } from '../../mariadb/programs.ts';
import { inspectIdentities } from '../../mariadb/restore/identity.ts';
import { freeBytes } from '../../mariadb/restore/room.ts';
import { inspectKeys } from '../../mariadb/server/keys.ts';
import { readServerOptions } from '../../mariadb/server/options.ts';
import type { Host } from '../host/host.ts';
import type { HostProofInput } from './contract.ts';

/** @throws prover_missing when the agent was asked and its settings say no */
export function settingsOf(host: Host): ProverSettings {
  const { prover } = host.settings;
  if (prover) return prover;
  throw new TidemarkError(
    'prover_missing',
    `The agent of ${host.settings.service_id} offers itself as a prover no more: its settings have no "prover".`,
  );
}

/**
 * @param replay what is replayed onto the copy
 * @returns how much room it needs; bytes
 * @throws tool_missing, tool_version_mismatch, server_keys_missing, identity_unavailable
 */
export async function planOnProver(
  host: Host,
  { facts }: HostProofInput,
  replay: ReplayFacts | undefined,
  trial: Attempt,
): Promise<number> {
  const target = await targetFacts(host, facts, trial);
  const { dump } = facts;
  const plan = dump
    ? planLoad({ ...facts, dump }, target, 'side-by-side', replay)
    : planRestore(facts, target, 'side-by-side', replay);
  return plan.bytesNeeded;
}

/** As the plan of a restore wants it. The private server takes the layout of the service; room is looked for apart. */
async function targetFacts(
  host: Host,
  { layout, encrypted, chain = [] }: HostProofInput['facts'],
  trial: Attempt,
): Promise<TargetFacts> {
  const { server, restore } = host.settings;
  const { directory } = settingsOf(host);
  const tool = (name: ProgramName): Promise<string> => programVersion(server, name);
  const isEncrypted = encrypted || chain.some(({ recipients }) => recipients.length > 0);
  return {
    serverVersion: await tool('mariadbd'),
    layout: {
      ...layout,
      members: [{ kind: 'data', directory, mountPoint: false, files: [] }],
      obstacles: [],
    },
    space: [{ directory, freeBytes: Number.MAX_SAFE_INTEGER, usedBytes: 0 }],
    tools: {
      mariadbBackup: await tool('mariadb-backup'),
      mbstream: await tool('mbstream'),
      zstd: await tool('zstd'),
      age: await tool('age'),
      mariadb: await tool('mariadb'),
      mariadbInstallDb: (await isInstalled(server, 'mariadb-install-db')) ? 'there' : '',
    },
    identities: isEncrypted ? await inspectIdentities(restore, trial) : { recipients: [], fault: '' },
    keys: await inspectKeys(server),
    redoBytes: Number((await readServerOptions(server)).get('innodb_log_file_size') ?? 0),
    appliesChains: true,
    loadsDumps: true,
    replays: true,
  };
}

/** What the server beside needs stays free, too. @throws disk_full */
export async function requireRoom(host: Host, bytesNeeded: number): Promise<void> {
  const { directory } = settingsOf(host);
  const left = host.settings.restore.min_free;
  const free = await freeBytes(directory);
  if (free >= bytesNeeded + left) return;
  throw new TidemarkError(
    'disk_full',
    `The drill needs ${bytesNeeded} bytes on the file system of ${directory}, where ${left} more are to stay free ` +
      `(restore.min_free), and ${free} are free. Free ${bytesNeeded + left - free} bytes, or give prover.directory more room.`,
  );
}

/** @throws identity_unavailable */
export async function requireIdentities(
  host: Host,
  recipients: readonly string[][],
  trial: Attempt,
): Promise<void> {
  if (recipients.length === 0) return;
  const identities = await inspectIdentities(host.settings.restore, trial);
  for (const some of recipients) refuseWithoutIdentity(some, identities);
}
