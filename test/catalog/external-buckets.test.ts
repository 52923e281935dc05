/** Buckets of customers: kept as long as something needs them, sealed anew, and forgotten with the last need. */
import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { ExternalBucketRecord } from '../../catalog/external-bucket-types.ts';
import type { BackupRecord, Catalog, ServiceRecord } from '../../catalog/types.ts';
import { describeOnBoth } from './databases.ts';
import { newBackupId, registered } from './records.ts';

function newBucket(): ExternalBucketRecord {
  return { id: randomBytes(16).toString('hex'), location: 's3://mine/kept', sealed: 'v1.key.nonce.sealed' };
}

async function orderOnce(
  catalog: Catalog,
  service: ServiceRecord,
  bucket: ExternalBucketRecord,
): Promise<BackupRecord> {
  const backupId = newBackupId(service);
  const { organization } = service;
  const order = { organization, service, type: 'full', backupId, message: 'Ordered.', bucket } as const;
  return (await catalog.createOneTimeBackup({ ...order, workflowId: () => `backup/${backupId}` })).backup;
}

describeOnBoth('buckets of customers', (database) => {
  const unneeded = async (): Promise<string[]> =>
    (await database.catalog.unneededBuckets()).map(({ id }) => id);

  test('one of a backup that comes to nothing is not needed any more, with what has to have ended', async () => {
    const { catalog } = database;
    const bucket = newBucket();
    const backup = await orderOnce(catalog, await registered(catalog), bucket);
    for (const status of ['Running', 'Failed'] as const) {
      expect(await unneeded()).not.toContain(bucket.id);
      expect(await catalog.forgetBucket(bucket.id)).toBe(false);
      await catalog.updateBackup(backup.id, { status });
    }
    expect(await catalog.unneededBuckets()).toContainEqual({
      id: bucket.id,
      location: bucket.location,
      backups: [{ id: backup.id, scheduleId: backup.scheduleId }],
    });
    expect(await catalog.findExternalBucket(backup.id)).toEqual(bucket);
    expect([await catalog.forgetBucket(bucket.id), await catalog.forgetBucket(bucket.id)]).toEqual([
      true,
      false,
    ]);
    expect(await catalog.findExternalBucket(backup.id)).toBeUndefined();
  });

  test('one of a backup that can be restored stays, also without its schedule', async () => {
    const { catalog } = database;
    const [service, bucket] = [await registered(catalog), newBucket()];
    const backup = await orderOnce(catalog, service, bucket);
    await catalog.updateBackup(backup.id, { status: 'Succeeded' });
    expect(await catalog.deleteSchedule(backup.scheduleId, service.organization)).toBe(true);
    expect(await unneeded()).not.toContain(bucket.id);
    expect(await catalog.forgetBucket(bucket.id)).toBe(false);
  });

  test('one that a restore begins at is needed until that has ended', async () => {
    const { catalog } = database;
    const [service, source] = [await registered(catalog), newBucket()];
    const { organization, serviceId } = service;
    const restore = await catalog.createRestore({
      organization,
      service,
      backup: { id: '/old/backup.tar.gz', serviceId, type: 'dump' },
      source,
      mode: 'side-by-side',
      bucket: source.location,
      message: 'Ordered.',
      workflowId: (id) => `restore/${id}`,
    });
    expect(restore).toMatchObject({ foreign: true, type: 'logical', backupId: '/old/backup.tar.gz' });
    expect(await catalog.findRestoreSource(restore.id)).toEqual(source);
    for (const status of ['Running', 'Succeeded'] as const) {
      expect(await unneeded()).not.toContain(source.id);
      expect(await catalog.forgetBucket(source.id)).toBe(false);
      await catalog.updateRestore(restore.id, { status });
    }
    expect(await unneeded()).toContain(source.id);
    expect(await catalog.forgetBucket(source.id)).toBe(true);
    expect(await catalog.findRestoreSource(restore.id)).toBeUndefined();
    expect(await catalog.findRestore(restore.id)).toMatchObject({ foreign: true });
    await catalog.releasePlace(restore.workflowId);
  });

  test('one of a schedule that repeats stays until that is deleted and its last run has come to nothing', async () => {
    const { catalog } = database;
    const [service, bucket] = [await registered(catalog), newBucket()];
    const { organization } = service;
    const { id } = await catalog.createSchedule({
      organization,
      service,
      schedule: '0 3 * * *',
      type: 'full',
      labels: {},
      offsetSeconds: () => 0,
      bucket,
    });
    const begun = await catalog.beginScheduledBackup({
      scheduleId: id,
      dueAt: new Date().toISOString(),
      backupId: () => newBackupId(service),
      workflowId: (backupId) => `backup/${backupId}`,
    });
    if (!('backup' in begun)) throw new Error('the run was refused');
    await catalog.updateBackup(begun.backup.id, { status: 'Running' });
    expect(await catalog.deleteSchedule(id, organization)).toBe(true);
    expect(await unneeded()).not.toContain(bucket.id);
    // What tidies up after it may need the credentials yet: who forgets them looks at that.
    await catalog.updateBackup(begun.backup.id, { status: 'Failed' });
    expect(await catalog.findExternalBucket(begun.backup.id)).toEqual(bucket);
    expect(await unneeded()).toContain(bucket.id);
  });

  test('one of a schedule that is still there stays, whatever came of its runs', async () => {
    const { catalog } = database;
    const [service, bucket] = [await registered(catalog), newBucket()];
    const { organization } = service;
    const rest = { type: 'full', labels: {}, offsetSeconds: () => 0, bucket } as const;
    const { id } = await catalog.createSchedule({ organization, service, schedule: '0 3 * * *', ...rest });
    expect(await unneeded()).not.toContain(bucket.id);
    // Without a run nobody has to be waited for.
    expect(await catalog.deleteSchedule(id, organization)).toBe(true);
    expect(await catalog.forgetBucket(bucket.id)).toBe(false);
    expect(await unneeded()).not.toContain(bucket.id);
  });

  test('all are found page by page, and an envelope is replaced unless it was replaced meanwhile', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const buckets = [newBucket(), newBucket(), newBucket()];
    for (const bucket of buckets) await orderOnce(catalog, service, bucket);
    const found: ExternalBucketRecord[] = [];
    for (let after = ''; ;) {
      const page = await catalog.listSealed(after, 2);
      expect(page.length).toBeLessThanOrEqual(2);
      found.push(...page);
      const last = page.at(-1);
      if (!last) break;
      after = last.id;
    }
    expect(found).toEqual(expect.arrayContaining(buckets));
    expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
    const [{ id, sealed } = newBucket()] = buckets;
    expect(await catalog.resealBucket(id, sealed, 'v1.new')).toBe(true);
    expect(await catalog.resealBucket(id, sealed, 'v1.newer')).toBe(false);
    expect(await catalog.listSealed('', 1_000)).toContainEqual({
      id,
      location: 's3://mine/kept',
      sealed: 'v1.new',
    });
  });

  test('what keys of requests were sealed under is known until they expire', async () => {
    const { catalog } = database;
    const fingerprint = `${randomBytes(8).toString('hex')}.${'ab'.repeat(32)}`;
    const prefix = fingerprint.slice(0, 17);
    expect(await catalog.lastExpiryOf(prefix)).toBeUndefined();
    const claim = { id: fingerprint, fingerprint, claim: 'mine', leaseMs: 1_000 };
    await catalog.claimKey({ ...claim, keepMs: 60_000 });
    expect(Date.parse((await catalog.lastExpiryOf(prefix)) ?? '')).toBeGreaterThan(Date.now());
    await catalog.releaseKey(claim);
    await catalog.claimKey({ ...claim, keepMs: -1_000 });
    expect(await catalog.lastExpiryOf(prefix)).toBeUndefined();
  });
});
