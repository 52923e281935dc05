/** The main job, from the REST call to the data: a server is backed up, changed or destroyed, and brought back. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { restorePhases } from '../../domain/progress.ts';
import { openEvents, type ReceivedEvent } from '../support/events-client.ts';
import { recordHistory } from '../support/histories.ts';
import { ready, TestStack, type TestService, until } from '../support/stack.ts';

let stack: TestStack;
let service: TestService;
let backupId: string;
let before: Record<string, number | null>;

beforeAll(async () => {
  stack = await TestStack.start('main-job');
  service = await stack.addService('shop-1');
  await service.server.loadSample();
  before = await service.server.checksums();
  backupId = (await stack.takeBackup('shop-1')).id;
});

afterAll(async () => {
  await stack?.stop();
});

const order = ['', ...restorePhases] as string[];

/** Follows a restore to its end. */
async function eventsOf(id: number): Promise<ReceivedEvent[]> {
  const stream = await openEvents(`${stack.url}/restores/${id}/events`, {
    authorization: `Bearer ${stack.token}`,
  });
  const events: ReceivedEvent[] = [];
  for (let event = await stream.next(); event; event = await stream.next()) events.push(event);
  return events;
}

describe('a full backup', () => {
  test('is listed with its position, and its schedule says the same', async () => {
    const backup = await stack.backupOf(backupId);
    expect(backup).toMatchObject({
      status: 'Succeeded',
      service_id: 'shop-1',
      type: 'full',
      method: 'skybucket',
    });
    const { body } = await stack.request('GET', `/backups/schedules/1`);
    expect(body).toMatchObject({ id: 1, status: 'Succeeded', backup_id: backupId, schedule: 'once' });
    const [{ pos = '' } = {}] = await service.server.query<{ pos: string }>(
      'SELECT @@gtid_binlog_pos AS pos',
    );
    expect(backup.binlog_gtid_position).toBe(pos);
  });
});

describe('a restore side by side', () => {
  test('brings every table back as it was, and the server goes on after the GTID of the backup', async () => {
    await service.server.query('DROP DATABASE shop');
    const id = await stack.orderRestore(backupId, 'shop-1');
    const told = await eventsOf(id);
    const restore = await stack.restoreOf(id);
    expect(restore.message).toBe(
      'Restore has succeeded! The MEMORY table `shop`.`sessions` comes back empty: its rows are in no backup.',
    );
    // Asked first: the server logs a TRUNCATE of its own when a MEMORY table is first read after a start.
    const { binlog_gtid_position: gtid } = await stack.backupOf(backupId);
    const [{ pos = '' } = {}] = await service.server.query<{ pos: string }>(
      'SELECT @@gtid_current_pos AS pos',
    );
    expect(pos).toBe(gtid);
    expect(await service.server.checksums()).toEqual(before);
    // Whoever has followed it has seen it come so far.
    expect(told.filter(({ event }) => event !== 'restore')).toMatchObject([{ event: 'end', data: restore }]);
    const phases = told.map(({ data }) => data.progress?.phase ?? '');
    expect(phases).toEqual(phases.toSorted((a, b) => order.indexOf(a) - order.indexOf(b)));
    expect(phases.at(-1)).toBe('done');
  });

  test('works when the server cannot start any more', async () => {
    await service.server.kill();
    await rm(path.join(service.server.dataDirectory, 'ibdata1'));
    await stack.restore(backupId, 'shop-1');
    expect(await service.server.checksums()).toEqual(before);
  });

  test('is taken while a backup waits for the server, which is down, and the backup follows it', async () => {
    await service.server.kill();
    const waiting = await stack.orderBackup('shop-1');
    const said = await until(
      () => stack.backupOf(waiting),
      ({ message }) => message.includes('It is asked again until '),
      'the message about the server',
    );
    expect(said.status).toBe('Scheduled');
    expect(said.message).toContain('does not accept connections');
    const { status, body } = await until(
      () => stack.request('POST', '/restores', { id: backupId, service_id: 'shop-1' }),
      // It is refused in the moments in which the backup asks.
      (answer) => answer.status !== 409,
      'a restore that is taken',
    );
    expect(status).toBe(200);
    await stack.restored(Number(body['id']));
    expect(await stack.backupEnd(waiting)).toMatchObject({ status: 'Succeeded' });
    expect(await service.server.checksums()).toEqual(before);
  });

  test('works when the data directory is empty, and when it is missing', async () => {
    await service.server.kill();
    for (const name of await readdir(service.server.dataDirectory)) {
      await rm(path.join(service.server.dataDirectory, name), { recursive: true });
    }
    await stack.restore(backupId, 'shop-1');
    expect(await service.server.checksums()).toEqual(before);
    await service.server.kill();
    await rm(service.server.dataDirectory, { recursive: true });
    await stack.restore(backupId, 'shop-1');
    expect(await service.server.checksums()).toEqual(before);
  });

  test('goes to another service whose agent is there', async () => {
    const other = await stack.addService('shop-2');
    await stack.restore(backupId, 'shop-2');
    expect(await other.server.checksums()).toEqual(before);
  });

  test('goes to a fresh host that registers under the name of a service whose agent is gone', async () => {
    await service.agent.end('SIGKILL');
    await service.server.kill();
    const fresh = await stack.addService('shop-1-fresh', {
      serviceId: 'shop-1',
      enrolment: 'take-over',
      stopped: true,
    });
    await fresh.agent.start('The agent is ready');
    await until(
      async () => fresh.agent.output,
      (said) => said.includes(ready.agent),
      'the registration',
    );
    await stack.restore(backupId, 'shop-1');
    expect(await fresh.server.checksums()).toEqual(before);
  });
});

describe('a restore in place', () => {
  test('replaces the data where it is', async () => {
    const target = stack.services.at(-1);
    await target?.server.query('DROP DATABASE shop');
    const restore = await stack.restore(backupId, 'shop-1', { mode: 'in-place' });
    expect(restore.reached).toHaveProperty('gtid');
    expect(await target?.server.checksums()).toEqual(before);
  });
});

test('the histories can be recorded', async () => {
  const { client } = stack;
  await recordHistory(client, 'backup', `backup/shop-1/1/${backupId.slice(0, 32)}`);
  await recordHistory(client, 'restore', await stack.workflowOf(1));
  const { body } = await stack.request<{ restores: { id: number }[] }>('GET', '/restores?page_size=1');
  await recordHistory(client, 'restore-in-place', await stack.workflowOf(body.restores[0]?.id ?? 0));
  await recordHistory(client, 'reconcile', 'reconcile');
  let pings = 0;
  for await (const { workflowId, type } of client.workflow.list()) {
    if (type === 'agent') await recordHistory(client, 'agent', workflowId);
    if (type !== 'pingAgent') continue;
    pings += 1;
    await recordHistory(client, 'ping-agent', workflowId);
  }
  expect(pings).toBeGreaterThan(0);
});
