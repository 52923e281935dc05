/** GET /restores/pointintime/lookup: to which points in time services can be restored. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ServiceRecord } from '../../catalog/types.ts';
import { recoveryWindow } from '../../domain/archive/window.ts';
import type { Parts } from '../context.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { type PointInTimeService, pointInTimeServices } from '../schemas/lookup.ts';
import { wholeSeconds } from '../views/format.ts';

const allServices = { page: 1, pageSize: 10_000, order: 'desc' } as const;

export const lookupPointsInTime = operation({
  name: 'lookupPointsInTime',
  method: 'get',
  path: '/restores/pointintime/lookup',
  summary: 'Look up which points in time can be restored to',
  description:
    'One entry a service that has such an interval, its newest unbroken one. An interval comes from archived binlogs; GET /services/{id}/recovery-window has all of them, and the holes between.',
  role: 'viewer',
  params: nothing,
  query: nothing,
  answer: pointInTimeServices,
  errors: [],
  async handle({ caller: { organization } }, parts) {
    const under = underWay.get(parts.catalog) ?? new Map<string, Promise<PointInTimeService[]>>();
    underWay.set(parts.catalog, under);
    let lookup = under.get(organization);
    if (!lookup) {
      lookup = lookUp(organization, parts).finally(() => under.delete(organization));
      under.set(organization, lookup);
    }
    return { services: await lookup };
  },
});

/**
 * By catalog and organization. A window of each of thousands of services is much work, which no client makes be done
 * twice at once: whoever asks meanwhile gets the same answer.
 */
const underWay = new WeakMap<Parts['catalog'], Map<string, Promise<PointInTimeService[]>>>();

async function lookUp(organization: string, parts: Parts): Promise<PointInTimeService[]> {
  const { items } = await parts.catalog.listServices(organization, allServices);
  // Without a follower there never was a binlog in the archive.
  const followed = await parts.catalog.findFollowState(items.map(({ serviceId }) => serviceId));
  const services: PointInTimeService[] = [];
  for (const service of items.filter(({ serviceId }) => followed.has(serviceId))) {
    services.push(...(await newestOf(service, parts)));
    // Others have their turn between two.
    await nextTurn();
  }
  return services;
}

async function newestOf(
  { serviceId, serviceName }: ServiceRecord,
  { catalog, restoreRates }: Parts,
): Promise<PointInTimeService[]> {
  const { intervals } = recoveryWindow(await catalog.recoveryFacts(serviceId), restoreRates);
  const unbroken = intervals.flatMap(({ current, from, to }) => {
    const [start, end] = [upToSecond(from), wholeSeconds(to)];
    return current && start < end ? [{ start_time: start, end_time: end }] : [];
  });
  const newest = unbroken.toSorted((a, b) => (a.end_time < b.end_time ? -1 : 1)).at(-1);
  return newest ? [{ service_id: serviceId, service_name: serviceName, ...newest }] : [];
}

/** Everything from it on can be had. */
function upToSecond(time: string): string {
  const cut = wholeSeconds(time);
  return cut === time.replace('.000000Z', 'Z')
    ? cut
    : wholeSeconds(new Date(Date.parse(cut) + 1000).toISOString());
}
