/** POST /backups/schedules: orders a backup. */
import { randomBytes } from 'node:crypto';
import type { ServiceRecord } from '../../catalog/types.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { formatBackupId, workflowIds } from '../../domain/ids.ts';
import { requireRole } from '../auth/caller.ts';
import type { Parts } from '../context.ts';
import { findService } from '../find.ts';
import type { ReceiptFor } from '../idempotency.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import {
  schedule,
  scheduleQuery,
  type ScheduleRequest,
  scheduleRequest,
  type ScheduleView,
} from '../schemas/schedule.ts';
import { scheduleView } from '../views/schedule.ts';

export const createSchedule = operation({
  name: 'createSchedule',
  method: 'post',
  path: '/backups/schedules',
  summary: 'Order a backup',
  description:
    'With `"schedule": "once"` the backup begins as soon as the service is free and its agent is there. Of the types there is `full` (also called `physical`).',
  role: 'operator',
  params: nothing,
  query: scheduleQuery,
  body: scheduleRequest,
  example: { backup_type: 'full', schedule: 'once', service_id: 'sample-1' },
  fieldErrors: { schedule: 'invalid_schedule' },
  answer: schedule,
  errors: ['invalid_schedule', 'not_available', 'service_not_found', 'temporal_unavailable'],
  async handle({ query, body, caller, receipt }, parts) {
    if (body.schedule !== 'once') requireRole(caller, 'administrator', 'A schedule that repeats');
    const service = await findService(parts.catalog, body.service_id, caller.organization);
    refuseNotAvailable(body, query.explain);
    return orderBackup(service, parts, receipt);
  },
});

/** What is well formed and not there yet, each with what is. */
function refuseNotAvailable(body: ScheduleRequest, explain: boolean): void {
  const type = body.backup_type;
  const refuse = (message: string): never => {
    throw new TidemarkError('not_available', message);
  };
  if (type === 'snapshot') {
    refuse('This deployment has no volume snapshots: ask for "backup_type": "full".');
  }
  if (type !== 'full' && type !== 'physical') {
    refuse(`Backups of the type "${type}" are not available yet: ask for "backup_type": "full".`);
  }
  if (body.schedule !== 'once')
    refuse('Schedules that repeat are not available yet: ask for "schedule": "once".');
  if (body.external_storage) {
    refuse(
      'Buckets of your own are not available yet: leave "external_storage" out for the managed storage.',
    );
  }
  if (explain) refuse('"explain" is for schedules that repeat, which are not available yet: leave it out.');
}

async function orderBackup(
  service: ServiceRecord,
  parts: Parts,
  receipt: ReceiptFor<ScheduleView>,
): Promise<ScheduleView> {
  const { catalog, orders } = parts;
  const { serviceId, serverName, organization } = service;
  await orders.ensureReachable();
  const backupId = formatBackupId({ hex: randomBytes(16).toString('hex'), serviceId, serverName });
  const { schedule: created } = await catalog.createOneTimeBackup({
    organization,
    service,
    type: 'full',
    backupId,
    message: 'Backup is scheduled.',
    workflowId: (scheduleId) => workflowIds.backup(backupId, scheduleId),
    receipt: receipt((made) => scheduleView(made.schedule, service.cloudProvider)),
  });
  await orders.backup({
    backupId,
    scheduleId: created.id,
    serviceId,
    organization,
    type: 'full',
    timings: orders.timings,
  });
  return scheduleView(created, service.cloudProvider);
}
