/** GET /backups/schedules: the schedules of an organization. */
import { isServiceId } from '../../domain/ids.ts';
import { operation } from '../operation.ts';
import { typeAliases } from '../schemas/backup.ts';
import { nothing } from '../schemas/common.ts';
import { scheduleList, scheduleListQuery } from '../schemas/schedule.ts';
import { pageRequest, pagesCount } from '../views/format.ts';
import { scheduleView } from '../views/schedule.ts';

export const listSchedules = operation({
  name: 'listSchedules',
  method: 'get',
  path: '/backups/schedules',
  summary: 'List schedules',
  description: 'One-time and repeating ones; what was deleted is left out.',
  role: 'viewer',
  params: nothing,
  query: scheduleListQuery,
  answer: scheduleList,
  errors: [],
  async handle({ query, caller }, { catalog }) {
    const { service_id: serviceId, type } = query;
    if (type === 'snapshot' || (serviceId !== undefined && !isServiceId(serviceId))) {
      return { schedules: [], schedules_count: 0, pages_count: 0 };
    }
    const filter = {
      ...(serviceId === undefined ? {} : { serviceId }),
      ...(type === undefined
        ? {}
        : { type: type === 'physical' || type === 'logical' ? typeAliases[type] : type }),
    };
    const { items, count } = await catalog.listSchedules(caller.organization, filter, pageRequest(query));
    const now = Date.now();
    return {
      schedules: items.map((record) => scheduleView(record, now)),
      schedules_count: count,
      pages_count: pagesCount(count, query),
    };
  },
});
