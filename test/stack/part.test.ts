/** Part of a service from the REST call to the tables: the server goes on serving, and all else in it stays. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { recordHistory } from '../support/histories.ts';
import { leftovers } from '../support/parts.ts';
import { type BackupBody, TestStack, type TestService } from '../support/stack.ts';
import { until } from '../support/until.ts';

let stack: TestStack;
let service: TestService;
let full: BackupBody;

beforeAll(async () => {
  const settings = {
    TIDEMARK_BINLOG_ARCHIVE: 'on',
    TIDEMARK_ARCHIVE_INTERVAL: '1s',
    TIDEMARK_FULL_AFTER_HOLE: 'off',
  };
  stack = await TestStack.start('part', { apiSettings: settings, controlSettings: settings });
  service = await stack.addService('part-1', { serverOptions: { privileges: 'ALL PRIVILEGES' } });
  await service.server.loadSample({ rows: 50 });
  full = await stack.takeBackup('part-1');
});

afterAll(() => stack?.stop());

async function count(table: string): Promise<number> {
  const [row] = await service.server.query<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`);
  return row?.n ?? -1;
}

async function startedAt(): Promise<unknown> {
  const [row] = await service.server.query<{ at: string }>(
    "SELECT NOW() - INTERVAL VARIABLE_VALUE SECOND AS at FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'UPTIME'",
  );
  return row?.at;
}

test('a table that was dropped comes back from a full backup, and what was written since stays', async () => {
  const { server } = service;
  const before = await server.checksums();
  await server.session([
    'SET foreign_key_checks=0',
    'DROP TABLE shop.orders',
    'INSERT INTO shop.notes_aria VALUES (1000, NULL)',
  ]);
  const served = await startedAt();
  const id = await stack.orderRestore(full.id, 'part-1', { include: ['shop.orders'] });
  const ended = await stack.restored(id);
  expect(ended).toMatchObject({
    status: 'Succeeded',
    message: 'Restore has succeeded! shop.orders came back into the running server.',
    include: ['shop.orders'],
    reached: { gtid: full.binlog_gtid_position },
  });
  await recordHistory(stack.client, 'restore-part', await stack.workflowOf(id));
  expect((await server.checksums())['shop.orders']).toBe(before['shop.orders']);
  expect(await count('shop.notes_aria')).toBe(51);
  expect(await count('shop.totals')).toBe(50);
  expect(await startedAt()).toBe(served);
  expect(await leftovers(server)).toEqual([]);
});

test('a database comes back beside the one that is there, as it was just before a statement', async () => {
  const { server } = service;
  await server.query("INSERT INTO shop.notes_aria VALUES (1001, 'kept')");
  const wanted = (await server.checksums())['shop.notes_aria'];
  await server.query('DELETE FROM shop.notes_aria');
  const [{ gtid } = { gtid: '' }] = await server.query<{ gtid: string }>('SELECT @@gtid_binlog_pos AS gtid');
  const fields = {
    id: 'part-1',
    service_id: 'part-1',
    before_gtid: gtid,
    include: ['shop'],
    as: 'shop_before',
  };
  // Until the archive has it, there is no such transaction.
  let id = 0;
  await until(async () => {
    const { status, body } = await stack.request<{ id?: number }>('POST', '/restores', fields);
    id = body.id ?? 0;
    return status === 200;
  });
  const ended = await stack.restored(id);
  expect(ended).toMatchObject({
    status: 'Succeeded',
    message: expect.stringMatching(
      /shop came back as shop_before, .* The events of shop_before are disabled/,
    ) as unknown,
    include: ['shop'],
    as: 'shop_before',
    before_gtid: gtid,
  });
  expect((await server.checksums())['shop_before.notes_aria']).toBe(wanted);
  expect(await count('shop.notes_aria')).toBe(0);
  expect(await leftovers(server)).toEqual([]);
});

test('what is not in the backup is named, and nothing was changed', async () => {
  const before = await service.server.checksums();
  const dump = await stack.takeBackup('part-1', 'dump');
  const missing = await stack.restoreEnd(
    await stack.orderRestore(dump.id, 'part-1', { include: ['shop.order', 'shop.events'] }),
  );
  expect(missing).toMatchObject({ status: 'Failed' });
  expect(missing.message).toMatch(/no table shop\.order in it: .* What is there is as it was\.$/);
  const taken = await stack.restoreEnd(
    await stack.orderRestore(dump.id, 'part-1', { include: ['shop'], as: 'shop_before' }),
  );
  expect(taken.message).toMatch(/has a database shop_before already/);
  expect(await service.server.checksums()).toEqual(before);
  expect(await leftovers(service.server)).toEqual([]);
});
