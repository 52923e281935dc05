/** GET /services/{id}: one service, with its newest backups, and whether its agent asks for work now. */
import { z } from '@hono/zod-openapi';
import type { ServiceRecord } from '../../catalog/types.ts';
import type { Parts } from '../context.ts';
import { findService } from '../find.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { service, type ServiceView } from '../schemas/service.ts';
import type { FollowState } from '../../domain/archive/facts.ts';
import { recordedState } from '../../domain/archive/following.ts';
import { archivingStatus } from '../views/archiving.ts';
import { serviceView, withBackups } from '../views/service.ts';

export const getService = operation({
  name: 'getService',
  method: 'get',
  path: '/services/{id}',
  summary: 'Get a service',
  role: 'viewer',
  params: z.strictObject({ id: z.string() }),
  query: nothing,
  answer: service,
  errors: ['service_not_found'],
  async handle({ params: { id }, caller: { organization } }, parts) {
    return describeService(await findService(parts.catalog, id, organization), parts);
  },
});

/** All that is known of one service. */
export async function describeService(
  record: ServiceRecord,
  { catalog, orders, progress, defaults }: Parts,
): Promise<ServiceView> {
  const { serviceId } = record;
  const newest = (await catalog.newestBackups([serviceId])).get(serviceId) ?? [];
  const now = Date.now();
  const choices = {
    settings: (await catalog.findServiceSettings([serviceId])).get(serviceId),
    nightly: (await catalog.findNightlies([serviceId])).get(serviceId),
    drill: (await catalog.findDrills([serviceId])).get(serviceId),
    proofs: (await catalog.findLatestProofs([serviceId])).get(serviceId),
  };
  const following = (await catalog.findFollowings([serviceId])).get(serviceId);
  const known = (await catalog.findFollowState([serviceId])).get(serviceId);
  const breaks = (await catalog.openBreaks([serviceId])).get(serviceId) ?? [];
  const live = following?.order === '' ? undefined : await progress.ofFollower(serviceId);
  const archive = archivingStatus(following, newer(known, live), breaks, now);
  const view = serviceView(record, choices, defaults, now);
  // Without Temporal nobody can say; the announcements then have the last word.
  const alive = await orders.polls(record.agentId).catch(() => view.agent.alive);
  return withBackups({ ...view, agent: { ...view.agent, alive } }, newest, archive, now);
}

/**
 * The follower says more often to Temporal where it stands than the catalog hears. What it knows less of than those
 * before it did is carried over as on the way into the catalog.
 */
function newer(known: FollowState | undefined, live: FollowState | undefined): FollowState | undefined {
  if (!known || !live) return known;
  return Date.parse(live.lookedAt) > Date.parse(known.lookedAt) ? recordedState(known, live) : known;
}
