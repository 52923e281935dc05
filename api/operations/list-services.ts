/** GET /services: what is managed. */
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { serviceList, serviceListQuery } from '../schemas/service.ts';
import { pageRequest, pagesCount } from '../views/format.ts';
import { serviceView } from '../views/service.ts';

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
    const now = Date.now();
    return {
      services: items.map((record) =>
        serviceView(
          record,
          {
            settings: settings.get(record.serviceId),
            nightly: nightlies.get(record.serviceId),
            drill: drills.get(record.serviceId),
            proofs: proofs.get(record.serviceId),
          },
          defaults,
          now,
        ),
      ),
      services_count: count,
      pages_count: pagesCount(count, query),
    };
  },
});
