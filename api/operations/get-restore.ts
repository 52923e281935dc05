/** GET /restores/{id}: one restore, with its progress while it runs. */
import { z } from '@hono/zod-openapi';
import { findRestore } from '../find.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { restore, restoreId } from '../schemas/restore.ts';
import { restoreView } from '../views/restore.ts';

export const getRestore = operation({
  name: 'getRestore',
  method: 'get',
  path: '/restores/{id}',
  summary: 'Get a restore',
  role: 'viewer',
  params: restoreId,
  query: nothing,
  answer: restore,
  in2024: { answer: z.array(restore).length(1), of: (one) => [one] },
  errors: ['restore_not_found'],
  async handle({ params: { id }, caller: { organization } }, { catalog, progress }) {
    return restoreView(await progress.ofRestore(await findRestore(catalog, id, organization)));
  },
});
