/** GET /restores: the restores of an organization. */
import { z } from '@hono/zod-openapi';
import { isServiceId } from '../../domain/ids.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { restore, restoreList, restoreListQuery } from '../schemas/restore.ts';
import { pageRequest, pagesCount } from '../views/format.ts';
import { restoreView } from '../views/restore.ts';

export const listRestores = operation({
  name: 'listRestores',
  method: 'get',
  path: '/restores',
  summary: 'List restores',
  role: 'viewer',
  params: nothing,
  query: restoreListQuery,
  answer: restoreList,
  in2024: { answer: z.array(restore), of: ({ restores }) => restores },
  errors: [],
  async handle({ query, caller }, { catalog }) {
    const { service_id: serviceId, status, type } = query;
    if (serviceId !== undefined && !isServiceId(serviceId)) {
      return { restores: [], restores_count: 0, pages_count: 0 };
    }
    const filter = {
      ...(serviceId === undefined ? {} : { serviceId }),
      ...(status === undefined ? {} : { status }),
      ...(type === undefined ? {} : { type }),
    };
    const { items, count } = await catalog.listRestores(caller.organization, filter, pageRequest(query));
    return {
      restores: items.map(restoreView),
      restores_count: count,
      pages_count: pagesCount(count, query),
    };
  },
});
