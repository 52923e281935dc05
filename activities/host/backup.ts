/** Taking a backup: the server's stream, cut into parts, and the manifest last. */
import { rm } from 'node:fs/promises';
import { Context } from '@temporalio/activity';
import { joinedEncryption, noEncryption, requireRecipients } from '../../domain/encryption.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { objectKeys } from '../../domain/ids.ts';
import { type BackupSummary, type Manifest, manifestFormat } from '../../domain/manifest.ts';
import { measure } from '../../domain/progress.ts';
import { type PhysicalBackupFacts, startPhysicalBackup } from '../../mariadb/backup/physical.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { requireLineage } from '../../mariadb/server/lineage.ts';
import { readManifest, writeManifest } from '../../storage/manifest.ts';
import { partSizeFor } from '../../storage/part-size.ts';
import { writeParts } from '../../storage/parts.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { removeParts } from '../../storage/sweep.ts';
import { markWriter } from '../../storage/writer-mark.ts';
import { beating } from '../heartbeat.ts';
import { attempt } from './attempt.ts';
import { storeFor } from './bucket.ts';
import type { HostBackupInput, HostBulkActivities, HostControlActivities } from './contract.ts';
import type { Host } from './host.ts';

const reportMs = 500;
/** How long it is tried to remove what a backup left in a customer's bucket that does not answer. */
const tidyForMs = 3_600_000;

/** What a backup is called on its host. */
function operationOf({ backupId }: HostBackupInput): string {
  return `backup-${backupId.slice(0, 32)}`;
}

export function backupActivities(
  host: Host,
): Pick<HostBulkActivities, 'takeBackup'> & Pick<HostControlActivities, 'cleanUpBackup'> {
  return {
    async takeBackup(order) {
      return await attempt(host, { operation: operationOf(order), phase: 'copying' }, async (trial) => {
        const store = await storeFor(host, order);
        const earlier = await findManifest(store, order.backupId);
        if (earlier) return earlier;
        await removeParts(store, order.backupId);
        await markWriter(store, order, trial.signal);
        const summary = await copy(host, store, order, trial);
        await rm(trial.folder, { recursive: true, force: true });
        return summary;
      });
    },

    async cleanUpBackup(order) {
      await attempt(host, { operation: operationOf(order), phase: 'recording' }, async ({ folder }) => {
        await rm(folder, { recursive: true, force: true });
      });
      // Without the server's lock: a store that does not answer must not keep the server from other work.
      return (await beating(() => tidyStore(host, order))) ?? null;
    },
  };
}

/**
 * Removes the parts of a backup that has no manifest. What a customer's bucket does not let us remove, or does not for
 * too long, stays there: it is a reason to say so, and none to leave anything on the host, or to ask for ever.
 */
async function tidyStore(host: Host, order: HostBackupInput): Promise<BackupSummary | undefined> {
  const { scheduledTimestampMs } = Context.current().info;
  try {
    const store = await storeFor(host, order);
    const whole = await findManifest(store, order.backupId);
    if (!whole) await removeParts(store, order.backupId);
    return whole;
  } catch (error) {
    if (!order.bucket || !(error instanceof TidemarkError)) throw error;
    if (error.retryable && Date.now() - scheduledTimestampMs < tidyForMs) throw error;
    const { code, message } = error;
    host.log.warn({ storage: order.bucket.location, error: code }, `Parts may be left. ${message}`);
    return undefined;
  }
}

/** An attempt whose answer was lost has done the work: the manifest says so. */
async function findManifest(store: ObjectStore, backupId: string): Promise<BackupSummary | undefined> {
  try {
    const { manifest, sha256 } = await readManifest(store, backupId);
    return summarize(manifest, sha256, []);
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'object_missing') return undefined;
    throw error;
  }
}

