/** Chains on a real server: fulls and incrementals, restored to each of their instants; and chains that cannot go on. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chown, cp, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { objectKeys, scheduleIds } from '../../domain/ids.ts';
import { openCatalog } from '../../catalog/open.ts';
import { recordHistory } from '../support/histories.ts';
import { type BackupBody, TestStack, type TestService, until } from '../support/stack.ts';

let stack: TestStack;
let service: TestService;

/** What was backed up, and what the tables were at that instant. */
interface Taken {
  backup: BackupBody;
  checksums: Record<string, number | null>;
}

const taken: Taken[] = [];

beforeAll(async () => {
  stack = await TestStack.start('incremental');
  service = await stack.addService('chain-1', { settings: { backup: { part_size: '256K' } } });
  await service.server.loadSample();
  // Nothing changes here, and nothing compresses it: without it a full of the sample is hardly more than the system tables,
  // which every incremental has whole.
  await service.server.query(
    'CREATE TABLE shop.still (id INT PRIMARY KEY, bytes VARBINARY(1024)) ENGINE=InnoDB',
  );
  await service.server.query(
    'INSERT INTO shop.still SELECT seq, RANDOM_BYTES(1024) FROM shop.seq_1_to_12000',
  );
});

afterAll(() => stack?.stop());

async function take(type: string): Promise<Taken> {
  const checksums = await service.server.checksums();
  const backup = await stack.takeBackup('chain-1', type);
  const made = { backup, checksums };
  taken.push(made);
  return made;
}

/** Changes of every kind that an incremental has to carry. */
async function change(round: number): Promise<void> {
  const { server } = service;
  await server.query(`UPDATE shop.customers SET name = CONCAT(name, ' ${round}') WHERE id % 7 = ${round}`);
  await server.query(`DELETE FROM shop.orders WHERE id % 11 = ${round}`);
  await server.query(
    `INSERT INTO shop.notes_aria SELECT seq + ${round * 100_000}, SHA2(seq, 512) FROM shop.seq_1_to_100`,
  );
  await server.query(`UPDATE shop.notes_myisam SET note = SHA2(note, 256) WHERE id % 5 = ${round}`);
  await server.query(`CREATE TABLE shop.made_${round} (id INT PRIMARY KEY, note TEXT) ENGINE=InnoDB`);
  await server.query(`INSERT INTO shop.made_${round} SELECT seq, SHA2(seq, 512) FROM shop.seq_1_to_200`);
  if (round > 1) await server.query(`DROP TABLE shop.made_${round - 1}`);
  if (round === 2) await server.query('ALTER TABLE shop.orders ADD COLUMN note VARCHAR(20) DEFAULT "new"');
}

test('without a full in the same storage a single incremental is refused, and nothing is written down', async () => {
  const { status, body } = await stack.request('POST', '/backups/schedules', {
    service_id: 'chain-1',
    backup_type: 'incremental',
    schedule: 'once',
  });
  expect({ status, body }).toMatchObject({
    status: 400,
    body: {
      errors: [
        { error: 'chain_broken', message: expect.stringMatching(/^There is no full backup of this service/) },
      ],
    },
  });
  const list = await stack.request<{ backups_count: number }>('GET', '/backups');
  expect(list.body.backups_count).toBe(0);
});

describe('a chain', () => {
  test('grows by what was changed, and each says what it builds on', async () => {
    const { backup: full } = await take('full');
    expect(full.reference_full_backup).toBe('');
    for (const round of [1, 2, 3]) {
      await change(round);
      const { backup } = await take('incremental');
      expect(backup).toMatchObject({
        type: 'incremental',
        status: 'Succeeded',
        reference_full_backup: full.id,
      });
      expect(backup.backup_size).toBeLessThan(full.backup_size / 2);
      expect(backup.disk_size_bytes).toBeGreaterThan(full.disk_size_bytes / 2);
    }
    const { body } = await stack.request<{ backups: BackupBody[] }>('GET', '/backups?type=incremental');
    expect(body.backups).toHaveLength(3);
  });

  test('is restored to each of its instants, side by side and in place, and to another service', async () => {
    await service.server.query('DROP DATABASE shop');
    const [full, first, , last] = taken;
    if (!full || !first || !last) throw new Error('the chain was not taken');
    await stack.restore(last.backup.id, 'chain-1');
    expect(await service.server.checksums()).toEqual(last.checksums);
    await stack.restore(first.backup.id, 'chain-1', { mode: 'in-place' });
    expect(await service.server.checksums()).toEqual(first.checksums);
    const other = await stack.addService('chain-2');
    await stack.restore(last.backup.id, 'chain-2');
    expect(await other.server.checksums()).toEqual(last.checksums);
    const [{ pos = '' } = {}] = await other.server.query<{ pos: string }>('SELECT @@gtid_slave_pos AS pos');
    expect(pos).toBe(last.backup.binlog_gtid_position);
    await stack.restore(full.backup.id, 'chain-1');
    expect(await service.server.checksums()).toEqual(full.checksums);
  });

  test('cannot go on after a restore: a single one is refused, a run of a schedule takes a full and says so', async () => {
    const refused = await stack.request('POST', '/backups/schedules', {
      service_id: 'chain-1',
      backup_type: 'incremental',
      schedule: 'once',
    });
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toContain('The service was restored after the backup');
    const run = await runOf('incremental');
    expect(run).toMatchObject({ type: 'full', status: 'Succeeded', reference_full_backup: '' });
    expect(run.message).toMatch(
      /^Backup has succeeded\. A full backup is taken instead of an incremental\. The service was restored after the backup/,
    );
    const next = await runOf('incremental');
    expect(next).toMatchObject({ type: 'incremental', reference_full_backup: run.id });
    await recordHistory(
      stack.client,
      'backup-incremental',
      `backup/chain-1/${next.schedule_id}/${next.id.slice(0, 32)}`,
    );
    await service.server.query('CREATE TABLE shop.lost (id INT)');
    const id = await stack.orderRestore(next.id, 'chain-1');
    await stack.restored(id);
    await recordHistory(stack.client, 'restore-incremental', await stack.workflowOf(id));
  });
});

