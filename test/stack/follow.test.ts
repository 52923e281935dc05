/** A service whose binlog is followed: whatever is killed meanwhile, the archive is event for event the server's. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { pathToFileURL } from 'node:url';
import type { SegmentArchive } from '../../domain/archive/header.ts';
import { workflowIds } from '../../domain/ids.ts';
import { openStore } from '../../storage/open.ts';
import { openArchive } from '../../storage/segments.ts';
import { expectSame } from '../support/archived.ts';
import { recordHistory } from '../support/histories.ts';
import { type Answer, ready, type BackupBody, TestStack, type TestService, until } from '../support/stack.ts';

let stack: TestStack;
let service: TestService;
let archive: SegmentArchive;

interface Archive {
  state: string;
  message: string;
  timeline?: string;
  binlog_file?: string;
  binlog_position?: string;
  lag_seconds?: number;
}

interface ServiceBody {
  archive: Archive;
  rpo_seconds: number;
  rpo_seconds_worst: number;
}

beforeAll(async () => {
  const settings = {
    TIDEMARK_BINLOG_ARCHIVE: 'on',
    TIDEMARK_ARCHIVE_INTERVAL: '1s',
    TIDEMARK_SILENCE_TIMEOUT: '5s',
    TIDEMARK_RETRY_PAUSE: '200ms',
  };
  stack = await TestStack.start('follow', { apiSettings: settings, controlSettings: settings });
  service = await stack.addService('follow-1');
  archive = openArchive(await openStore(pathToFileURL(stack.storage).href), 'follow-1');
  await service.server.query('CREATE DATABASE shop');
  await service.server.query('CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, t TEXT)');
});

afterAll(() => stack?.stop());

async function write(rows: number): Promise<void> {
  for (let row = 0; row < rows; row += 1)
    await service.server.query('INSERT INTO shop.t (t) VALUES (UUID())');
}

async function shown(): Promise<ServiceBody> {
  const { status, body } = await stack.request<ServiceBody>('GET', '/services/follow-1');
  expect(status).toBe(200);
  return body;
}

/** Waits until the archive has all that the server has written by now. @returns what it says then */
async function caughtUp(): Promise<Archive> {
  const [{ File: file, Position: position } = { File: '', Position: 0 }] = await service.server.query<{
    File: string;
    Position: number;
  }>('SHOW MASTER STATUS');
  const there = ({ archive: { state, binlog_file, binlog_position } }: ServiceBody): boolean =>
    state === 'following' && binlog_file === file && Number(binlog_position) >= Number(position);
  return (await until(shown, there, `the archive at ${file}:${position}`)).archive;
}

/** The workflows that asked for transactions. */
async function listings(): Promise<string[]> {
  const found: string[] = [];
  const query = "WorkflowType = 'listTransactions' AND ExecutionStatus = 'Completed'";
  for await (const { workflowId } of stack.client.workflow.list({ query })) found.push(workflowId);
  return found;
}

/** Event for event. */
async function expectWhole(): Promise<void> {
  const { timeline = '' } = await caughtUp();
  await expectSame(service.server, archive, timeline);
}

describe('a service', () => {
  test('is followed from its first full on, and says so', async () => {
    expect((await shown()).archive).toEqual({ state: 'off', message: '' });
    const refused = await stack.request('POST', '/backups/schedules', {
      service_id: 'follow-1',
      backup_type: 'binarylog',
      schedule: 'once',
    });
    expect([refused.status, JSON.stringify(refused.body)]).toEqual([
      400,
      expect.stringContaining('binlog_not_archived'),
    ]);
    await stack.takeBackup('follow-1');
    await write(20);
    await expectWhole();
    const { rpo_seconds: now } = await shown();
    expect(now).toBeLessThan(60);
    const { status, body } = await stack.request<{ segments: { start: number }[] }>(
      'GET',
      `/services/follow-1/binlogs/${(await shown()).archive.binlog_file}`,
    );
    expect([status, body.segments[0]?.start]).toEqual([200, 0]);
  });

  test('has its transactions listed, so that one finds the table that was dropped', async () => {
    await service.server.query('CREATE TABLE shop.orders (id INT)');
    await service.server.query('INSERT INTO shop.orders VALUES (1)');
    await service.server.query('DROP TABLE shop.orders');
    await caughtUp();
    const found: { gtid: string; statements: string[] }[] = [];
    // A page ends early where reading takes long.
    for (let after: string | undefined = ''; after !== undefined;) {
      const { status, body }: Answer<{ transactions: typeof found; next?: string }> = await stack.request(
        'GET',
        `/services/follow-1/transactions?table=shop.orders${after}`,
      );
      expect(status).toBe(200);
      found.push(...body.transactions);
      after = body.next === undefined ? undefined : `&after=${encodeURIComponent(body.next)}`;
    }
    // Of its database, and its own.
    const statements = ['CREATE DATABASE', 'CREATE TABLE', 'INSERT', 'DROP TABLE'];
    expect(found.map((transaction) => transaction.statements.join())).toEqual(statements);
    const [row] = await service.server.query<{ gtid: string }>('SELECT @@gtid_binlog_pos AS gtid');
    expect(found.at(-1)?.gtid).toBe(row?.gtid);
    const asked = await until(listings, (found) => found.length > 0, 'the workflow in a list');
    await recordHistory(stack.client, 'list-transactions', asked[0] ?? '');
  });

  test('has all of it in the archive whoever was killed meanwhile', async () => {
    await service.agent.end('SIGKILL');
    await write(20);
    await service.agent.start(ready.agent);
    await expectWhole();
    await stack.control.end('SIGKILL');
    await write(20);
    await service.server.query('FLUSH BINARY LOGS');
    await stack.control.start(ready.control);
    await expectWhole();
    await service.server.stop();
    await service.server.start();
    await write(20);
    await expectWhole();
  });
});

