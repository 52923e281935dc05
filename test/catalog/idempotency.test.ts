import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { Receipt } from '../../catalog/request-types.ts';
import type { Catalog } from '../../catalog/types.ts';
import { describeOnBoth } from './databases.ts';
import { newBackupId, newService, registered } from './records.ts';

const day = 86_400_000;
const claimOf = (
  id: string,
  changes: Partial<Parameters<Catalog['claimKey']>[0]> = {},
): Parameters<Catalog['claimKey']>[0] => ({
  id,
  fingerprint: 'print',
  claim: randomBytes(8).toString('hex'),
  leaseMs: 60_000,
  keepMs: day,
  ...changes,
});
const newId = (): string => randomBytes(32).toString('hex');
const receiptOf = <T>({ id, claim }: { id: string; claim: string }, answer: string): Receipt<T> => ({
  keyId: id,
  claim,
  answerOf: () => answer,
});

describeOnBoth('idempotency keys', (database) => {
  test('of many that claim one key at once, one gets it', async () => {
    const others = await Promise.all([1, 2, 3].map(async () => await database.open(database.location)));
    const id = newId();
    const answers = await Promise.all(
      [database.catalog, ...others].flatMap((catalog) =>
        [1, 2, 3].map(async () => await catalog.claimKey(claimOf(id))),
      ),
    );
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(1);
    expect(
      answers.filter((answer) => answer?.fingerprint === 'print' && answer.answer === undefined),
    ).toHaveLength(11);
  });

  test('a kept answer is there for whoever asks, until it expires', async () => {
    const { catalog } = database;
    const claim = claimOf(newId(), { keepMs: 2_000 });
    expect(await catalog.claimKey(claim)).toBeUndefined();
    await catalog.keepAnswer(receiptOf(claim, 'sealed'));
    const other = claimOf(claim.id, { fingerprint: 'another' });
    expect(await catalog.claimKey(other)).toEqual({ fingerprint: 'print', answer: 'sealed' });
    await sleep(2_050);
    expect(await catalog.claimKey(other)).toBeUndefined();
    expect(await catalog.claimKey(claim)).toEqual({ fingerprint: 'another' });
  });

  test('a claim that lapsed without an answer goes to the next, unless it was renewed', async () => {
    const { catalog } = database;
    const first = claimOf(newId(), { leaseMs: 200 });
    expect(await catalog.claimKey(first)).toBeUndefined();
    await catalog.renewKey({ ...first, leaseMs: 60_000 });
    await sleep(250);
    const second = claimOf(first.id);
    expect(await catalog.claimKey(second)).toEqual({ fingerprint: 'print' });
    await catalog.renewKey({ ...first, leaseMs: 1 });
    await sleep(20);
    expect(await catalog.claimKey(second)).toBeUndefined();
    // Whoever lost it can neither renew nor keep nor give up what is another's.
    await catalog.renewKey({ ...first, leaseMs: 1 });
    await catalog.releaseKey(first);
    await expect(catalog.keepAnswer(receiptOf(first, 'late'))).rejects.toMatchObject({
      code: 'request_in_progress',
      retryAfterSeconds: 1,
    });
    await sleep(20);
    expect(await catalog.claimKey(claimOf(first.id))).toEqual({ fingerprint: 'print' });
  });

  test('a claim that is given up is free, an answer that was kept stays', async () => {
    const { catalog } = database;
    const claim = claimOf(newId());
    await catalog.claimKey(claim);
    await catalog.releaseKey(claim);
    expect(await catalog.claimKey(claim)).toBeUndefined();
    await catalog.keepAnswer(receiptOf(claim, 'sealed'));
    await catalog.releaseKey(claim);
    expect(await catalog.claimKey(claim)).toEqual({ fingerprint: 'print', answer: 'sealed' });
  });

  test('an order and its answer are there together, or neither is', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const order = (receipt: Receipt<unknown>): Parameters<Catalog['createOneTimeBackup']>[0] => {
      const backupId = newBackupId(service);
      const workflowId = (): string => `backup/${backupId}`;
      const { organization } = service;
      return { organization, service, type: 'full', backupId, message: 'm', workflowId, receipt };
    };
    const count = async (): Promise<number> =>
      (await catalog.listBackups(service.organization, {}, { page: 1, pageSize: 1, order: 'asc' })).count;
    const claim = claimOf(newId());
    await catalog.claimKey(claim);
    await catalog.createOneTimeBackup(order(receiptOf(claim, 'sealed')));
    expect([await count(), await catalog.claimKey(claimOf(claim.id))]).toEqual([
      1,
      { fingerprint: 'print', answer: 'sealed' },
    ]);
    // The claim is another's now: what would have been made is taken back, its place included.
    await expect(catalog.createOneTimeBackup(order(receiptOf(claim, 'again')))).rejects.toMatchObject({
      code: 'request_in_progress',
    });
    const lost = claimOf(newId(), { leaseMs: 1 });
    await catalog.claimKey(lost);
    await sleep(20);
    await catalog.claimKey(claimOf(lost.id));
    await expect(catalog.createOneTimeBackup(order(receiptOf(lost, 'late')))).rejects.toMatchObject({
      code: 'request_in_progress',
    });
    const places = (await catalog.listPlaces()).filter(({ serviceId }) => serviceId === service.serviceId);
    expect([await count(), places.length]).toEqual([1, 1]);
  });

  test('a service that is not there leaves neither an order nor an answer', async () => {
    const { catalog } = database;
    const service = newService();
    const claim = claimOf(newId());
    await catalog.claimKey(claim);
    const backupId = newBackupId(service);
    const { organization } = service;
    const receipt = receiptOf<unknown>(claim, 'sealed');
    const workflowId = (): string => `backup/${backupId}`;
    await expect(
      catalog.createOneTimeBackup({
        organization,
        service,
        type: 'full',
        backupId,
        message: '',
        workflowId,
        receipt,
      }),
    ).rejects.toMatchObject({ code: 'service_not_found' });
    expect(await catalog.claimKey(claimOf(claim.id))).toEqual({ fingerprint: 'print' });
  });

  test('expired keys are removed, a thousand at once, and no others', async () => {
    const catalog = await database.open(await database.newLocation());
    await catalog.migrate();
    const kept = claimOf(newId());
    await catalog.claimKey(kept);
    for (let index = 0; index < 1005; index += 1) await catalog.claimKey(claimOf(newId(), { keepMs: 0 }));
    expect([
      await catalog.removeExpiredKeys(),
      await catalog.removeExpiredKeys(),
      await catalog.removeExpiredKeys(),
    ]).toEqual([1000, 5, 0]);
    expect(await catalog.claimKey(claimOf(kept.id))).toEqual({ fingerprint: 'print' });
  });
});