describe('what only the host knows', () => {
  test('data that was put back behind our backs is found by the agent, and the chain ends', async () => {
    const { backup: full } = await take('full');
    await service.server.stop();
    // The same bytes under another file: as a copy that somebody put back.
    const file = path.join(service.server.dataDirectory, 'ibdata1');
    await copyAside(file);
    await service.server.start();
    const failed = await stack.backupEnd(await stack.orderBackup('chain-1', 'incremental'));
    expect(failed.status).toBe('Failed');
    expect(failed.message).toContain(
      `The server does not go on where the backup ${full.id} ends: its data was replaced since`,
    );
    expect(await runOf('incremental')).toMatchObject({
      type: 'full',
      status: 'Succeeded',
      message: expect.stringContaining('its data was replaced since') as unknown,
    });
  });

  test('a parent whose part is gone is not built on', async () => {
    const { backup: full } = await take('full');
    const folder = path.join(stack.storage, objectKeys.backupFolder(full.id));
    await rename(path.join(folder, 'part-000001'), path.join(folder, 'away'));
    const failed = await stack.backupEnd(await stack.orderBackup('chain-1', 'incremental'));
    expect(failed).toMatchObject({ status: 'Failed' });
    expect(failed.message).toContain('What an incremental would build on is not whole.');
    await rename(path.join(folder, 'away'), path.join(folder, 'part-000001'));
    expect(await stack.takeBackup('chain-1', 'incremental')).toMatchObject({
      reference_full_backup: full.id,
    });
  });
});

test('a chain is as long as the service is set to', async () => {
  const set = await stack.request('PATCH', '/services/chain-1', { chain: { max_chain: 1 } });
  expect(set).toMatchObject({
    status: 200,
    body: { chain: { max_chain: 1, incremental_base: 'last', max_share: 100 } },
  });
  const refused = await stack.request('POST', '/backups/schedules', {
    service_id: 'chain-1',
    backup_type: 'incremental',
    schedule: 'once',
  });
  expect(refused.status).toBe(400);
  expect(JSON.stringify(refused.body)).toContain('max_chain is 1');
  expect(await runOf('incremental')).toMatchObject({ type: 'full', status: 'Succeeded' });
});

/** Replaces a file by a copy of itself. */
async function copyAside(file: string): Promise<void> {
  await cp(file, `${file}.copy`, { preserveTimestamps: true });
  const { uid, gid } = await stat(file);
  await chown(`${file}.copy`, uid, gid);
  await rm(file);
  await rename(`${file}.copy`, file);
}

/** One run of a schedule that repeats, which is deleted afterwards. */
async function runOf(type: string): Promise<BackupBody> {
  const made = await stack.request<{ id: number }>('POST', '/backups/schedules', {
    service_id: 'chain-1',
    backup_type: type,
    schedule: '@yearly',
  });
  expect(made.status).toBe(200);
  const { id } = made.body;
  const catalog = await openCatalog(`sqlite://${stack.folder}/catalog.db`);
  const deploymentId = await catalog.deploymentId();
  await catalog.close();
  await stack.client.schedule.getHandle(scheduleIds.format(deploymentId, id)).trigger('SKIP');
  const { backup_id: backupId } = await until(
    async () => (await stack.request<{ backup_id?: string }>('GET', `/backups/schedules/${id}`)).body,
    (schedule) => schedule.backup_id !== undefined,
    'the run',
  );
  const ended = await stack.backupEnd(backupId ?? '');
  await until(
    async () => (await stack.request('DELETE', `/backups/schedules/${id}`)).status,
    (status) => status === 200,
    'the deletion of the schedule',
  );
  return ended;
}
