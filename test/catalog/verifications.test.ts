import { expect, test } from '@jest/globals';
import { judge, newestGood } from '../../domain/retention.ts';
import { startOf } from '../../domain/progress.ts';
import type { BackupRecord } from '../../catalog/types.ts';
import type { VerificationRecord } from '../../catalog/verification-types.ts';
import { describeOnBoth } from './databases.ts';
import { finishedBackup, registered } from './records.ts';

const damage = { backupId: 'b', object: 'o', finding: 'expected 1 bytes, found 2 bytes' };
const damaged = { objectsCount: 3, bytesRead: 5_000_000_000_000, damaged: [damage], damagedCount: 7 };
const whole = { objectsCount: 3, bytesRead: 30, damaged: [], damagedCount: 0 };

describeOnBoth('verifications', (database) => {
  const begin = async (backup: BackupRecord, workflowId: string): Promise<VerificationRecord> =>
    await database.catalog.beginVerification({ backup, workflowId, message: 'Ordered.' });

  test('there is one a backup, the latest, and none is begun while one has not ended', async () => {
    const { catalog } = database;
    const backup = await finishedBackup(catalog, await registered(catalog));
    expect(await catalog.findVerification(backup.id)).toBeUndefined();
    const first = await begin(backup, `${backup.id}/1`);
    expect(first).toEqual({
      backupId: backup.id,
      serviceId: backup.serviceId,
      workflowId: `${backup.id}/1`,
      status: 'Scheduled',
      message: 'Ordered.',
      createdAt: expect.any(String) as unknown,
      objectsCount: 0,
      bytesRead: 0,
      damaged: [],
      damagedCount: 0,
    });
    expect(await begin(backup, `${backup.id}/2`)).toEqual(first);
    const progress = startOf('reading', 10);
    expect(await catalog.updateVerification(`${backup.id}/1`, { status: 'Running', progress })).toBe(true);
    expect((await catalog.unfinished()).verifications).toContainEqual({
      ...first,
      status: 'Running',
      progress,
    });
    const finishedAt = '2026-01-31T02:00:00.000Z';
    const end = { status: 'Failed', message: 'Damaged.', finishedAt, examination: damaged } as const;
    expect(await catalog.updateVerification(`${backup.id}/1`, end)).toBe(true);
    expect(await catalog.findVerification(backup.id)).toEqual({
      ...first,
      ...damaged,
      status: 'Failed',
      message: 'Damaged.',
      finishedAt,
      progress,
    });
    // What has ended is never changed, and stands until the next one is begun.
    expect(await catalog.updateVerification(`${backup.id}/1`, { status: 'Succeeded' })).toBe(false);
    const next = await begin(backup, `${backup.id}/3`);
    expect(next).toMatchObject({ workflowId: `${backup.id}/3`, status: 'Scheduled', damagedCount: 0 });
    expect(next).not.toHaveProperty('finishedAt');
    expect(await catalog.updateVerification(`${backup.id}/1`, { status: 'Running' })).toBe(false);
    await catalog.updateVerification(`${backup.id}/3`, { status: 'Cancelled' });
  });

  test('older backups are not removed for one that is known to be damaged', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const old = await finishedBackup(catalog, service);
    const newest = await finishedBackup(catalog, service);
    const newestNow = async (): Promise<string | undefined> =>
      newestGood((await catalog.retentionFacts(service.serviceId)).candidates)?.id;
    expect(await newestNow()).toBe(newest.id);

    await begin(newest, `${newest.id}/1`);
    await catalog.updateVerification(`${newest.id}/1`, { status: 'Failed', examination: damaged });
    expect(await newestNow()).toBe(old.id);
    // Another verification that has not ended, or could not find out, knows no better.
    await begin(newest, `${newest.id}/2`);
    expect(await newestNow()).toBe(old.id);
    await catalog.updateVerification(`${newest.id}/2`, { status: 'Failed' });
    expect(await newestNow()).toBe(old.id);
    const facts = await catalog.retentionFacts(service.serviceId);
    const inAYear = { now: Date.now() + 365 * 86_400_000, graceMs: 0 };
    expect(judge(facts, { days: 7 }, inAYear).map(({ id, keep }) => [id, keep])).toEqual([
      [newest.id, false],
      [old.id, true],
    ]);

    // One that is damaged is better than none.
    await begin(old, `${old.id}/1`);
    await catalog.updateVerification(`${old.id}/1`, { status: 'Failed', examination: damaged });
    expect(await newestNow()).toBe(newest.id);
    await begin(newest, `${newest.id}/3`);
    await catalog.updateVerification(`${newest.id}/3`, { status: 'Succeeded', examination: whole });
    expect(await newestNow()).toBe(newest.id);
  });

  test('it goes with its backup', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const old = await finishedBackup(catalog, service);
    await finishedBackup(catalog, service);
    await begin(old, `${old.id}/1`);
    const inAMonth = { now: Date.now() + 30 * 86_400_000, graceMs: 0 };
    await catalog.beginRemovals(service.serviceId, (facts) => judge(facts, { days: 7 }, inAMonth));
    expect(await catalog.findBackup(old.id)).toBeUndefined();
    expect(await catalog.findVerification(old.id)).toBeUndefined();
    expect(await catalog.updateVerification(`${old.id}/1`, { status: 'Running' })).toBe(false);
    await expect(begin(old, `${old.id}/2`)).rejects.toMatchObject({ code: 'backup_not_found' });
  });
});
