/** All activities of an agent, by the queue they are asked for on. */
import { TidemarkError } from '../../domain/errors.ts';
import { connect, rowsOf } from '../../mariadb/server/sql.ts';
import { readProbe } from '../../storage/probe.ts';
import { beating } from '../heartbeat.ts';
import { clearTheWay } from './attempt.ts';
import { backupActivities } from './backup.ts';
import { binarylogActivities } from './binarylog.ts';
import { bucketActivities } from './bucket.ts';
import type { HostBulkActivities, HostControlActivities, HostFollowActivities } from './contract.ts';
import { followActivities } from './follow.ts';
import { foreignActivities } from './foreign.ts';
import type { Host } from './host.ts';
import { incrementalActivities } from './incremental.ts';
import { partActivities } from './part.ts';
import { replaceActivities } from './replace.ts';
import { replayActivities } from './replay-activities.ts';
import { restoreActivities } from './restore.ts';
import { swapActivities } from './swap.ts';
import { transactionActivities } from './transactions.ts';
import { undoActivities } from './undo.ts';

export function hostControlActivities(host: Host): HostControlActivities {
  const { cleanUpBackup } = backupActivities(host);
  const { inspectHost } = restoreActivities(host);
  const { examinePart, leavePart } = partActivities(host);
  return {
    ping: () => Promise.resolve({ agentId: host.agentId }),
    announceNow: () => Promise.resolve(host.announceNow()),
    meetServer: () => meetServer(host),
    confirmStore: (input) => confirmStore(host, input.probe),
    ...bucketActivities(host),
    ...binarylogActivities(host),
    ...transactionActivities(host),
    // What a drill takes of the host is there for whoever restores.
    inspectHost: async (order) => {
      await clearTheWay(host);
      return await inspectHost(order);
    },
    cleanUpBackup,
    ...swapActivities(host),
    ...undoActivities(host),
    examinePart,
    leavePart,
  };
}

export function hostFollowActivities(host: Host): HostFollowActivities {
  return followActivities(host);
}

export function hostBulkActivities(host: Host): HostBulkActivities {
  const { takeBackup } = backupActivities(host);
  const { verifyObjects, fetchBackup, prepareBackup, checkCopy } = restoreActivities(host);
  const { applyIncremental } = incrementalActivities(host);
  const { replaceDatabases } = replaceActivities(host);
  const { bringPart, exchangePart } = partActivities(host);
  return {
    takeBackup,
    verifyObjects,
    fetchBackup,
    prepareBackup,
    applyIncremental,
    ...replayActivities(host),
    checkCopy,
    replaceDatabases,
    ...foreignActivities(host),
    bringPart,
    exchangePart,
  };
}

async function meetServer({ settings }: Host): Promise<void> {
  await beating(async () => {
    await using connection = await connect(settings.server);
    await rowsOf(connection, 'SELECT 1');
  });
}

async function confirmStore(host: Host, probe: string): Promise<void> {
  // The agent is known, and one side's store is away: there is nothing to compare now.
  if (probe === '') return;
  if ((await readProbe(host.store, host.agentId, 'control')) === probe) return;
  throw new TidemarkError(
    'storage_mismatch',
    `The agent does not find in ${host.store.location} what the control worker wrote. ` +
      'Give both the same storage; a local directory has to be shared.',
  );
}
