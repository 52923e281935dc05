/** POST /restores/{id}/undo: puts back the data that a restore replaced. */
import { z } from '@hono/zod-openapi';
import { findRestore } from '../find.ts';
import { notAvailable } from '../not-available.ts';
import { operation } from '../operation.ts';
import { flag } from '../schemas/common.ts';
import { restore, restoreId } from '../schemas/restore.ts';

export const undoRestore = operation({
  name: 'undoRestore',
  method: 'post',
  path: '/restores/{id}/undo',
  summary: 'Undo a restore',
  description:
    'Puts back the data that a succeeded side-by-side restore of a whole server replaced, while it is kept. Not available yet.',
  role: 'administrator',
  params: restoreId,
  query: z.strictObject({
    force: flag.openapi({ description: 'Also when something was written since, which is then lost' }),
  }),
  answer: restore,
  errors: ['restore_not_found', 'not_available'],
  async handle({ params: { id }, caller: { organization } }, { catalog }) {
    await findRestore(catalog, id, organization);
    throw notAvailable(
      'Undoing a restore is not available yet.',
      'Restore a backup of the old data instead.',
    );
  },
});
