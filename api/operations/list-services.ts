/** GET /services: what is managed. */
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { serviceList, serviceListQuery } from '../schemas/service.ts';
import { pageRequest, pagesCount } from '../views/format.ts';
import { archivingStatus } from '../views/archiving.ts';
import { serviceView, withBackups } from '../views/service.ts';

export const listServices = operation({
  name: 'listServices',
  method: 'get',
  path: '/services',
  summary: 'List services',
  role: 'viewer',
  params: nothing,
  query: serviceListQuery,
  answer: serviceList,
  errors: [],
  async handle({ query, caller }, { catalog, defaults }) {
    const { items, count } = await catalog.listServices(caller.organization, pageRequest(query));
    const ids = items.map(({ serviceId }) => serviceId);
    const settings = await catalog.findServiceSettings(ids);
    const nightlies = await catalog.findNightlies(ids);
    const drills = await catalog.findDrills(ids);
    const proofs = await catalog.findLatestProofs(ids);
    const newest = await catalog.newestBackups(ids);
    const followings = await catalog.findFollowings(ids);
    const states = await catalog.findFollowState(ids);
    const breaks = await catalog.openBreaks(ids);
    const now = Date.now();
    return {
      services: items.map((record) => {
        const { serviceId: id } = record;
        const choices = {
          settings: settings.get(id),
          nightly: nightlies.get(id),
          drill: drills.get(id),
          proofs: proofs.get(id),
        };
        const archive = archivingStatus(followings.get(id), states.get(id), breaks.get(id) ?? [], now);
        return withBackups(serviceView(record, choices, defaults, now), newest.get(id) ?? [], archive, now);
      }),
      services_count: count,
      pages_count: pagesCount(count, query),
    };
  },
});