async function copy(
  host: Host,
  store: ObjectStore,
  order: HostBackupInput,
  trial: Attempt,
): Promise<BackupSummary> {
  const { server } = host.settings;
  const encryption = joinedEncryption(host.settings.backup, order.encryption ?? noEncryption);
  requireRecipients(encryption, order.serviceId);
  const settings = { ...host.settings.backup, recipients: encryption.recipients };
  // Looked at while the copy goes on: it is for the manifest, and for how large this will be.
  const inspecting = inspectLayout(server);
  inspecting.catch(() => undefined);
  const { base } = order;
  const knowing = inspecting.then((layout) =>
    requireLineage({ server, layout, stateDirectory: host.settings.state_directory, base }),
  );
  knowing.catch(() => undefined);
  // An incremental on data that is not what its base was taken of would be worth nothing.
  if (base) await knowing;
  const running = await startPhysicalBackup({
    server,
    layout: inspecting,
    backup: settings,
    attempt: trial,
    ...(base && { base }),
  });
  const begun = Date.now();
  const reporting = setInterval(() => {
    const { bytesRead, bytesEstimated } = running.progress();
    // Without an idea of the whole, what was read would count as all of it.
    const done = bytesEstimated === 0 ? 0 : bytesRead;
    trial.report(measure('copying', done, bytesEstimated, Date.now() - begun), bytesRead);
  }, reportMs);
  try {
    // A layout that cannot be inspected ends the backup before it is copied.
    const [layout, lineage] = await Promise.all([inspecting, knowing]);
    let facts: PhysicalBackupFacts | undefined;
    const stream = await writeParts(store, {
      keyOf: (index) => objectKeys.part(order.backupId, index),
      source: running.output,
      partSize: partSizeFor(settings.part_size, await running.estimated),
      inFlight: settings.parts_in_flight,
      signal: trial.signal,
      beforeLast: async () => {
        facts = await running.whole();
      },
    });
    if (!facts) throw new Error('the parts were written without the word of the backup tool');
    const manifest = describe(host, order, {
      facts,
      layout,
      lineage,
      stream,
      startedAt: running.startedAt,
      recipients: settings.recipients,
    });
    const { sha256 } = await writeManifest(store, manifest);
    return summarize(manifest, sha256, facts.warnings);
  } finally {
    clearInterval(reporting);
    await running.end();
  }
}

function describe(
  host: Host,
  order: HostBackupInput,
  {
    facts,
    layout,
    lineage,
    stream,
    startedAt,
    recipients,
  }: {
    facts: PhysicalBackupFacts;
    layout: Manifest['server']['layout'];
    /** The life of the server's data. */
    lineage: string;
    stream: Omit<Manifest['streams'][number], 'name'>;
    startedAt: string;
    recipients: string[];
  },
): Manifest {
  const { settings, agentId } = host;
  return {
    format: manifestFormat,
    backupId: order.backupId,
    serviceId: order.serviceId,
    serviceName: settings.service_name ?? settings.service_id,
    type: order.base ? 'incremental' : 'full',
    deploymentId: order.deploymentId,
    workflowId: order.workflowId,
    agentId,
    lineage: {
      parent: order.base?.backupId ?? '',
      server: lineage,
      fromLsn: facts.fromLsn,
      toLsn: facts.toLsn,
      lastLsn: facts.lastLsn,
    },
    ...(facts.binlog && { binlog: facts.binlog }),
    server: { version: facts.serverVersion, name: settings.server_name ?? settings.service_id, layout },
    tool: { name: 'mariadb-backup', version: facts.toolVersion },
    memoryTables: facts.memoryTables,
    pipeline: { compression: 'zstd', recipients },
    streams: [{ name: 'data', ...stream }],
    uncompressedBytes: facts.uncompressedBytes,
    dataBytes: facts.dataBytes,
    storedBytes: stream.bytes,
    startedAt,
    endedAt: facts.endedAt,
    pointInTime: facts.pointInTime,
  };
}

function summarize(manifest: Manifest, sha256: string, warnings: string[]): BackupSummary {
  return {
    backupId: manifest.backupId,
    type: manifest.type,
    manifestKey: objectKeys.manifest(manifest.backupId),
    manifestSha256: sha256,
    storedBytes: manifest.storedBytes,
    uncompressedBytes: manifest.uncompressedBytes,
    dataBytes: manifest.dataBytes,
    ...(manifest.binlog && { binlog: manifest.binlog }),
    serverVersion: manifest.server.version,
    startedAt: manifest.startedAt,
    endedAt: manifest.endedAt,
    pointInTime: manifest.pointInTime,
    memoryTables: manifest.memoryTables,
    encrypted: manifest.pipeline.recipients.length > 0,
    warnings,
  };
}
