/** POST /restores: brings a backup back, to its own service or to another one. */
import { randomBytes } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import { ratesFrom } from '../../domain/archive/rates.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { SealedSource } from '../../domain/foreign.ts';
import type { RestoreInput } from '../../domain/operations.ts';
import { workflowIds } from '../../domain/ids.ts';
import type { Parts } from '../context.ts';
import { findService } from '../find.ts';
import { foreignRestore } from '../foreign-source.ts';
import type { PartRequest } from '../../domain/part.ts';
import { operation } from '../operation.ts';
import { type RestoreSource, restoreSource } from '../restore-source.ts';
import { nothing } from '../schemas/common.ts';
import { restoreQuery, type RestoreRequest, restoreRequest } from '../schemas/restore-request.ts';
import { restore, restorePlan, type RestorePlanView } from '../schemas/restore.ts';
import { type PlanContext, restorePlanView } from '../views/restore-plan.ts';
import { restoreView } from '../views/restore.ts';

export const createRestore = operation({
  name: 'createRestore',
  method: 'post',
  path: '/restores',
  summary: 'Restore a backup, or bring a service back to a point in time',
  description:
    'Replaces the whole server of `service_id` by the backup, users included, and by what its binlogs have after it up to `point_in_time`, `gtid`, `before_gtid` or `latest`; a dump of some databases replaces those databases in the running server, and no other; with `include`, only what it names comes back, into the running server. With `external_source`, `id` is the path of a backup that Tidemark did not make, in a bucket. The service has to be free and its agent has to be there; a nightly backup makes way, and is taken again when the restore has ended. With `mode: side-by-side`, the default, the old data is kept and comes back if the restore fails; `in-place` needs less room and cannot be taken back.',
  role: 'administrator',
  params: nothing,
  query: restoreQuery,
  body: restoreRequest,
  example: { id: 'eda3b72460c8c0d9d61a7f01b6a22e32:sample-1:sample-1', service_id: 'sample-1' },
  inspectBody: refuseScheduleRequest,
  answer: z.union([restore, restorePlan]),
  errors: [
    'backup_not_found',
    'service_not_found',
    'backup_not_restorable',
    'outside_window',
    'storage_unavailable',
    'service_busy',
    'agent_revoked',
    'agent_unavailable',
    'temporal_unavailable',
  ],
  async handle({ query, body, caller: { organization }, receipt }, parts) {
    const { catalog, orders } = parts;
    const service = await findService(catalog, body.service_id, organization);
    const foreign = await foreignRestore(body, service, parts);
    const rates = ratesFrom(parts.restoreRates, await catalog.findMeasurements(service.agentId));
    const source = foreign ?? (await restoreSource(body, organization, { catalog, restoreRates: rates }));
    const { backup, recovery } = source;
    await orders.ask(service);
    const part = partOf(body);
    const input = {
      backupId: backup.id,
      serviceId: service.serviceId,
      organization,
      mode: body.mode,
      ...(backup.method === 'external' && { external: true }),
      ...(foreign && { foreign: true }),
      ...(recovery && { recovery }),
      ...(part && { part }),
      timings: orders.timings,
    };
    if (query.dry_run) {
      const { agentId } = service;
      const seal = foreign && ((workflowId: string) => foreign.sourceFor({ agentId, workflowId }));
      return await tellPlan(input, seal, { rates, next: nextBest(source) }, parts);
    }
    const bucket = foreign?.source ?? (await catalog.findExternalBucket(backup.id));
    const record = await catalog.createRestore({
      organization,
      service,
      backup,
      mode: body.mode,
      bucket: bucket?.location ?? '',
      recovery,
      source: foreign?.source,
      part,
      message: 'Restore is scheduled.',
      workflowId: (id) => workflowIds.restore(id, randomBytes(4).toString('hex')),
      receipt: receipt(restoreView),
    });
    await orders.restore({ ...input, restoreId: record.id, workflowId: record.workflowId });
    return restoreView(record);
  },
});

function nextBest({ plan }: Pick<RestoreSource, 'plan'>): PlanContext['next'] {
  return plan?.next && { ...plan.next, seconds: plan.next.seconds - plan.seconds };
}

/** Nothing is written down, and nothing is touched. @param seal for the plan's workflow, of a backup of somebody else */
async function tellPlan(
  order: Omit<RestoreInput, 'restoreId' | 'workflowId'>,
  seal: ((workflowId: string) => Promise<SealedSource>) | undefined,
  known: Pick<PlanContext, 'rates' | 'next'>,
  { catalog, orders }: Parts,
): Promise<RestorePlanView> {
  const { serviceId, organization } = order;
  const nonce = randomBytes(6);
  // The host keeps apart by it what several plans ask at once; no restore has so high a number.
  const restoreId = nonce.readUIntBE(0, 6);
  const workflowId = workflowIds.restorePlan(serviceId, nonce.toString('hex'));
  const input = { ...order, restoreId, workflowId, ...(seal && { source: await seal(workflowId) }) };
  const report = await orders.planRestore(input);
  const newest = { page: 1, pageSize: 1, order: 'desc' } as const;
  const filter = { serviceId, status: 'Succeeded' } as const;
  const [last] = (await catalog.listRestores(organization, filter, newest)).items;
  const ms = last?.mode === 'side-by-side' ? last.reached?.['not_serving_ms'] : undefined;
  const lastNotServing = typeof ms === 'number' ? ms / 1000 : undefined;
  return restorePlanView(input, report, { ...known, lastNotServing });
}

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

function partOf({ include, as }: RestoreRequest): PartRequest | undefined {
  return include && { include, ...(as !== undefined && { as }) };
}
