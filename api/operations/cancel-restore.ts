/** POST /restores/{id}/cancel: stops a restore and puts the server back. */
import { TidemarkError } from '../../domain/errors.ts';
import { isFinal } from '../../domain/operations.ts';
import { findRestore } from '../find.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { restore, restoreId } from '../schemas/restore.ts';
import { restoreView } from '../views/restore.ts';

export const cancelRestore = operation({
  name: 'cancelRestore',
  method: 'post',
  path: '/restores/{id}/cancel',
  summary: 'Cancel a restore',
  description:
    'Stops a restore, in whatever phase it is, and puts the server back as it was. The answer is the restore as it is now; it is Cancelled once the server is back, and its message says what the server serves. A restore in place that has begun to remove the old data leaves the server stopped. One that has ended is refused with `restore_ended`.',
  role: 'administrator',
  params: restoreId,
  query: nothing,
  answer: restore,
  errors: ['restore_not_found', 'restore_ended', 'temporal_unavailable'],
  async handle({ params: { id }, caller: { organization } }, { catalog, orders, progress }) {
    const record = await findRestore(catalog, id, organization);
    refuseEnded(record);
    await orders.cancelRestore(record);
    return restoreView(await progress.ofRestore(await findRestore(catalog, id, organization)));
  },
});

/** @throws restore_ended */
function refuseEnded({ id, status }: { id: number; status: Parameters<typeof isFinal>[0] }): void {
  if (!isFinal(status)) return;
  const way =
    status === 'Succeeded'
      ? ` POST /restores/${id}/undo puts back what it replaced, while that is kept.`
      : '';
  throw new TidemarkError(
    'restore_ended',
    `Restore ${id} has ended, as ${status}: there is nothing to cancel.${way}`,
  );
}
