/** GET /restores/{id}: one restore, with its progress while it runs. */
import { z } from '@hono/zod-openapi';
import { TidemarkError } from '../../domain/errors.ts';
import { operation } from '../operation.ts';
import { digits, nothing } from '../schemas/common.ts';
import { restore } from '../schemas/restore.ts';
import { restoreView } from '../views/restore.ts';

export const getRestore = operation({
  name: 'getRestore',
  method: 'get',
  path: '/restores/{id}',
  summary: 'Get a restore',
  role: 'viewer',
  params: z.strictObject({ id: digits(1, Number.MAX_SAFE_INTEGER) }),
  query: nothing,
  answer: restore,
  errors: ['restore_not_found'],
  async handle({ params: { id }, caller: { organization } }, { catalog, progress }) {
    const record = await catalog.findRestore(id, organization);
    if (!record) throw new TidemarkError('restore_not_found', `There is no restore ${id}.`);
    return restoreView(await progress.ofRestore(record));
  },
});
