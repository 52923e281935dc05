/** POST /restores: brings a backup back, to its own service or to another one. */
import { randomBytes } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import type { BackupRecord, ServiceRecord } from '../../catalog/types.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { isStored } from '../../domain/manifest.ts';
import { isServiceId, parseBackupId, workflowIds } from '../../domain/ids.ts';
import type { Parts } from '../context.ts';
import { findService } from '../find.ts';
import { notAvailable } from '../not-available.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import {
  fieldsNotAvailable,
  pointFields,
  restoreQuery,
  type RestoreRequest,
  restoreRequest,
} from '../schemas/restore-request.ts';
import { restore, restorePlan } from '../schemas/restore.ts';
import { restoreView } from '../views/restore.ts';

export const createRestore = operation({
  name: 'createRestore',
  method: 'post',
  path: '/restores',
  summary: 'Restore a backup',
  description:
    'Replaces the whole server of `service_id` by the backup, users included; a dump of some databases replaces those databases in the running server, and no other. The service has to be free and its agent has to be there; a nightly backup makes way, and is taken again when the restore has ended. With `mode: side-by-side`, the default, the old data is kept and comes back if the restore fails; `in-place` needs less room and cannot be taken back.',
  role: 'administrator',
  params: nothing,
  query: restoreQuery,
  body: restoreRequest,
  example: { id: 'eda3b72460c8c0d9d61a7f01b6a22e32:sample-1:sample-1', service_id: 'sample-1' },
  inspectBody: refuseScheduleRequest,
  answer: z.union([restore, restorePlan]),
  errors: [
    'not_available',
    'backup_not_found',
    'service_not_found',
    'backup_not_restorable',
    'service_busy',
    'agent_revoked',
    'agent_unavailable',
    'temporal_unavailable',
  ],
  async handle({ query, body, caller: { organization }, receipt }, parts) {
    const { catalog, orders } = parts;
    const service = await findService(catalog, body.service_id, organization);
    const backup = await namedBackup(body, service, organization, parts);
    refuseNotAvailable(body, query.dry_run);
    refuseNotRestorable(backup);
    await orders.ask(service);
    const { serviceId } = service;
    const bucket = await catalog.findExternalBucket(backup.id);
    const record = await catalog.createRestore({
      organization,
      service,
      backup,
      mode: body.mode,
      bucket: bucket?.location ?? '',
      message: 'Restore is scheduled.',
      workflowId: (id) => workflowIds.restore(id, randomBytes(4).toString('hex')),
      receipt: receipt(restoreView),
    });
    await orders.restore({
      restoreId: record.id,
      workflowId: record.workflowId,
      backupId: backup.id,
      serviceId,
      organization,
      mode: body.mode,
      ...(backup.method === 'external' && { external: true }),
      timings: orders.timings,
    });
    return restoreView(record);
  },
});

/** The vendor's documents print such a body in this place. */
function refuseScheduleRequest(body: unknown): void {
  if (typeof body !== 'object' || body === null) return;
  if ('backup_type' in body || ('schedule' in body && !('id' in body) && !('key' in body))) {
    throw new TidemarkError(
      'invalid_request',
      'This is a body for POST /backups/schedules, which orders a backup. POST /restores takes the "id" of a backup and the "service_id" to restore to.',
    );
  }
}

/** What is well formed and not there yet. */
function refuseNotAvailable(body: RestoreRequest, dryRun: boolean): void {
  const asked = fieldsNotAvailable.filter((field) => body[field] !== undefined).map((field) => `"${field}"`);
  if (asked.length > 0) {
    throw notAvailable(
      `${asked.join(', ')} ${asked.length === 1 ? 'is' : 'are'} not available yet.`,
      'What can be restored is a whole backup, by its "id".',
    );
  }
  if (dryRun) throw notAvailable('"dry_run" is not available yet.', 'Leave it out.');
}

/**
 * The backup that a request names.
 *
 * @throws backup_not_found, telling what else the id may have meant
 * @throws not_available when it names, as it may, something else than a backup
 */
async function namedBackup(
  body: RestoreRequest,
  target: ServiceRecord,
  organization: string,
  { catalog }: Parts,
): Promise<BackupRecord> {
  const id = body.id ?? body.key ?? '';
  if (body.external_source) {
    requireCredentials(body.external_source, target);
    throw notAvailable(
      '"external_source", restoring from a bucket of your own, is not available yet.',
      'What can be restored is a backup that GET /backups lists, by its "id".',
    );
  }
  const found = parseBackupId(id) ? await catalog.findBackup(id, organization) : undefined;
  if (found) return found;
  const forward = pointFields.filter((field) => body[field] !== undefined).map((field) => `"${field}"`);
  if (forward.length > 0 && isServiceId(id) && (await catalog.findService(id, organization))) {
    throw notAvailable(
      `${forward.join(', ')} is not available yet.`,
      `Restore one of the backups that GET /backups/${id} lists.`,
    );
  }
  const shown = id.slice(0, 250);
  if (/^\d{1,15}$/.test(id)) {
    const meant = await catalog.findSchedule(Number(id), organization);
    throw new TidemarkError(
      'backup_not_found',
      meant?.backupId === undefined
        ? `There is no backup "${shown}": the id of a backup is as GET /backups lists it.`
        : `There is no backup "${shown}". Schedule ${shown} made the backup "${meant.backupId}": restore that id.`,
    );
  }
  if (isServiceId(id) && (await catalog.findService(id, organization))) {
    throw new TidemarkError(
      'backup_not_found',
      `"${shown}" is a service: restore one of the backups that GET /backups/${shown} lists.`,
    );
  }
  throw new TidemarkError(
    'backup_not_found',
    `There is no backup "${shown}". GET /backups lists those there are.`,
  );
}

/** The managed storage of the target is the one place that is read without credentials of the caller. */
function requireCredentials(
  { bucket, credentials }: NonNullable<RestoreRequest['external_source']>,
  target: ServiceRecord,
): void {
  if (credentials || target.storage.split('/')[2] === bucket.replace(/^\w+:\/\/|\/$/g, '')) return;
  throw new TidemarkError(
    'invalid_request',
    'The field "external_source.credentials" is missing: it has to be credentials in base64 for a bucket that is not the managed storage of the service.',
  );
}

function refuseNotRestorable(backup: BackupRecord): void {
  if (backup.status !== 'Succeeded') {
    throw new TidemarkError(
      'backup_not_restorable',
      `The backup "${backup.id}" is ${backup.status}: ${backup.message} Choose one that Succeeded.`,
    );
  }
  if (!isStored(backup.type)) {
    throw new TidemarkError(
      'not_available',
      `Restoring a backup of the type "${backup.type}" is not available yet: choose one of the type "full", "incremental" or "dump".`,
    );
  }
}
