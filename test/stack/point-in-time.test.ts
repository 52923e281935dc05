/** A service brought back: to just before a mistake, to a time between two commits, as far as there is something. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { recordHistory } from '../support/histories.ts';
import { type BackupBody, type RestoreBody, TestStack, type TestService, until } from '../support/stack.ts';

let stack: TestStack;
let service: TestService;
let full: BackupBody;
let dump: BackupBody;

/** What there was at one moment, between two transactions. */
interface Moment {
  gtid: string;
  /** The server's own clock, with microseconds. */
  time: string;
  sums: Record<string, number | null>;
}

/** After each round of writing. */
const moments: Moment[] = [];
let drop: string;
let beforeDrop: Moment;
let last: Moment;
let firstTimeline: unknown;

beforeAll(async () => {
  const settings = {
    TIDEMARK_BINLOG_ARCHIVE: 'on',
    TIDEMARK_ARCHIVE_INTERVAL: '1s',
    TIDEMARK_FULL_AFTER_HOLE: 'off',
    TIDEMARK_RETRY_PAUSE: '200ms',
  };
  stack = await TestStack.start('point-in-time', { apiSettings: settings, controlSettings: settings });
  service = await stack.addService('shop-1', {
    serverOptions: {
      privileges:
        'RELOAD, PROCESS, BINLOG MONITOR, SUPER, SELECT, REPLICATION SLAVE, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES',
    },
  });
  const { server } = service;
  await server.query('CREATE DATABASE shop');
  await server.query(
    'CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, who INT, note VARCHAR(40), KEY (who))',
  );
  await server.query('CREATE TABLE shop.log (id INT PRIMARY KEY AUTO_INCREMENT, note TEXT)');
  await server.query('CREATE TABLE shop.sessions (id INT PRIMARY KEY) ENGINE=MEMORY');
  full = await stack.takeBackup('shop-1');
  await write(0);
  dump = await stack.takeBackup('shop-1', 'dump');
  // Where it had been so before, no binlog could be replayed onto the dump.
  await server.query('ALTER TABLE shop.log ENGINE=Aria');
  for (let round = 1; round <= 3; round += 1) {
    await write(round);
    moments.push(await moment());
  }
  beforeDrop = moments.at(-1)!;
  await server.query('DROP TABLE shop.orders');
  drop = (await moment()).gtid;
  await server.query("INSERT INTO shop.log (note) VALUES ('who dropped it?')");
  last = await moment();
  await archived();
});

afterAll(() => stack?.stop());

/** Several sessions at once, a table of MEMORY, and one that takes itself back. */
async function write(round: number): Promise<void> {
  const { server } = service;
  const sessions = [1, 2, 3].map((who) =>
    server.session([
      ...Array.from(
        { length: 10 },
        (_, index) => `INSERT INTO shop.orders (who, note) VALUES (${who}, 'order ${round}-${index}')`,
      ),
      `BEGIN`,
      `UPDATE shop.orders SET note = CONCAT(note, '!') WHERE who = ${who}`,
      `DELETE FROM shop.orders WHERE who = ${who} ORDER BY id LIMIT 1`,
      who === 2 ? 'ROLLBACK' : 'COMMIT',
      `INSERT INTO shop.log (note) VALUES ('${who} was here')`,
      `INSERT INTO shop.sessions VALUES (${round * 10 + who})`,
    ]),
  );
  await Promise.all(sessions);
}

/** Nobody writes while it is taken, and for long enough that the server's clock is looked at in between. */
async function moment(): Promise<Moment> {
  const { server } = service;
  const sums = await server.checksums();
  delete sums['shop.sessions'];
  const [row] = await server.query<{ gtid: string; time: string }>(
    "SELECT @@gtid_binlog_pos AS gtid, DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%d %H:%i:%s.%f') AS time",
  );
  await sleep(600);
  return { ...row!, sums };
}

/** Waits until the recovery window leads to everything that was written. */
async function archived(): Promise<void> {
  const [{ Position: position } = { Position: 0 }] = await service.server.query<{ Position: number }>(
    'SHOW MASTER STATUS',
  );
  await until(
    async () => {
      const { status, body } = await stack.request<{ archive: { binlog_position?: string; state: string } }>(
        'GET',
        '/services/shop-1',
      );
      expect(status).toBe(200);
      return Number(body.archive.binlog_position ?? 0) >= position;
    },
    (there) => there,
    'the archive of all that was written',
  );
}

async function restored(fields: Record<string, unknown>): Promise<RestoreBody> {
  const { status, body } = await stack.request<RestoreBody>('POST', '/restores', {
    service_id: 'shop-1',
    ...fields,
  });
  expect({ status, body }).toMatchObject({ status: 200 });
  return await stack.restored(body.id);
}

async function sums(): Promise<Record<string, number | null>> {
  const found = await service.server.checksums();
  delete found['shop.sessions'];
  return found;
}

