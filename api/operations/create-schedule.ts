/** POST /backups/schedules: orders a backup, or backups that repeat. */
import { randomBytes } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { followDecision } from '../../catalog/follow-decision.ts';
import type { ExternalBucketRecord } from '../../catalog/external-bucket-types.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import { requireFollowed } from '../../domain/archive/following.ts';
import { chooseBase } from '../../domain/chain.ts';
import { spreadOffset } from '../../domain/cron-runs.ts';
import { joinedEncryption, noEncryption, requireRecipients } from '../../domain/encryption.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { formatBackupId, workflowIds } from '../../domain/ids.ts';
import type { BackupType } from '../../domain/operations.ts';
import { chainSettingsOf, orderedEncryption } from '../../domain/service-settings.ts';
import { requireRole } from '../auth/caller.ts';
import type { Parts } from '../context.ts';
import { requireAllowedEndpoint, sealedBucket } from '../external-bucket.ts';
import { findService } from '../find.ts';
import type { ReceiptFor } from '../idempotency.ts';
import { notAvailable } from '../not-available.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import {
  explainedSchedule,
  schedule,
  scheduleQuery,
  type ScheduleRequest,
  scheduleRequest,
  type ScheduleView,
} from '../schemas/schedule.ts';
import { explain } from '../views/explained-schedule.ts';
import { scheduleView } from '../views/schedule.ts';

export const createSchedule = operation({
  name: 'createSchedule',
  method: 'post',
  path: '/backups/schedules',
  summary: 'Order a backup',
  description:
    'With `"schedule": "once"` the backup begins as soon as the service is free and its agent is there. With a cron expression, read in UTC, it repeats, which needs the role administrator; each run begins a little later than the expression says, by an offset that is the schedule\'s own. Of the types there are `full` (also called `physical`), `dump` (also called `logical`), which holds statements and can be restored to another version of MariaDB, `binarylog`, which ships what is new in the binlog up to this moment and says from where to where, where the binlogs of the service are archived, and `incremental`, which holds what was changed since the newest backup of the chain, in the same storage; where there is none, a single one is refused, and a run of a schedule takes a full and says so. With `external_storage` the backups go to a bucket of your own, which is tried before each one; what is wrong with it is the message of that backup and of the schedule.',
  role: 'operator',
  params: nothing,
  query: scheduleQuery,
  body: scheduleRequest,
  example: { backup_type: 'full', schedule: 'once', service_id: 'sample-1' },
  fieldErrors: { schedule: 'invalid_schedule' },
  answer: z.union([schedule, explainedSchedule]),
  errors: [
    'invalid_schedule',
    'not_available',
    'service_not_found',
    'chain_broken',
    'binlog_not_archived',
    'encryption_required',
    'temporal_unavailable',
  ],
  async handle({ query, body, caller, receipt }, parts) {
    if (body.schedule !== 'once') requireRole(caller, 'administrator', 'A schedule that repeats');
    const service = await findService(parts.catalog, body.service_id, caller.organization);
    const type = availableType(body.backup_type);
    const external = body.external_storage?.bucket;
    if (external) await requireAllowedEndpoint(external.credentials, parts.externalEndpoints);
    await requireEncryption(service, parts);
    const order = { service, type, schedule: body.schedule };
    if (body.schedule === 'once' && type === 'incremental')
      await requireBase(service, external?.path.location, parts);
    if (type === 'binarylog') await requireArchive(service, body.schedule, external !== undefined, parts);
    if (query.explain) return explain(order, parts.orders.scheduleSpreadMs, Date.now());
    const bucket = external && sealedBucket(parts.keyRing, external.path.location, external.credentials);
    return body.schedule === 'once'
      ? orderBackup({ service, type, bucket }, parts, receipt)
      : orderRepeating({ ...order, bucket }, parts, receipt);
  },
});

/** @throws not_available for types that are well formed and not there yet */
export function availableType(type: ScheduleRequest['backup_type']): BackupType {
  if (type === 'incremental' || type === 'binarylog') return type;
  if (type === 'dump' || type === 'logical') return 'dump';
  if (type === 'full' || type === 'physical') return 'full';
  throw notAvailable(
    'This deployment has no volume snapshots.',
    'Ask for "backup_type": "full", "incremental", "binarylog" or "dump".',
  );
}

/**
 * What the catalog tells; the run itself reads the chain's manifests, and asks the server.
 *
 * @throws chain_broken
 */
async function requireBase(
  { serviceId }: ServiceRecord,
  location: string | undefined,
  { catalog, defaults }: Parts,
): Promise<void> {
  const settings = (await catalog.findServiceSettings([serviceId])).get(serviceId) ?? {};
  const limits = { ...chainSettingsOf(settings, defaults), maxShare: Infinity };
  const choice = chooseBase(await catalog.chainFacts(serviceId, location), limits);
  if (!('reason' in choice)) return;
  throw new TidemarkError('chain_broken', `${choice.reason} Take a full backup: "backup_type": "full".`);
}

/** @throws invalid_request for a customer's bucket; binlog_not_archived, where it is to be taken now */
async function requireArchive(
  service: ServiceRecord,
  schedule: string,
  external: boolean,
  parts: Parts,
): Promise<void> {
  if (external) {
    throw new TidemarkError(
      'invalid_request',
      'The field "external_storage" has to be left out of a binarylog backup: binlogs are archived in the managed storage.',
    );
  }
  if (schedule !== 'once') return;
  const { decision } = await followDecision(parts, service);
  requireFollowed(decision, service.serviceId);
}

/** @throws encryption_required when this deployment, or the agent, would refuse the backup */
async function requireEncryption(service: ServiceRecord, { catalog, defaults }: Parts): Promise<void> {
  const { serviceId } = service;
  const settings = (await catalog.findServiceSettings([serviceId])).get(serviceId) ?? {};
  requireRecipients(
    joinedEncryption(service.encryption ?? noEncryption, orderedEncryption(settings, defaults)),
    serviceId,
  );
}

async function orderBackup(
  {
    service,
    type,
    bucket,
  }: { service: ServiceRecord; type: BackupType; bucket: ExternalBucketRecord | undefined },
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
    type,
    backupId,
    message: 'Backup is scheduled.',
    workflowId: (scheduleId) => workflowIds.backup(backupId, scheduleId),
    bucket,
    receipt: receipt((made) => scheduleView(made.schedule, Date.now())),
  });
  await orders.backup({
    backupId,
    scheduleId: created.id,
    serviceId,
    organization,
    type,
    ...(bucket && { external: true }),
    timings: orders.timings,
  });
  return scheduleView(created, Date.now());
}

async function orderRepeating(
  order: {
    service: ServiceRecord;
    type: BackupType;
    schedule: string;
    bucket: ExternalBucketRecord | undefined;
  },
  { catalog, orders }: Parts,
  receipt: ReceiptFor<ScheduleView>,
): Promise<ScheduleView> {
  await orders.ensureReachable();
  const created = await catalog.createSchedule({
    ...order,
    organization: order.service.organization,
    labels: {},
    offsetSeconds: (id) => spreadOffset(id, orders.scheduleSpreadMs),
    receipt: receipt((made) => scheduleView(made, Date.now())),
  });
  await orders.schedule(created.id);
  return scheduleView(created, Date.now());
}
