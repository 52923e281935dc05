import { expect, test } from '@jest/globals';
import type { Catalog, RestoreRecord, ServiceRecord } from '../../catalog/types.ts';
import { workflowIds } from '../../domain/ids.ts';
import { describeOnBoth } from './databases.ts';
import { finishedBackup, orderBackup, registered } from './records.ts';

const keptUntil = '2126-02-03T10:00:00.000Z';
let nonces = 0;

describeOnBoth('undoing restores', (database) => {
  async function restored(): Promise<{ service: ServiceRecord; restore: RestoreRecord }> {
    const { catalog } = database;
    const service = await registered(catalog);
    const backup = await finishedBackup(catalog, service);
    const restore = await catalog.createRestore({
      organization: service.organization,
      service,
      backup,
      mode: 'side-by-side',
      bucket: '',
      message: 'Restore is scheduled.',
      workflowId: (id) => workflowIds.restore(id, `nonce${(nonces += 1)}`),
    });
    const done = { status: 'Succeeded', message: 'Restore has succeeded!', keptUntil } as const;
    await catalog.updateRestore(restore.id, done);
    await catalog.releasePlace(restore.workflowId);
    return { service, restore: (await catalog.findRestore(restore.id))! };
  }

  const order = (
    { id: restoreId, serviceId }: RestoreRecord,
    workflowId = `undo/${restoreId}/a`,
  ): Parameters<Catalog['createUndo']>[0] => ({
    restoreId,
    serviceId,
    force: true,
    message: 'The undo is scheduled.',
    workflowId,
  });

  test('one is ordered with its place, followed to its end, and told with its restore', async () => {
    const { catalog } = database;
    const { restore, service } = await restored();
    expect(restore).toMatchObject({ previous: { keptUntil, state: 'kept' } });
    expect(restore).not.toHaveProperty('undo');
    const workflowId = `undo/${restore.id}/a`;
    const ordered = await catalog.createUndo(order(restore));
    const undo = { workflowId, status: 'Scheduled', message: 'The undo is scheduled.', force: true };
    expect(ordered).toMatchObject({ ...restore, undo });
    expect((await catalog.unfinished()).undos.map(({ id }) => id)).toContain(restore.id);
    expect(await catalog.listPlaces()).toContainEqual(
      expect.objectContaining({ workflowId, held: true, operation: `undo of restore ${restore.id}` }),
    );
    // Not removed while it goes on.
    expect(await catalog.removeRestore(restore.id, service.organization)).toBeUndefined();
    expect(await catalog.updateUndo(restore.id, 'undo/of/another', { message: 'x' })).toBe(false);
    expect(await catalog.updateUndo(restore.id, workflowId, { status: 'Running' })).toBe(true);
    const end = { status: 'Succeeded', message: 'It was undone.', notServingMs: 812 } as const;
    const finishedAt = '2026-02-02T10:01:00.000Z';
    expect(await catalog.updateUndo(restore.id, workflowId, { ...end, finishedAt })).toBe(true);
    expect(await catalog.updateUndo(restore.id, workflowId, { message: 'after' })).toBe(false);
    const { items } = await catalog.listRestores(
      service.organization,
      {},
      { page: 1, pageSize: 9, order: 'asc' },
    );
    expect(items).toMatchObject([
      { status: 'Succeeded', previous: { state: 'put_back' }, undo: { ...undo, ...end, finishedAt } },
    ]);
    expect((await catalog.unfinished()).undos.map(({ id }) => id)).not.toContain(restore.id);
    await catalog.releasePlace(workflowId);
    await expect(catalog.createUndo(order(restore, 'undo/again'))).rejects.toMatchObject({
      code: 'undo_refused',
    });
  });

  test('one that was refused may be asked for again; the last one is told', async () => {
    const { catalog } = database;
    const { restore } = await restored();
    await catalog.createUndo(order(restore));
    await catalog.updateUndo(restore.id, `undo/${restore.id}/a`, {
      status: 'Failed',
      message: 'It was written.',
    });
    await catalog.releasePlace(`undo/${restore.id}/a`);
    const again = await catalog.createUndo(order(restore, `undo/${restore.id}/b`));
    expect(again.undo).toMatchObject({ workflowId: `undo/${restore.id}/b`, status: 'Scheduled' });
    expect(again.previous).toEqual({ keptUntil, state: 'kept' });
    await catalog.releasePlace(`undo/${restore.id}/b`);
  });

  test('a service that is busy is not undone, nor a restore that is not there or did not succeed', async () => {
    const { catalog } = database;
    const { restore, service } = await restored();
    const { workflowId } = await orderBackup(catalog, service);
    await expect(catalog.createUndo(order(restore))).rejects.toMatchObject({ code: 'service_busy' });
    await catalog.releasePlace(workflowId);
    await expect(catalog.createUndo(order({ ...restore, id: 987_654 }))).rejects.toMatchObject({
      code: 'restore_not_found',
    });
    expect((await catalog.findRestore(restore.id))?.undo).toBeUndefined();
  });

  test('what was removed on its host is no longer kept, and nobody else says so', async () => {
    const { catalog } = database;
    const { restore, service } = await restored();
    const state = async (): Promise<unknown> => (await catalog.findRestore(restore.id))?.previous?.state;
    await catalog.notePreviousGone('another-service', [restore.workflowId]);
    await catalog.notePreviousGone(service.serviceId, [
      `restore/${restore.id}/of-another-catalog`,
      'nonsense',
    ]);
    expect(await state()).toBe('kept');
    await catalog.notePreviousGone(service.serviceId, [restore.workflowId]);
    expect(await state()).toBe('removed');
  });
});
