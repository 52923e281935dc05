/** Taking a backup: the server's stream, cut into parts, and the manifest last. */
import { rm } from 'node:fs/promises';
import { Context } from '@temporalio/activity';
import { joinedEncryption, noEncryption, requireRecipients } from '../../domain/encryption.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { Layout } from '../../domain/layout.ts';
import {
  type BackupSummary,
  type BinlogPosition,
  type Manifest,
  manifestFormat,
} from '../../domain/manifest.ts';
import { type PhysicalBackupFacts, startPhysicalBackup } from '../../mariadb/backup/physical.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { type DumpFacts, startDump } from '../../mariadb/dump/dump.ts';
import { timelineAt } from '../../mariadb/follow/timeline-at.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { requireLineage } from '../../mariadb/server/lineage.ts';
import { readManifest } from '../../storage/manifest.ts';
import { openArchive } from '../../storage/segments.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { removeParts } from '../../storage/sweep.ts';
import { markWriter } from '../../storage/writer-mark.ts';
import { beating } from '../heartbeat.ts';
import { attempt } from './attempt.ts';
import { ownStore, storeFor } from './bucket.ts';
import type { HostBackupInput, HostBulkActivities, HostControlActivities } from './contract.ts';
import type { Host } from './host.ts';
import { type Stored, storeStream, summarize } from './stored-stream.ts';

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
        const store = order.bucket ? await storeFor(host, order) : ownStore(host, order);
        const earlier = await findManifest(store, order.backupId);
        if (earlier) return earlier;
        // The server's programs need no store to begin with.
        const cleared = clear(store, order, trial.signal);
        // Awaited further on: one that fails before must not end the process.
        cleared.catch(() => undefined);
        try {
          const summary = await copy(host, { store, cleared }, order, trial);
          await rm(trial.folder, { recursive: true, force: true });
          return summary;
        } finally {
          await cleared.catch(() => undefined);
        }
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

/** Makes the place of a backup free for an attempt at it, and says whose it is: before its first part. */
async function clear(store: ObjectStore, order: HostBackupInput, signal: AbortSignal): Promise<void> {
  await removeParts(store, order.backupId);
  await markWriter(store, order, signal);
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
  { store, cleared }: { store: ObjectStore; cleared: Promise<void> },
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
  const storing = {
    store,
    backupId: order.backupId,
    settings,
    timelineAt: (binlog: BinlogPosition) => timelineOf(host, binlog, trial.signal),
    trial,
  };
  const { base, dump: filter } = order;
  if (filter) {
    const running = await startDump({ server, backup: settings, filter, attempt: trial });
    const known = Promise.all([inspecting, cleared]);
    return await storeStream({ ...storing, running, known }, ([layout], facts, stream) =>
      describeDump(shared(host, order, { facts, layout, running, settings, stream }), facts, stream),
    );
  }
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
  const known = Promise.all([inspecting, knowing, cleared]);
  return await storeStream({ ...storing, running, known }, ([layout, lineage], facts, stream) => ({
    ...shared(host, order, { facts, layout, running, settings, stream }),
    type: base ? 'incremental' : 'full',
    lineage: {
      parent: base?.backupId ?? '',
      server: lineage,
      fromLsn: facts.fromLsn,
      toLsn: facts.toLsn,
      lastLsn: facts.lastLsn,
    },
    tool: { name: 'mariadb-backup', version: facts.toolVersion },
    streams: [{ name: 'data', ...stream }],
  }));
}

/** A backup is whole without it: it is found by its time and its place then. */
async function timelineOf(
  { settings, store, log }: Host,
  binlog: BinlogPosition,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { server, service_id: serviceId, state_directory: stateDirectory } = settings;
  const archive = openArchive(store, serviceId);
  try {
    return await timelineAt(binlog, { server, archive, stateDirectory, signal });
  } catch (error) {
    signal.throwIfAborted();
    log.warn({ reason: messageOf(error) }, 'On which timeline of the binlogs the backup lies is not known.');
    return undefined;
  }
}

/** Statements know of no pages: neither LSNs nor the life of the data mean anything for them. */
function describeDump(common: CommonManifest, { content, toolVersion }: DumpFacts, stream: Stored): Manifest {
  return {
    ...common,
    type: 'dump',
    lineage: { parent: '', server: '', fromLsn: 0, toLsn: 0, lastLsn: 0 },
    tool: { name: 'mariadb-dump', version: toolVersion },
    dump: content,
    streams: [{ name: 'dump', ...stream }],
  };
}

/** What the manifests of all types have alike. */
type CommonManifest = Omit<Manifest, 'type' | 'lineage' | 'tool' | 'streams' | 'dump'>;

function shared(
  { settings: own, agentId }: Host,
  order: HostBackupInput,
  {
    facts,
    layout,
    running,
    settings,
    stream,
  }: {
    facts: PhysicalBackupFacts | DumpFacts;
    layout: Layout;
    running: { startedAt: string };
    settings: { recipients: string[] };
    stream: Stored;
  },
): CommonManifest {
  return {
    format: manifestFormat,
    backupId: order.backupId,
    serviceId: order.serviceId,
    serviceName: own.service_name ?? own.service_id,
    deploymentId: order.deploymentId,
    workflowId: order.workflowId,
    agentId,
    ...(facts.binlog && { binlog: facts.binlog }),
    server: { version: facts.serverVersion, name: own.server_name ?? own.service_id, layout },
    memoryTables: facts.memoryTables,
    ...(facts.atRest && { atRest: facts.atRest }),
    pipeline: { compression: 'zstd', recipients: settings.recipients },
    uncompressedBytes: facts.uncompressedBytes,
    dataBytes: facts.dataBytes,
    storedBytes: stream.bytes,
    startedAt: running.startedAt,
    endedAt: facts.endedAt,
    pointInTime: facts.pointInTime,
  };
}
