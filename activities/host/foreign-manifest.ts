/** What stands for the manifest of a backup that has none. */
import type { ForeignFacts } from '../../domain/foreign.ts';
import type { Layout } from '../../domain/layout.ts';
import { type Manifest, manifestFormat } from '../../domain/manifest.ts';
import type { HostRestoreInput } from './contract.ts';

/** Of no service, and so of no timeline: what is restored from it begins one of its own. */
export function foreignManifest(
  { backupId, workflowId }: Pick<HostRestoreInput, 'backupId' | 'workflowId'>,
  { files, dump, storedBytes, unpackedBytes }: ForeignFacts,
  layout: Layout,
): Manifest {
  const now = new Date().toISOString();
  const toLsn = files?.toLsn ?? 0;
  const binlog = files?.binlog ?? dump?.binlog;
  const version = files?.serverVersion ?? dump?.serverVersion ?? '';
  return {
    format: manifestFormat,
    backupId,
    serviceId: '',
    serviceName: '',
    type: dump ? 'dump' : 'full',
    deploymentId: '',
    workflowId,
    agentId: '',
    lineage: { parent: '', server: '', fromLsn: 0, toLsn, lastLsn: toLsn },
    ...(binlog && { binlog }),
    server: { version, name: '', layout },
    tool: { name: dump ? 'mysqldump' : 'mariadb-backup', version: '' },
    ...(dump && { dump: { databases: dump.databases, whole: dump.whole } }),
    memoryTables: [],
    pipeline: { compression: 'zstd', recipients: [] },
    streams: [],
    uncompressedBytes: unpackedBytes,
    dataBytes: unpackedBytes,
    storedBytes,
    startedAt: now,
    endedAt: now,
    pointInTime: now,
  };
}
