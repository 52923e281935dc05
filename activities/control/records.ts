/** The rows of backups and restores, moved along as their workflows go. */
import type { BackupRecord } from '../../catalog/types.ts';
import { planFrom } from '../../domain/archive/plan.ts';
import { joinedAtRest } from '../../domain/at-rest.ts';
import { requireEncryptedFor } from '../../domain/encryption.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { Manifest } from '../../domain/manifest.ts';
import { isFinal } from '../../domain/operations.ts';
import type { ChainedFacts } from '../../domain/restore-plan.ts';
import { readManifest } from '../../storage/manifest.ts';
import { statParts } from '../../storage/verify.ts';
import { beating } from '../heartbeat.ts';
import { beginFollowing } from './archive.ts';
import { orderCopiesOf } from './copies.ts';
import { storeOf } from './buckets.ts';
import { type Link, readChain, sourcesOf } from './links.ts';
import type { ControlActivities } from './contract.ts';
import { findAgent } from './found-agent.ts';
import type { Plane } from './plane.ts';

type RecordActivities = Pick<
  ControlActivities,
  | 'findAgent'
  | 'updateBackup'
  | 'updateRestore'
  | 'updateUndo'
  | 'confirmBackup'
  | 'readBackup'
  | 'planRecovery'
>;

export function recordActivities(plane: Plane): RecordActivities {
  const { catalog } = plane;
  return {
    findAgent: async ({ serviceId }) => await findAgent(plane, serviceId),

    updateBackup: (change) => updateBackup(plane, change),

    async updateRestore({ restoreId, status, measured, ...rest }) {
      // Before the row is ended, after which nothing is done again.
      if (measured) await catalog.keepMeasurements(measured);
      const changed = await catalog.updateRestore(restoreId, {
        ...rest,
        ...(status && { status }),
        ...(status && isFinal(status) && { finishedAt: new Date().toISOString() }),
      });
      if (changed || (status && isFinal(status))) return;
      // One that was removed or cancelled while it was still Scheduled must not go on.
      const row = await catalog.findRestore(restoreId);
      if (row && row.status !== 'Cancelled') return;
      const what = row ? 'cancelled' : 'removed';
      throw new TidemarkError('operation_cancelled', `The restore ${restoreId} was ${what} before it began.`);
    },

    async updateUndo({ restoreId, workflowId, status, ...rest }) {
      const patch = { ...rest, status, ...(isFinal(status) && { finishedAt: new Date().toISOString() }) };
      await catalog.updateUndo(restoreId, workflowId, patch);
    },

    async confirmBackup({ encryption, ending, ...summary }) {
      const { backupId, manifestSha256 } = summary;
      const backup = await catalog.findBackup(backupId);
      await beating(async () => {
        const store = await storeOf(plane, backupId);
        const { manifest } = await readManifest(store, backupId, manifestSha256);
        if (backup) requireOrderedType(backup, manifest);
        if (encryption) requireEncryptedFor(encryption, manifest.pipeline.recipients);
        await statParts(store, manifest);
      });
      if (!ending) return undefined;
      await updateBackup(plane, { backupId, status: 'Succeeded', ...ending, summary });
      return { ended: true };
    },

    async planRecovery({ backupId, recovery: { serviceId, target } }) {
      return planFrom(await catalog.recoveryFacts(serviceId), { ...target, backupId });
    },

    async readBackup({ backupId }) {
      const backup = await catalog.findBackup(backupId);
      if (!backup) throw new TidemarkError('backup_not_found', `There is no backup "${backupId}".`);
      const links = await beating(() => readChain(plane, backup));
      const { manifest, sha256 } = links.at(-1) ?? links[0];
      const before = links.slice(0, -1);
      const sources = sourcesOf(links);
      const atRest = joinedAtRest(links.map((link) => link.manifest.atRest));
      return {
        backupId,
        manifestSha256: sha256,
        serverVersion: manifest.server.version,
        layout: manifest.server.layout,
        storedBytes: manifest.storedBytes,
        uncompressedBytes: manifest.uncompressedBytes,
        encrypted: manifest.pipeline.recipients.length > 0,
        recipients: manifest.pipeline.recipients,
        ...(manifest.binlog && { binlog: manifest.binlog }),
        pointInTime: manifest.pointInTime,
        memoryTables: manifest.memoryTables,
        ...(atRest && { atRest }),
        ...(sources.length > 1 && { sources }),
        ...(before.length > 0 && { dataBytes: manifest.dataBytes, chain: before.map(chainedFacts) }),
        ...(manifest.dump && { dataBytes: manifest.dataBytes, dump: manifest.dump }),
      };
    },
  };
}

async function updateBackup(
  plane: Plane,
  { backupId, status, summary, ...rest }: Parameters<RecordActivities['updateBackup']>[0],
): Promise<void> {
  const now = new Date().toISOString();
  await plane.catalog.updateBackup(backupId, {
    ...rest,
    ...(status && { status }),
    ...(status === 'Running' && { startedAt: now }),
    ...(status && isFinal(status) && { endedAt: now }),
    ...(summary && {
      startedAt: summary.startedAt,
      endedAt: summary.endedAt,
      pointInTime: summary.pointInTime,
      storedBytes: summary.storedBytes,
      // What a restore needs: for an incremental, more than what it holds; for a dump, the rows with their indexes.
      uncompressedBytes:
        summary.type === 'incremental' || summary.type === 'dump'
          ? (summary.dataBytes ?? 0)
          : summary.uncompressedBytes,
      manifestSha256: summary.manifestSha256,
      ...(summary.binlog && { binlog: summary.binlog }),
      ...(summary.timeline !== undefined && { timeline: summary.timeline }),
      ...(summary.dumpWhole !== undefined && { dumpWhole: summary.dumpWhole }),
      ...(summary.dumpLoose && { dumpLoose: true }),
    }),
  });
  if (status === 'Succeeded') {
    await beginCopies(plane, backupId);
    await beginFollowingAfter(plane, backupId);
  }
}

/** The backup has succeeded, whatever becomes of its copies: what cannot be begun now, the reconciler begins. */
async function beginCopies(plane: Plane, backupId: string): Promise<void> {
  try {
    await orderCopiesOf(plane, backupId);
  } catch (error) {
    plane.log.warn({ backup: backupId, reason: messageOf(error) }, 'Its copies are begun a little later.');
  }
}

/** From its first full on a service's binlog is followed; where it broke off, it can be used again from here on. */
async function beginFollowingAfter(plane: Plane, backupId: string): Promise<void> {
  const backup = await plane.catalog.findBackup(backupId);
  if (backup?.type !== 'full') return;
  if (backup.startedAt !== undefined && backup.method === 'skybucket')
    await plane.catalog.endBreaks(backup.serviceId, backup.startedAt);
  await beginFollowing(plane, backup.serviceId);
}

function chainedFacts({ manifest, sha256 }: Link): ChainedFacts {
  return {
    backupId: manifest.backupId,
    manifestSha256: sha256,
    storedBytes: manifest.storedBytes,
    uncompressedBytes: manifest.uncompressedBytes,
    recipients: manifest.pipeline.recipients,
  };
}

/** An agent of an earlier version knows of no incrementals, and takes a full whatever is ordered. */
function requireOrderedType({ type, id }: BackupRecord, manifest: Manifest): void {
  if (manifest.type === type) return;
  throw new TidemarkError(
    'agent_outdated',
    `The agent took the ${type} backup ${id} as a ${manifest.type} one: it is of an earlier version. Upgrade the agent.`,
  );
}
