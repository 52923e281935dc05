/** GET /restores/pointintime/lookup: to which points in time services can be restored. */
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { pointInTimeServices } from '../schemas/lookup.ts';

export const lookupPointsInTime = operation({
  name: 'lookupPointsInTime',
  method: 'get',
  path: '/restores/pointintime/lookup',
  summary: 'Look up which points in time can be restored to',
  description:
    'One entry a service that has such an interval, its newest unbroken one. An interval comes from archived binlogs; this deployment archives none, so that the list is empty.',
  role: 'viewer',
  params: nothing,
  query: nothing,
  answer: pointInTimeServices,
  errors: [],
  handle: async () => ({ services: [] }),
});
