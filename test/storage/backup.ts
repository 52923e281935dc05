/** A small backup in a store, for the tests of what is done with one. */
import { createHash } from 'node:crypto';
import { objectKeys } from '../../domain/ids.ts';
import { manifestFormat, type Manifest } from '../../domain/manifest.ts';
import type { ObjectStore } from '../../storage/store.ts';

export const backupId = 'eda30a6c7d1b4e0f9a8b7c6d5e4f3a2b:orders:orders-0';

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Puts five parts of 1,000, …, 1,000 and 500 bytes; the manifest is answered, not written. */
export async function putParts(store: ObjectStore): Promise<Manifest> {
  const contents = [1, 2, 3, 4, 5].map((fill) => Buffer.alloc(fill === 5 ? 500 : 1000, fill));
  const parts = contents.map((bytes, index) => ({
    key: objectKeys.part(backupId, index + 1),
    bytes: bytes.length,
    sha256: sha256(bytes),
  }));
  for (const [index, { key }] of parts.entries()) await store.put(key, contents[index] ?? Buffer.alloc(0));
  return {
    format: manifestFormat,
    backupId,
    serviceId: 'orders',
    serviceName: 'Orders',
    type: 'full',
    deploymentId: 'd-1',
    workflowId: 'backup/orders/1/eda30a6c7d1b4e0f9a8b7c6d5e4f3a2b',
    agentId: 'a-1',
    lineage: { parent: '', server: 'life-1', fromLsn: 0, toLsn: 61_234, lastLsn: 61_300 },
    binlog: { file: 'binlog.000002', position: 342, gtid: '0-1-17' },
    server: {
      version: '10.11.19-MariaDB',
      name: 'orders-0',
      layout: {
        members: [{ kind: 'data', directory: '/var/lib/mysql', mountPoint: false, files: [] }],
        innodbDataFiles: ['ibdata1:12M:autoextend'],
        innodbPageSize: 16_384,
        lowerCaseTableNames: 0,
        binlogBasename: 'binlog',
        obstacles: [],
      },
    },
    tool: { name: 'mariadb-backup', version: '10.11.19-MariaDB' },
    memoryTables: ['`shop`.`sessions`'],
    pipeline: { compression: 'zstd', recipients: [] },
    uncompressedBytes: 20_000,
    dataBytes: 20_000,
    storedBytes: 4500,
    startedAt: '2026-01-31T02:00:00.000Z',
    endedAt: '2026-01-31T02:00:07.000Z',
    pointInTime: '2026-01-31T02:00:06.000Z',
    streams: [{ name: 'data', bytes: 4500, parts }],
  };
}
