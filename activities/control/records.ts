/** The rows of backups and restores, moved along as their workflows go. */
import { requireEncryptedFor } from '../../domain/encryption.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import { isFinal } from '../../domain/operations.ts';
import { orderedEncryption } from '../../domain/service-settings.ts';
import type { BackupRecord } from '../../catalog/types.ts';
import { type BackupSource, managedStorage } from '../../domain/copies.ts';
import { readManifest, type ReadManifest } from '../../storage/manifest.ts';
import { firstOf } from '../../storage/replicas.ts';
import { statParts } from '../../storage/verify.ts';
import { beating } from '../heartbeat.ts';
import { orderCopiesOf } from './copies.ts';
import { storeOf } from './buckets.ts';
import type { ControlActivities } from './contract.ts';
import type { Plane } from './plane.ts';

type RecordActivities = Pick<
  ControlActivities,
  'findAgent' | 'updateBackup' | 'updateRestore' | 'confirmBackup' | 'readBackup'
>;

export function recordActivities(plane: Plane): RecordActivities {
  const { catalog, defaults } = plane;
  return {
    async findAgent({ serviceId }) {
      const service = await catalog.findService(serviceId);
      if (!service) throw new TidemarkError('service_not_found', `There is no service "${serviceId}".`);
      if (service.agentId === '') throw withoutAgent(serviceId);
      const deploymentId = await catalog.deploymentId();
      const settings = (await catalog.findServiceSettings([serviceId])).get(serviceId) ?? {};
      const encryption = orderedEncryption(settings, defaults);
      const { agentId, lastSeenAt } = service;
      const heedsEncryption = service.encryption !== undefined;
      return { agentId, lastSeenAt, deploymentId, encryption, heedsEncryption };
    },

    async updateBackup({ backupId, status, summary, ...rest }) {
      const now = new Date().toISOString();
      await catalog.updateBackup(backupId, {
        ...rest,
        ...(status && { status }),
        ...(status === 'Running' && { startedAt: now }),
        ...(status && isFinal(status) && { endedAt: now }),
        ...(summary && {
          startedAt: summary.startedAt,
          endedAt: summary.endedAt,
          pointInTime: summary.pointInTime,
          storedBytes: summary.storedBytes,
          uncompressedBytes: summary.uncompressedBytes,
          manifestSha256: summary.manifestSha256,
          ...(summary.binlog && { binlog: summary.binlog }),
        }),
      });
      if (status === 'Succeeded') await beginCopies(plane, backupId);
    },

    async updateRestore({ restoreId, status, ...rest }) {
      const changed = await catalog.updateRestore(restoreId, {
        ...rest,
        ...(status && { status }),
        ...(status && isFinal(status) && { finishedAt: new Date().toISOString() }),
      });
      // One that was removed while it was still Scheduled must not go on; an end has nothing more to go on with.
      if (changed || (status && isFinal(status)) || (await catalog.findRestore(restoreId))) return;
      throw new TidemarkError('operation_cancelled', `The restore ${restoreId} was removed before it began.`);
    },

    async confirmBackup({ backupId, manifestSha256, encryption }) {
      await beating(async () => {
        const store = await storeOf(plane, backupId);
        const { manifest } = await readManifest(store, backupId, manifestSha256);
        if (encryption) requireEncryptedFor(encryption, manifest.pipeline.recipients);
        await statParts(store, manifest);
      });
    },

    async readBackup({ backupId }) {
      const backup = await catalog.findBackup(backupId);
      if (!backup) throw new TidemarkError('backup_not_found', `There is no backup "${backupId}".`);
      const { manifest, sha256, sources } = await beating(() => readWhole(plane, backup));
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
        ...(sources.length > 1 && { sources }),
      };
    },
  };
}

/**
 * The manifest of a backup from the first place that has it and every part, and where else it may be read: that place
 * first.
 *
 * @throws object_missing, object_damaged, naming every place with its reason
 */
async function readWhole(
  plane: Plane,
  { id, method, manifestSha256 }: BackupRecord,
): Promise<ReadManifest & { sources: BackupSource[] }> {
  const own: BackupSource = { location: managedStorage, shown: plane.store.location };
  const places = [{ source: own, store: await storeOf(plane, id) }];
  const copies = method === 'external' ? [] : ((await plane.catalog.findCopies([id])).get(id) ?? []);
  // In the order of the settings: what stands first there is asked first.
  for (const [location, store] of plane.copies) {
    const made = copies.some((copy) => copy.location === location && copy.status === 'Succeeded');
    if (made) places.push({ source: { location, shown: location }, store });
  }
  const stores = places.map(({ store }) => store);
  const { answer, place, refusals } = await firstOf(stores, `The backup ${id}`, async (store, signal) => {
    const read = await readManifest(store, id, manifestSha256, signal);
    await statParts(store, read.manifest, signal);
    return read;
  });
  const sources = [...places.slice(place), ...places.slice(0, place)].map(
    ({ source, store }): BackupSource => {
      const refusal = refusals.find(({ location }) => location === store.location)?.error.message;
      return { ...source, ...(refusal !== undefined && { refusal }) };
    },
  );
  return { ...answer, sources };
}

/** The backup has succeeded, whatever becomes of its copies: what cannot be begun now, the reconciler begins. */
async function beginCopies(plane: Plane, backupId: string): Promise<void> {
  try {
    await orderCopiesOf(plane, backupId);
  } catch (error) {
    plane.log.warn({ backup: backupId, reason: messageOf(error) }, 'Its copies are begun a little later.');
  }
}

function withoutAgent(serviceId: string): TidemarkError {
  return new TidemarkError(
    'agent_revoked',
    `The agent of ${serviceId} was revoked. Enrol one: POST /agents, or tidemark agents enroll --service ${serviceId}.`,
  );
}
