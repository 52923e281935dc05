/** Binarylog backups: what the follower ships on demand, and the manifest that names it. */
import { Context } from '@temporalio/activity';
import type { ArchivePoint, FollowState } from '../../domain/archive/facts.ts';
import { joinedEncryption, noEncryption } from '../../domain/encryption.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import {
  type BackupSummary,
  type BinlogRange,
  type Manifest,
  manifestFormat,
} from '../../domain/manifest.ts';
import { programVersion } from '../../mariadb/programs.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { readManifest, writeManifest } from '../../storage/manifest.ts';
import { openArchive } from '../../storage/segments.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { beating } from '../heartbeat.ts';
import { ownStore } from './bucket.ts';
import { summarize } from './stored-stream.ts';
import type { HostBinlogInput, HostControlActivities, RangeBegin } from './contract.ts';
import type { Host } from './host.ts';

/** How long an attempt at shipping what there is may take: what keeps it from that is told then. */
const flushMs = 120_000;

export function binarylogActivities(
  host: Host,
): Pick<HostControlActivities, 'flushBinlog' | 'writeBinlogManifest'> {
  return {
    flushBinlog: async () => await beating(async () => await flush(host)),
    writeBinlogManifest: async (order) => await beating(async () => await name(host, order)),
  };
}

async function flush({ following }: Host): Promise<FollowState> {
  const { cancellationSignal } = Context.current();
  const late = AbortSignal.timeout(flushMs);
  try {
    return await following.flush(AbortSignal.any([cancellationSignal, late]));
  } catch (error) {
    if (cancellationSignal.aborted || (error instanceof TidemarkError && !error.retryable)) throw error;
    const why = following.state?.trouble || (late.aborted ? 'Nobody follows it.' : messageOf(error));
    throw new TidemarkError(
      'archive_stalled',
      `What is in the binlog could not be shipped within ${flushMs / 1000} s. ${why}`,
      { cause: error },
    );
  }
}

async function name(host: Host, order: HostBinlogInput): Promise<BackupSummary> {
  const { backupId, reached } = order;
  const store = ownStore(host, order);
  const earlier = await readManifest(store, backupId).catch((error: unknown) => {
    if (error instanceof TidemarkError && error.code === 'object_missing') return undefined;
    throw error;
  });
  if (earlier) return summaryOf(earlier.manifest, earlier.sha256);
  const { timeline, archived: to } = reached;
  const from = await beginOn(store, order.serviceId, timeline, order.begins);
  const manifest = await describe(host, order, { timeline, from, to });
  const { sha256 } = await writeManifest(store, manifest);
  return summaryOf(manifest, sha256);
}

function summaryOf(manifest: Manifest, sha256: string): BackupSummary {
  const { range } = manifest;
  const summary = summarize(manifest, sha256, [sentenceOf(range)]);
  return range ? { ...summary, timeline: range.timeline } : summary;
}

/** Where it begins on the timeline that is the server's now. */
async function beginOn(
  store: ObjectStore,
  serviceId: string,
  timeline: string,
  { previous, full }: RangeBegin,
): Promise<ArchivePoint> {
  if (previous?.timeline === timeline) return pointOf(previous);
  const timelines = await openArchive(store, serviceId).timelines();
  const known = timelines.find(({ id }) => id === timeline);
  return pointOf(known && known.parent !== undefined ? known.begins : full);
}

function pointOf({ file, position, gtid }: ArchivePoint): ArchivePoint {
  return { file, position, gtid };
}

async function describe(
  { agentId, settings }: Host,
  order: HostBinlogInput,
  range: BinlogRange,
): Promise<Manifest> {
  const { server, backup } = settings;
  const { archivedTime, lookedAt } = order.reached;
  const now = new Date().toISOString();
  const encryption = joinedEncryption(backup, order.encryption ?? noEncryption);
  return {
    format: manifestFormat,
    backupId: order.backupId,
    serviceId: order.serviceId,
    serviceName: settings.service_name ?? settings.service_id,
    type: 'binarylog',
    deploymentId: order.deploymentId,
    workflowId: order.workflowId,
    agentId,
    lineage: { parent: '', server: '', fromLsn: 0, toLsn: 0, lastLsn: 0 },
    binlog: range.to,
    server: {
      version: await programVersion(server, 'mariadbd'),
      name: settings.server_name ?? settings.service_id,
      layout: await inspectLayout(server),
    },
    tool: { name: 'mariadb-binlog', version: await programVersion(server, 'mariadb-binlog') },
    range,
    memoryTables: [],
    pipeline: { compression: 'zstd', recipients: encryption.recipients },
    uncompressedBytes: 0,
    dataBytes: 0,
    storedBytes: 0,
    startedAt: lookedAt,
    endedAt: now,
    pointInTime: new Date(archivedTime ?? lookedAt).toISOString(),
    streams: [],
  };
}

function sentenceOf(range: BinlogRange | undefined): string {
  if (!range) return '';
  const { from, to, timeline } = range;
  return `The binlog is archived from ${from.file}:${from.position} to ${to.file}:${to.position}, on the timeline ${timeline}.`;
}
