/** Dumps from the REST call to the data: of a whole server, to another one; and of some databases, into a running one. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { recordHistory } from '../support/histories.ts';
import { type BackupBody, TestStack, type TestService } from '../support/stack.ts';

let stack: TestStack;
let service: TestService;

beforeAll(async () => {
  stack = await TestStack.start('dump');
  service = await stack.addService('dump-1', { serverOptions: { privileges: 'ALL PRIVILEGES' } });
  await service.server.loadSample({ rows: 200 });
});

afterAll(() => stack?.stop());

/** Without the MEMORY table, whose rows no server has after its start. */
async function checksums({ server }: TestService): Promise<Record<string, number | null>> {
  const { 'shop.sessions': _memory, ...kept } = await server.checksums();
  return kept;
}

async function recordBackup(name: string, backup: BackupBody): Promise<void> {
  const workflowId = `backup/${backup.service_id}/${backup.schedule_id}/${backup.id.slice(0, 32)}`;
  await recordHistory(stack.client, name, workflowId);
}

test('a dump of a whole server is listed with its position, and restored to another service', async () => {
  const before = await checksums(service);
  const dump = await stack.takeBackup('dump-1', 'dump');
  const [{ pos = '' } = {}] = await service.server.query<{ pos: string }>('SELECT @@gtid_binlog_pos AS pos');
  expect(dump).toMatchObject({
    type: 'dump',
    status: 'Succeeded',
    reference_full_backup: '',
    binlog_gtid_position: pos,
    binlog_file: expect.stringMatching(/^bin\.\d+$/),
  });
  expect(dump.disk_size_bytes).toBeGreaterThan(dump.backup_size);
  await recordBackup('backup-dump', dump);
  const target = await stack.addService('dump-2', { serverOptions: { privileges: 'ALL PRIVILEGES' } });
  await target.server.query('CREATE DATABASE other');
  const lookup = await stack.request('POST', '/restores/lookup', { backup_id: dump.id });
  expect(JSON.stringify(lookup.body)).toContain('dump-2');
  const id = await stack.orderRestore(dump.id, 'dump-2');
  expect(await stack.restored(id)).toMatchObject({
    status: 'Succeeded',
    type: 'logical',
    message:
      'Restore has succeeded! MEMORY tables come back empty, because a server that is started has none of their rows: `shop`.`sessions`. The dump has the rows.',
    reached: { gtid: pos },
  });
  await recordHistory(stack.client, 'restore-dump', await stack.workflowOf(id));
  expect(await checksums(target)).toEqual(before);
  const names = await target.server.query<{ Database: string }>("SHOW DATABASES LIKE 'other'");
  expect(names).toEqual([]);
  const [{ slave = '' } = {}] = await target.server.query<{ slave: string }>(
    'SELECT @@gtid_slave_pos AS slave',
  );
  expect(slave).toBe(pos);
  const list = await stack.request<{ restores_count: number }>('GET', '/restores?type=logical');
  expect(list.body.restores_count).toBe(1);
});

describe('a dump of some databases', () => {
  test('replaces them in the running server, and no other', async () => {
    const set = await stack.request('PATCH', '/services/dump-1', { dump: { include: ['shop'] } });
    expect(set.status).toBe(200);
    const before = await checksums(service);
    const dump = await stack.takeBackup('dump-1', 'dump');
    await service.server.query('DROP TABLE shop.orders');
    await service.server.query('CREATE DATABASE beside');
    await service.server.query('CREATE TABLE beside.stays (id INT)');
    const id = await stack.orderRestore(dump.id, 'dump-1');
    expect(await stack.restored(id)).toMatchObject({
      status: 'Succeeded',
      type: 'logical',
      message: 'Restore has succeeded!',
    });
    await recordHistory(stack.client, 'restore-dump-into-running', await stack.workflowOf(id));
    const { 'beside.stays': other, ...restored } = await checksums(service);
    expect(other).toBe(0);
    expect(restored).toEqual(before);
  });

  test('that the account may not load is refused, and the databases are as they were', async () => {
    const before = await checksums(service);
    const dump = await stack.takeBackup('dump-1', 'dump');
    await service.server.query("REVOKE DROP ON *.* FROM 'tidemark'@'localhost'");
    const id = await stack.orderRestore(dump.id, 'dump-1');
    const ended = await stack.restoreEnd(id);
    expect(ended.status).toBe('Failed');
    expect(ended.message).toMatch(/lacks DROP, which it takes to replace.*The databases are as they were\.$/);
    expect(await checksums(service)).toEqual(before);
  });
});