describe('a binarylog backup', () => {
  test('ships what there is, and says from where to where', async () => {
    await write(20);
    const first = await stack.takeBackup('follow-1', 'binarylog');
    expect(first).toMatchObject({
      type: 'binarylog',
      message: expect.stringMatching(
        /^Backup has succeeded\. The binlog is archived from bin\.\d+:\d+ to bin\.\d+:\d+, on the timeline [0-9a-f]{32}\.$/,
      ),
    });
    await write(5);
    const second = (await stack.takeBackup('follow-1', 'binarylog')) as BackupBody & {
      binlog_file: string;
      binlog_position: string;
    };
    const ends = /to (bin\.\d+:\d+)/.exec(first.message)?.[1];
    expect(second.message).toContain(
      `archived from ${ends} to ${second.binlog_file}:${second.binlog_position}`,
    );
    await expectWhole();
    const workflowId = workflowIds.backup(second.id, second.schedule_id);
    await recordHistory(stack.client, 'backup-binarylog', workflowId);
  });
});

describe('archiving that is switched off', () => {
  test('ends, and goes on with what the server still has when it is switched on again', async () => {
    const set = async (archive: boolean): Promise<void> => {
      const { status } = await stack.request('PATCH', '/services/follow-1', { binlog: { archive } });
      expect(status).toBe(200);
    };
    await set(false);
    await until(shown, ({ archive: { state } }) => state === 'off', 'the end');
    expect(await stack.client.workflow.getHandle(workflowIds.follow('follow-1')).result()).toMatch(
      /switched off/,
    );
    await write(5);
    await set(true);
    await expectWhole();
  });
});

describe('binlogs that were reset while nobody looked', () => {
  const fulls = async (): Promise<BackupBody[]> => {
    const { status, body } = await stack.request<{ backups: BackupBody[] }>(
      'GET',
      '/backups?service_id=follow-1&type=full&order=asc',
    );
    expect(status).toBe(200);
    return body.backups;
  };

  test('are an alarm, and one full is taken by itself, after which it is over', async () => {
    const before = await fulls();
    await service.agent.end('SIGKILL');
    await write(5);
    await service.server.query('RESET MASTER');
    await write(5);
    await service.agent.start(ready.agent);
    const { archive: alarmed } = await until(
      shown,
      ({ archive: { message } }) => message.includes('was begun for it'),
      'the alarm',
    );
    expect(alarmed.message).toMatch(/RESET MASTER/);
    const full = await until(
      fulls,
      (all) => all.length > before.length && all.at(-1)?.status === 'Succeeded',
      'the full',
    );
    expect(full).toHaveLength(before.length + 1);
    const [own] = full.slice(-1);
    expect(alarmed.message).toContain(own?.id);
    expect(own?.message).toMatch(/Tidemark began it by itself \(.*reset.*\)/);
    const order = await stack.request<{ labels: Record<string, string> }>(
      'GET',
      `/backups/schedules/${own?.schedule_id}`,
    );
    expect(order.body.labels).toEqual({ origin: 'archive' });
    await until(shown, ({ archive: { message } }) => message === '', 'the end of the alarm');
    await expectWhole();
    // Told again by an agent that begins anew, it is nothing new.
    await service.agent.end('SIGKILL');
    await service.agent.start(ready.agent);
    await write(5);
    await expectWhole();
    expect(await fulls()).toHaveLength(full.length);
  });
});