describe('what cannot be had is refused, and says what can', () => {
  test('an instant before the first backup, and one that is not there yet', async () => {
    for (const point_in_time of ['2020-01-01 00:00:00', '2099-01-01T00:00:00.5Z']) {
      const { status, body } = await stack.request('POST', '/restores', {
        id: 'shop-1',
        service_id: 'shop-1',
        point_in_time,
      });
      expect({ status, body }).toMatchObject({
        status: 400,
        body: {
          errors: [
            { error: 'outside_window', message: expect.stringMatching(/nearest that can be had: \d{4}-/) },
          ],
        },
      });
    }
  });

  test('a transaction that nobody wrote', async () => {
    const { status, body } = await stack.request('POST', '/restores', {
      id: 'shop-1',
      service_id: 'shop-1',
      gtid: '0-1-99999999',
    });
    expect({ status, body }).toMatchObject({
      status: 400,
      body: { errors: [{ error: 'outside_window' }] },
    });
  });
});

async function planWorkflow(): Promise<string> {
  const found = async (): Promise<string | undefined> => {
    const query = "WorkflowType = 'restorePlan'";
    for await (const { workflowId } of stack.client.workflow.list({ query })) return workflowId;
    return undefined;
  };
  return (await until(found, (id) => id !== undefined, 'the workflow of the plan in the list')) ?? '';
}

test('the plan is told, and nothing is started', async () => {
  const { status, body } = await stack.request('POST', '/restores?dry_run=true', {
    id: 'shop-1',
    service_id: 'shop-1',
    before_gtid: drop,
  });
  expect({ status, body }).toMatchObject({
    status: 200,
    body: {
      service_id: 'shop-1',
      chain: [expect.any(String)],
      stop: { at: 'gtid', gtid: drop, timeline: expect.any(String), binlog_file: 'bin.000001' },
      binlogs: { files: 1, bytes: expect.any(Number) },
      versions: { backup: expect.any(String), server: expect.any(String) },
      bytes_free: expect.any(Number),
      reason: expect.stringMatching(
        /least time.*by the settings: nothing was restored on this host yet.*next best/,
      ),
    },
  });
  expect((await stack.request('GET', '/restores')).body).toMatchObject({ restores_count: 0 });
  await recordHistory(stack.client, 'restore-plan', await planWorkflow());
});

test('to just before a table was dropped', async () => {
  const end = await restored({ id: full.id, before_gtid: drop });
  expect(await sums()).toEqual(beforeDrop.sums);
  expect(end.reached).toMatchObject({ gtid: beforeDrop.gtid, timeline: expect.any(String) });
  expect(end.message).toContain('shop.sessions');
  firstTimeline = end.reached?.['timeline'];
  await recordHistory(stack.client, 'restore-to-a-point', await stack.workflowOf(end.id));
});

test('the next plan goes by what that restore took', async () => {
  const fields = { id: full.id, service_id: 'shop-1', gtid: beforeDrop.gtid, timeline: firstTimeline };
  const { status, body } = await stack.request<{ estimated_by: unknown; reason: string }>(
    'POST',
    '/restores?dry_run=true',
    fields,
  );
  expect({ status, body }).toMatchObject({
    status: 200,
    body: { reason: expect.stringMatching(/by what restores on this host took, the last at \d{4}-/) },
  });
  const measured = { seconds: expect.any(Number), measured: 1, last_measured: expect.any(String) };
  expect(body.estimated_by).toEqual(
    ['fetching', 'preparing', 'replaying', 'rest'].map((stage) => ({
      stage,
      bytes: expect.any(Number),
      ...measured,
    })),
  );
});

test('to a time between two commits', async () => {
  const { time, sums: wanted, gtid } = moments[0]!;
  const end = await restored({ id: 'shop-1', point_in_time: time });
  expect(await sums()).toEqual(wanted);
  expect(end.reached).toMatchObject({ gtid, not_after: expect.any(String) });
  expect(String(end.reached?.['not_after']) > time.replace(' ', 'T')).toBe(true);
});

test('from a dump to a transaction that the current data does not lead to any more', async () => {
  // The restored server may have given the same GTID out again: it writes that its table of MEMORY is empty.
  const end = await restored({ id: dump.id, gtid: moments[1]!.gtid, timeline: firstTimeline });
  expect(await sums()).toEqual(moments[1]!.sums);
  expect(end.reached).toMatchObject({ gtid: moments[1]!.gtid });
});

test('in place, to all that was ever written before the first restore, on the timeline that was left', async () => {
  const end = await restored({ id: 'shop-1', latest: true, timeline: firstTimeline, mode: 'in-place' });
  expect(await sums()).toEqual(last.sums);
  expect(end.reached).toMatchObject({ gtid: last.gtid, timeline: firstTimeline });
});
