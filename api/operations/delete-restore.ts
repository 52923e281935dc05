/** DELETE /restores/{id}: takes a restore off the lists. */
import { TidemarkError } from '../../domain/errors.ts';
import { isFinal } from '../../domain/operations.ts';
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
    'A restore that has ended is removed from the lists; what it restored stays. One that is still Scheduled is cancelled and removed. One that is Running, or being undone, is refused.',
  role: 'administrator',
  params: restoreId,
  query: nothing,
  answer: empty,
  errors: ['restore_not_found', 'restore_running', 'temporal_unavailable'],
  async handle({ params: { id }, caller: { organization } }, { catalog, orders }) {
    const { status } = await findRestore(catalog, id, organization);
    if (status === 'Scheduled') await orders.ensureReachable();
    const removed = await catalog.removeRestore(id, organization);
    if (!removed) {
      // It began, or somebody else removed it, since.
      const there = await findRestore(catalog, id, organization);
      throw new TidemarkError(
        'restore_running',
        there.undo && !isFinal(there.undo.status)
          ? `Restore ${id} is being undone: wait until that has ended.`
          : `Restore ${id} is running: wait until it has ended, or cancel it, with POST /restores/${id}/cancel: the server is then put back as it was.`,
      );
    }
    if (removed.status === 'Scheduled') await orders.cancel(removed.workflowId);
    return undefined;
  },
});
