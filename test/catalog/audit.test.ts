import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { AuditEnd, AuditIntent } from '../../catalog/request-types.ts';
import { describeOnBoth } from './databases.ts';

const intentOf = (changes: Partial<AuditIntent> = {}): AuditIntent => ({
  organization: `org-${randomBytes(4).toString('hex')}`,
  operation: 'createRestore',
  method: 'POST',
  path: '/skybackup/v1/restores',
  subject: 'alice',
  how: 'jwt',
  role: 'administrator',
  address: '192.0.2.1',
  requestId: 'r-1',
  serviceIds: ['db1'],
  recordIds: ['b1'],
  ...changes,
});
const end = (changes: Partial<AuditEnd> = {}): AuditEnd => ({
  outcome: 'succeeded',
  status: 200,
  serviceIds: ['db1'],
  recordIds: ['b1', '7'],
  ...changes,
});
const newest = { page: 1, pageSize: 10, order: 'desc' } as const;

describeOnBoth('the audit', (database) => {
  test('an entry is there before it is finished, and says then how it ended', async () => {
    const { catalog } = database;
    const intent = intentOf();
    const id = await catalog.addAuditEntry(intent);
    const [open] = (await catalog.listAudit(intent.organization, {}, newest)).items;
    expect(open).toEqual({
      ...intent,
      id,
      outcome: 'unfinished',
      replayed: false,
      createdAt: expect.stringMatching(/^\d{4}-.*\.\d{3}Z$/),
    });
    await catalog.finishAuditEntry(id, end({ replayed: true }));
    const [finished] = (await catalog.listAudit(intent.organization, {}, newest)).items;
    expect(finished).toEqual({
      ...open,
      outcome: 'succeeded',
      status: 200,
      replayed: true,
      recordIds: ['b1', '7'],
      finishedAt: expect.any(String),
    });
    // How it ended is said once.
    await catalog.finishAuditEntry(id, end({ outcome: 'failed', status: 500, error: 'internal' }));
    expect((await catalog.listAudit(intent.organization, {}, newest)).items).toEqual([finished]);
  });

  test('what is refused at once is one entry', async () => {
    const { catalog } = database;
    const intent = intentOf({ path: 'with a \0 in it' });
    await catalog.addAuditEntry(intent, end({ outcome: 'refused', status: 403, error: 'forbidden' }));
    const { items, count } = await catalog.listAudit(intent.organization, {}, newest);
    expect([count, items[0]?.outcome, items[0]?.error, items[0]?.finishedAt]).toEqual([
      1,
      'refused',
      'forbidden',
      items[0]?.createdAt,
    ]);
    expect(items[0]?.path).toBe('with a \uFFFD in it');
  });

  test('is filtered and paged in a total order, each organization its own', async () => {
    const { catalog } = database;
    const { organization } = intentOf();
    const ids: number[] = [];
    for (let index = 0; index < 7; index += 1) {
      const operation = index % 2 === 0 ? 'createRestore' : 'createSchedule';
      const subject = index < 3 ? 'alice' : 'bob';
      const outcome = index === 6 ? ('failed' as const) : ('succeeded' as const);
      ids.push(await catalog.addAuditEntry(intentOf({ organization, operation, subject }), end({ outcome })));
    }
    await catalog.addAuditEntry(intentOf());
    const idsOf = async (
      filter: Parameters<typeof catalog.listAudit>[1],
      page: Partial<Parameters<typeof catalog.listAudit>[2]> = {},
    ): Promise<[number, number[]]> => {
      const { items, count } = await catalog.listAudit(organization, filter, { ...newest, ...page });
      return [count, items.map(({ id }) => id)];
    };
    const pick = (...indexes: number[]): number[] => indexes.map((index) => ids[index] ?? 0);
    expect(await idsOf({}, { order: 'asc' })).toEqual([7, ids]);
    expect(await idsOf({}, { page: 2, pageSize: 3 })).toEqual([7, pick(3, 2, 1)]);
    expect(await idsOf({ operation: 'createSchedule' })).toEqual([3, pick(5, 3, 1)]);
    expect(await idsOf({ subject: 'alice', operation: 'createRestore' })).toEqual([2, pick(2, 0)]);
    expect(await idsOf({ outcome: 'failed' })).toEqual([1, pick(6)]);
    await sleep(5);
    const createdBefore = new Date().toISOString();
    await sleep(5);
    await catalog.addAuditEntry(intentOf({ organization }));
    expect((await idsOf({}, { createdBefore }))[0]).toBe(7);
    expect((await idsOf({}))[0]).toBe(8);
  });

  test('what is older than a time is removed, a thousand entries at once, the oldest first, of everybody', async () => {
    const { catalog } = database;
    const [ours, theirs] = [intentOf(), intentOf()];
    for (let count = 0; count < 1001; count += 1)
      await catalog.addAuditEntry(count % 2 === 0 ? ours : theirs);
    await sleep(5);
    const time = new Date().toISOString();
    const kept = await catalog.addAuditEntry(ours, end());
    expect(await catalog.removeAuditBefore('2000-01-01T00:00:00Z')).toBe(0);
    // Whatever the other tests left is older.
    expect(await catalog.removeAuditBefore(time)).toBe(1000);
    expect(await catalog.removeAuditBefore(time)).toBeGreaterThan(0);
    expect(await catalog.removeAuditBefore(time)).toBe(0);
    const { items, count } = await catalog.listAudit(ours.organization, {}, newest);
    expect([items.map(({ id }) => id), count]).toEqual([[kept], 1]);
    expect((await catalog.listAudit(theirs.organization, {}, newest)).count).toBe(0);
    await expect(catalog.removeAuditBefore('soon')).rejects.toMatchObject({ code: 'invalid_request' });
  });
});
