/** DELETE /backups/{id}: what goes, what is in the way, and that an instruction once given is carried out. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { BackupRecord } from '../../catalog/types.ts';
import { newBackupId, orderBackup, orderRestore } from '../catalog/records.ts';
import { type Answer, type Harness, openApi, serviceDefaults, serviceRecord, tokens } from './harness.ts';

const elsewhere = 'file:///srv/elsewhere';
let api: Harness;
let service = serviceRecord();
let count = 0;

beforeAll(async () => {
  api = await openApi('there', { defaults: { ...serviceDefaults, copyLocations: [elsewhere] } });
});
afterAll(async () => {
  await api.close();
});
beforeEach(async () => {
  count += 1;
  service = serviceRecord({ serviceId: `kept-${count}` });
  await api.catalog.upsertService(service);
});

/** Succeeded, and built on another one where that is named. */
async function made(base?: BackupRecord): Promise<BackupRecord> {
  const { backup, workflowId } = await orderBackup(api.catalog, service, newBackupId(service));
  if (base) {
    const full = base.referenceFullBackup === '' ? base.id : base.referenceFullBackup;
    await api.catalog.setBase(backup.id, { parent: base.id, full });
  }
  await api.catalog.updateBackup(backup.id, { status: 'Succeeded', message: 'Done.', storedBytes: 10 });
  await api.catalog.releasePlace(workflowId);
  return (await api.catalog.findBackup(backup.id)) ?? backup;
}

async function remove(id: string, query = '', token = tokens.administrator): Promise<Answer> {
  return await api.ask('DELETE', `/backups/${encodeURIComponent(id)}${query}`, { token });
}

async function removals(): Promise<string[]> {
  const all = await api.catalog.listRemovals();
  return all.filter(({ serviceId }) => serviceId === service.serviceId).map(({ backupId }) => backupId);
}

describe('deleting a backup', () => {
  test('takes it off the lists at once, hands it over to be removed, and has a workflow look', async () => {
    const [kept, wanted] = [await made(), await made()];
    const answer = await remove(wanted.id);
    expect([answer.status, answer.body]).toEqual([200, { removed: [wanted.id], storage_bytes: 10 }]);
    expect(await removals()).toEqual([wanted.id]);
    const [{ reason = '' } = {}] = await api.catalog.listRemovals();
    expect(reason).toBe('It was deleted on the instruction of alice.');
    expect((await api.ask('GET', `/backups/${encodeURIComponent(wanted.id)}`)).status).toBe(404);
    expect((await remove(wanted.id)).errors).toEqual(['backup_not_found']);
    expect((await api.client.workflow.getHandle('removals').describe()).status.name).toBe('RUNNING');
    const { body } = await api.ask('GET', `/backups/${service.serviceId}`);
    expect(body).toMatchObject({ backups: [{ id: kept.id }], backups_count: 1 });
  });

  test('is refused while others depend on it; with cascade they go along, with dry_run nothing does', async () => {
    const full = await made();
    const first = await made(full);
    const second = await made(first);
    for (const query of ['', '?dry_run=true']) {
      const refused = await remove(full.id, query);
      expect([refused.status, refused.errors]).toEqual([409, ['backup_needed']]);
      expect(refused.messages).toContain(`${first.id}, ${second.id}`);
    }
    const all = [second.id, first.id, full.id];
    const told = await remove(full.id, '?cascade=true&dry_run=true');
    expect([told.status, told.body]).toEqual([200, { removed: all, storage_bytes: 30 }]);
    expect(await removals()).toEqual([]);
    const answer = await remove(full.id, '?cascade=true');
    expect([answer.status, answer.body['removed']]).toEqual([200, all]);
    expect(await removals()).toEqual(all);
  });

  test('is refused while it is under way, while a restore uses it, and while it is copied', async () => {
    const { backup: scheduled } = await orderBackup(api.catalog, service, newBackupId(service));
    expect((await remove(scheduled.id)).errors).toEqual(['backup_in_use']);
    await api.catalog.updateBackup(scheduled.id, { status: 'Running' });
    expect((await remove(scheduled.id)).messages).toContain('It is Running');

    const target = serviceRecord({ serviceId: `target-${count}` });
    await api.catalog.upsertService(target);
    const used = await made();
    const restore = await orderRestore(api.catalog, target, used);
    const refused = await remove(used.id);
    expect([refused.errors, refused.messages]).toEqual([
      ['backup_in_use'],
      expect.stringContaining(`Restore ${restore.id}, which is Scheduled, needs it.`),
    ]);

    const copied = await made();
    await api.catalog.orderCopies({ services: [service], location: elsewhere, backupId: copied.id });
    await api.catalog.updateCopy(copied.id, elsewhere, { status: 'Running' });
    expect((await remove(copied.id)).messages).toContain(`is being copied to ${elsewhere}`);
    expect(await removals()).toEqual([]);
    await api.catalog.updateCopy(copied.id, elsewhere, { status: 'Succeeded' });
    expect((await remove(copied.id)).status).toBe(200);
    expect((await api.catalog.listRemovals()).find((one) => one.backupId === copied.id)).toMatchObject({
      copies: [elsewhere],
    });
  });

  test('works also for a failed one, and is written down in the audit', async () => {
    const { backup } = await orderBackup(api.catalog, service, newBackupId(service));
    await api.catalog.updateBackup(backup.id, { status: 'Failed', message: 'It failed.' });
    expect((await remove(backup.id)).status).toBe(200);
    const { body } = await api.ask('GET', '/audit?page_size=1');
    expect(body).toMatchObject({ entries: [{ operation: 'deleteBackup', outcome: 'succeeded' }] });
    expect(JSON.stringify(body)).toContain(backup.id);
  });
});

test('with Temporal away a backup is deleted all the same, and left to be removed', async () => {
  const away = await openApi('away');
  try {
    await away.catalog.upsertService(service);
    const { backup } = await orderBackup(away.catalog, service, newBackupId(service));
    await away.catalog.updateBackup(backup.id, { status: 'Succeeded', message: 'Done.' });
    const answer = await away.ask('DELETE', `/backups/${encodeURIComponent(backup.id)}`);
    expect([answer.status, answer.body['removed']]).toEqual([200, [backup.id]]);
    expect(await away.catalog.listRemovals()).toMatchObject([{ backupId: backup.id }]);
    expect(away.log.some(({ message }) => message.includes('left to the reconciler'))).toBe(true);
  } finally {
    await away.close();
  }
});

test('while a catalog that was filled from a store is not confirmed, nothing is deleted, and readiness says so', async () => {
  const wanted = await made();
  await api.catalog.beginConfirmation();
  const refused = await remove(wanted.id);
  expect([refused.status, refused.errors]).toEqual([409, ['catalog_unconfirmed']]);
  expect(refused.messages).toContain('tidemark catalog confirm');
  expect((await remove(wanted.id, '?dry_run=true')).status).toBe(200);
  const ready = await api.askRaw('GET', '/readyz');
  expect([ready.status, ready.body]).toEqual([
    200,
    { status: 'ready', unconfirmed_since: expect.any(String) as unknown },
  ]);
  expect(await api.catalog.confirm([])).toBe(true);
  expect((await remove(wanted.id)).status).toBe(200);
  expect((await api.askRaw('GET', '/readyz')).body).toEqual({ status: 'ready' });
});
