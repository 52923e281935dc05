/** DELETE /restores/{id}: takes a restore off the lists. */
import { TidemarkError } from '../../domain/errors.ts';
import { findRestore } from '../find.ts';
import { empty, operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { restoreId } from '../schemas/restore.ts';

export const deleteRestore = operation({
  name: 'deleteRestore',
  method: 'delete',
  path: '/restores/{id}',
  summary: 'Remove a restore from the lists',
  description:
    'A restore that has ended is removed from the lists; what it restored stays. One that is still Scheduled is cancelled and removed. One that is Running is refused.',
  role: 'administrator',
  params: restoreId,
  query: nothing,
  answer: empty,
  errors: ['restore_not_found', 'restore_running', 'temporal_unavailable'],
  async handle({ params: { id }, caller: { organization } }, { catalog, orders }) {
    const { status, workflowId } = await findRestore(catalog, id, organization);
    if (status === 'Scheduled') await orders.ensureReachable();
    const removed = await catalog.removeRestore(id, organization);
    if (!removed) {
      // It began, or somebody else removed it, since.
      await findRestore(catalog, id, organization);
      throw new TidemarkError(
        'restore_running',
        `Restore ${id} is running: wait until it has ended, or cancel its workflow ${workflowId} in Temporal's web UI (POST /restores/${id}/cancel is not available yet): the server is then put back as it was.`,
      );
    }
    if (removed.status === 'Scheduled') await orders.cancel(removed.workflowId);
    return undefined;
  },
});
