/** A deployment for the tests of retention: a catalog, a store, and backups in both that are as old as is wanted. */
import { createHash, randomBytes } from 'node:crypto';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { DatabaseSync } from 'node:sqlite';
import { Client, Connection } from '@temporalio/client';
import { storageOptions } from '../../config/storage.ts';
import type { Plane } from '../../activities/control/plane.ts';
import { openCatalog } from '../../catalog/open.ts';
import type { BackupPatch, Catalog, ServiceRecord } from '../../catalog/types.ts';
import { ratesOfSettings } from '../../domain/archive/rates.ts';
import { formatBackupId, objectKeys, workflowIds } from '../../domain/ids.ts';
import type { Log } from '../../domain/log.ts';
import { manifestFormat } from '../../domain/manifest.ts';
import { defaultTimings } from '../../domain/operations.ts';
import { writeManifest } from '../../storage/manifest.ts';
import { noEncryption } from '../../domain/encryption.ts';
import { openStore } from '../../storage/open.ts';
import type { ObjectStore } from '../../storage/store.ts';

const dayMs = 86_400_000;

export interface Deployment {
  folder: string;
  catalog: Catalog;
  store: ObjectStore;
  plane: Plane;
  /** What was logged, a line each: level, message, fields. */
  lines: string[];
  close(): Promise<void>;
}

/** @param temporal where nobody is asked for anything but failed backups */
export async function openDeployment(
  folder: string,
  temporal = { address: '127.0.0.1:1', namespace: 'default' },
): Promise<Deployment> {
  const catalog = await openCatalog(`sqlite://${catalogFile(folder)}`);
  await catalog.migrate();
  const store = await openStore(pathToFileURL(path.join(folder, 'store')).href);
  const connection = Connection.lazy({ address: temporal.address });
  const lines: string[] = [];
  const write =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
    };
  const log: Log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  const plane: Plane = {
    catalog,
    store,
    client: new Client({ connection, namespace: temporal.namespace }),
    timings: defaultTimings,
    reconcileIntervalMs: 30_000,
    defaults: {
      retention: { days: 7 },
      nightly: false,
      nightlyWindow: { startMinute: 0, minutes: 360 },
      encryption: noEncryption,
      copies: [],
      copyLocations: [],
      chain: { base: 'last', maxChain: 7, maxShare: 100 },
      binlog: { archive: false, intervalMs: 10_000, fullAfterHole: true },
    },
    scheduleSpreadMs: 300_000,
    retention: { intervalMs: 3_600_000, graceMs: 0 },
    copies: new Map(),
    copyIntervalMs: 600_000,
    storageOptions: storageOptions.parse({}),
    externalEndpoints: [],
    restoreRates: ratesOfSettings({ physical: 1, dump: 1, binlog: 1, fixedSeconds: 1 }),
    objectsIntervalMs: 86_400_000,
    auditDays: 400,
    log,
  };
  return {
    folder,
    catalog,
    store,
    plane,
    lines,
    async close() {
      await connection.close();
      await catalog.close();
    },
  };
}

function catalogFile(folder: string): string {
  return path.join(folder, 'catalog.db');
}

/**
 * A backup that succeeded: two parts, a manifest, a row.
 *
 * @param deploymentId whose manifest it is; default: this one's
 * @param values what else its row says; `parent`: the full that it is an incremental of; `type`: where it is
 *   none of both
 */
export async function storedBackup(
  { folder, catalog, store }: Deployment,
  service: ServiceRecord,
  daysOld: number,
  deploymentId?: string,
  values: BackupPatch & { parent?: string; type?: 'dump' | 'binarylog' } = {},
): Promise<string> {
  const { parent, type = parent === undefined ? 'full' : 'incremental', ...patch } = values;
  const id = await recordedBackup(catalog, service, type);
  if (parent !== undefined) await catalog.setBase(id, { parent, full: parent });
  const { manifestSha256, storedBytes } = await putObjects(
    store,
    service,
    id,
    deploymentId ?? (await catalog.deploymentId()),
    parent,
    patch.timeline,
  );
  await catalog.updateBackup(id, {
    status: 'Succeeded',
    message: 'Done.',
    manifestSha256,
    storedBytes,
    ...patch,
  });
  makeOld(folder, id, daysOld);
  return id;
}

