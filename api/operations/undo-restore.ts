/** POST /restores/{id}/undo: puts back the data that a restore replaced. */
import { randomBytes } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import type { RestoreRecord } from '../../catalog/types.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { workflowIds } from '../../domain/ids.ts';
import { refuseWritten } from '../../domain/undo.ts';
import { findRestore, findService } from '../find.ts';
import { operation } from '../operation.ts';
import { flag } from '../schemas/common.ts';
import { restore, restoreId } from '../schemas/restore.ts';
import { restoreView } from '../views/restore.ts';

export const undoRestore = operation({
  name: 'undoRestore',
  method: 'post',
  path: '/restores/{id}/undo',
  summary: 'Undo a restore',
  description:
    'Puts back the data that a succeeded side-by-side restore of a whole server replaced, as long as it is kept: the server is stopped for some seconds. What the restore had put there is removed, or kept for a while where something was written since. The answer is the restore; how far the undo is stands in its `undo`. Refused with `written_since` when something was written since the restore, unless `force=true`; with `undo_refused` where another restore followed. Not for `include` and `in-place`.',
  role: 'administrator',
  params: restoreId,
  query: z.strictObject({
    force: flag.openapi({
      description: 'Also when something was written since, which is then no longer on the server',
    }),
  }),
  answer: restore,
  errors: [
    'restore_not_found',
    'service_not_found',
    'undo_refused',
    'written_since',
    'previous_gone',
    'service_busy',
    'agent_revoked',
    'agent_outdated',
    'agent_unavailable',
    'temporal_unavailable',
  ],
  async handle({ params: { id }, query: { force }, caller: { organization }, receipt }, { catalog, orders }) {
    const record = await findRestore(catalog, id, organization);
    refuseUndo(record);
    const { serviceId, workflowId: restoreWorkflowId } = record;
    const service = await findService(catalog, serviceId, organization);
    await orders.ask(service);
    const { since } = await orders.inspectUndo(service, { restoreId: id, workflowId: restoreWorkflowId });
    if (!force) refuseWritten(id, since);
    const workflowId = workflowIds.undo(id, randomBytes(4).toString('hex'));
    const ordered = await catalog.createUndo({
      restoreId: id,
      serviceId,
      force,
      message: 'The undo is scheduled.',
      workflowId,
      receipt: receipt(restoreView),
    });
    await orders.undo({
      restoreId: id,
      workflowId,
      restoreWorkflowId,
      serviceId,
      organization,
      force,
      timings: orders.timings,
    });
    return restoreView(ordered);
  },
});

/** What is known without the host. @throws undo_refused, previous_gone */
function refuseUndo({ id, status, mode, part, previous, undo }: RestoreRecord): void {
  const refuse = (reason: string): never => {
    throw new TidemarkError('undo_refused', `Restore ${id} cannot be undone: ${reason}.`);
  };
  if (status !== 'Succeeded') {
    const way =
      status === 'Running' || status === 'Scheduled' ? `: cancel it, with POST /restores/${id}/cancel` : '';
    refuse(`it is ${status}${way}`);
  }
  if (part) refuse('part of a backup was brought back, and nothing of what was there is kept');
  if (mode === 'in-place') refuse('a restore in place keeps nothing of what it replaces');
  if (undo?.status === 'Succeeded') refuse(`it was undone already, at ${undo.finishedAt ?? undo.createdAt}`);
  if (previous?.state === 'removed') {
    throw new TidemarkError(
      'previous_gone',
      `What restore ${id} replaced is no longer kept, so that it cannot be put back. Restore a backup of it instead.`,
    );
  }
}
