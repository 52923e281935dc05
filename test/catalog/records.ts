/** Records for tests. Every call makes ids of its own, so that tests in one database do not meet. */
import { randomBytes } from 'node:crypto';
import type { ScheduleRecord } from '../../catalog/schedule-types.ts';
import type { BackupRecord, Catalog, ServiceRecord } from '../../catalog/types.ts';

export function newService(values: Partial<ServiceRecord> = {}): ServiceRecord {
  const mark = randomBytes(4).toString('hex');
  return {
    serviceId: `db-${mark}`,
    serviceName: 'Orders',
    organization: `org-${mark}`,
    labels: { tier: 'gold' },
    cloudProvider: 'aws',
    agentId: 'agent-1',
    serverName: 'orders-0',
    serverVersion: '10.11.14-MariaDB',
    serverRunning: true,
    layout: {
      members: [{ kind: 'data', directory: '/var/lib/mysql', mountPoint: false, files: [] }],
      innodbDataFiles: ['ibdata1:12M:autoextend'],
      innodbPageSize: 16384,
      lowerCaseTableNames: 0,
      binlogBasename: '',
      obstacles: [],
    },
    storage: 'file:///srv/backups',
    hostname: 'host-1',
    agentVersion: '0.1.0',
    warnings: ['The server keeps no binlog.'],
    encryption: { recipients: ['age1example'], unencrypted: 'refused' },
    registeredAt: '2026-01-01T00:00:00.000Z',
    lastSeenAt: '2026-01-01T00:00:00.000Z',
    ...values,
  };
}

/** A service that the catalog knows. */
export async function registered(
  catalog: Catalog,
  values: Partial<ServiceRecord> = {},
): Promise<ServiceRecord> {
  const service = newService(values);
  await catalog.upsertService(service);
  return service;
}

export function newBackupId(service: ServiceRecord): string {
  return `${randomBytes(16).toString('hex')}:${service.serviceId}:${service.serverName}`;
}

export async function orderBackup(
  catalog: Catalog,
  service: ServiceRecord,
  backupId = newBackupId(service),
): Promise<{ schedule: ScheduleRecord; backup: BackupRecord; workflowId: string }> {
  const workflowId = `backup/${backupId}`;
  const order = {
    organization: service.organization,
    service,
    type: 'full' as const,
    backupId,
    message: 'Backup is scheduled.',
    workflowId: () => workflowId,
  };
  return { ...(await catalog.createOneTimeBackup(order)), workflowId };
}

/** A backup whose place is free again. */
export async function finishedBackup(catalog: Catalog, service: ServiceRecord): Promise<BackupRecord> {
  const { backup, workflowId } = await orderBackup(catalog, service);
  await catalog.updateBackup(backup.id, { status: 'Succeeded', message: 'Done.' });
  await catalog.releasePlace(workflowId);
  return { ...backup, status: 'Succeeded', message: 'Done.' };
}

export async function orderRestore(
  catalog: Catalog,
  service: ServiceRecord,
  backup: BackupRecord,
): ReturnType<Catalog['createRestore']> {
  return await catalog.createRestore({
    organization: service.organization,
    service,
    backup,
    mode: 'side-by-side',
    bucket: 'file:///srv/backups',
    message: 'Restore is scheduled.',
    workflowId: (id) => `restore/${service.serviceId}/${id}`,
  });
}
