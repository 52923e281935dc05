/** GET /restores/{id}: one restore, with its progress while it runs. */
import { z } from '@hono/zod-openapi';
import type { Catalog, RestoreRecord } from '../../catalog/types.ts';
import { TidemarkError } from '../../domain/errors.ts';
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

/** @throws restore_not_found, also for a restore of another organization */
export async function findRestore(
  catalog: Catalog,
  id: number,
  organization: string,
): Promise<RestoreRecord> {
  const record = await catalog.findRestore(id, organization);
  if (record) return record;
  throw new TidemarkError(
    'restore_not_found',
    `There is no restore ${id}. GET /restores lists those there are.`,
  );
}