/** An entry of the audit, of a request that is so old. @returns its id */
export async function auditEntry({ folder, catalog }: Deployment, daysOld: number): Promise<number> {
  const id = await catalog.addAuditEntry({
    organization: 'acme',
    operation: 'createRestore',
    method: 'POST',
    path: '/skybackup/v1/restores',
    subject: 'alice',
    how: 'jwt',
    role: 'administrator',
    address: '192.0.2.1',
    requestId: 'r-1',
    serviceIds: [],
    recordIds: [],
  });
  const database = new DatabaseSync(catalogFile(folder));
  const time = new Date(Date.now() - daysOld * dayMs).toISOString();
  database.prepare('update audit set created_at = ? where id = ?').run(time, id);
  database.close();
  return id;
}

/** A backup that failed and left a part behind. */
export async function failedBackup(
  { folder, catalog, store }: Deployment,
  service: ServiceRecord,
  daysOld: number,
): Promise<string> {
  const id = await recordedBackup(catalog, service);
  await store.put(objectKeys.part(id, 1), Buffer.from('half'));
  await catalog.updateBackup(id, { status: 'Failed', message: 'It failed.' });
  makeOld(folder, id, daysOld);
  return id;
}

async function recordedBackup(
  catalog: Catalog,
  service: ServiceRecord,
  type: 'full' | 'incremental' | 'dump' | 'binarylog' = 'full',
): Promise<string> {
  const { serviceId, serverName, organization } = service;
  const backupId = formatBackupId({ hex: randomBytes(16).toString('hex'), serviceId, serverName });
  const workflowId = (scheduleId: number): string => workflowIds.backup(backupId, scheduleId);
  const { schedule } = await catalog.createOneTimeBackup({
    organization,
    service,
    type,
    backupId,
    message: 'Backup is scheduled.',
    workflowId,
  });
  await catalog.releasePlace(workflowId(schedule.id));
  return backupId;
}

/** As if the backup had been ordered, and had ended, so long ago. */
export function makeOld(folder: string, backupId: string, days: number): void {
  const then = new Date(Date.now() - days * dayMs).toISOString();
  const database = new DatabaseSync(catalogFile(folder), { timeout: 10_000 });
  try {
    // The counts of backups follow changes of their status alone.
    database.exec('begin immediate');
    const { status } = database.prepare('select status from backups where id = ?').get(backupId) ?? {};
    const change = "update backups set created_at = ?, ended_at = ?, status = 'Scheduled' where id = ?";
    database.prepare(change).run(then, then, backupId);
    database.prepare('update backups set status = ? where id = ?').run(status ?? null, backupId);
    database.exec('commit');
  } finally {
    database.close();
  }
}

async function putObjects(
  store: ObjectStore,
  service: ServiceRecord,
  backupId: string,
  deploymentId: string,
  parent = '',
  timeline?: string,
): Promise<{ manifestSha256: string; storedBytes: number }> {
  const parts = [];
  for (const index of [1, 2, 3]) {
    const body = Buffer.alloc(1000, index);
    const key = objectKeys.part(backupId, index);
    await store.put(key, body);
    parts.push({ key, bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') });
  }
  const time = new Date().toISOString();
  const { sha256 } = await writeManifest(store, {
    format: manifestFormat,
    backupId,
    serviceId: service.serviceId,
    serviceName: service.serviceName,
    type: parent === '' ? 'full' : 'incremental',
    deploymentId,
    workflowId: `backup/${service.serviceId}/1/${backupId.slice(0, 32)}`,
    agentId: service.agentId,
    lineage: {
      parent,
      server: 'life-1',
      ...(timeline !== undefined && { timeline }),
      fromLsn: parent === '' ? 0 : 1,
      toLsn: 1,
      lastLsn: 1,
    },
    server: { version: service.serverVersion, name: service.serverName, layout: service.layout },
    tool: { name: 'mariadb-backup', version: service.serverVersion },
    memoryTables: [],
    pipeline: { compression: 'zstd', recipients: [] },
    uncompressedBytes: 3000,
    dataBytes: 3000,
    storedBytes: 3000,
    startedAt: time,
    endedAt: time,
    pointInTime: time,
    streams: [{ name: 'data', bytes: 3000, parts }],
  });
  return { manifestSha256: sha256, storedBytes: 3000 };
}
