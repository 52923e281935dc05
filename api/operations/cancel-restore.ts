/** POST /restores/{id}/cancel: stops a restore and puts the server back. */
import { findRestore } from '../find.ts';
import { notAvailable } from '../not-available.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { restore, restoreId } from '../schemas/restore.ts';

export const cancelRestore = operation({
  name: 'cancelRestore',
  method: 'post',
  path: '/restores/{id}/cancel',
  summary: 'Cancel a restore',
  description: 'Stops a restore and puts the server back as it was. Not available yet.',
  role: 'administrator',
  params: restoreId,
  query: nothing,
  answer: restore,
  errors: ['restore_not_found', 'not_available'],
  async handle({ params: { id }, caller: { organization } }, { catalog }) {
    const { workflowId } = await findRestore(catalog, id, organization);
    throw notAvailable(
      'Cancelling a restore is not available yet.',
      `Wait until it has ended, or cancel its workflow ${workflowId} in Temporal's web UI: the server is then put back as it was.`,
    );
  },
});
