/** A service is brought back on the host of another agent, checked, and removed again; what is damaged is an alarm. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { drillIds, objectKeys } from '../../domain/ids.ts';
import { CommandLine } from '../support/command-line.ts';
import { recordHistory } from '../support/histories.ts';
import { longRun } from '../support/long.ts';
import { runFolder } from '../support/run.ts';
import { testIf } from '../support/skip.ts';
import { type BackupBody, ready, TestStack, type TestService, until } from '../support/stack.ts';

interface Proof {
  id: number;
  status: string;
  message: string;
  error?: string;
  backup_id?: string;
  point_in_time?: string;
  reached?: Record<string, string | number>;
  prover?: { service_id: string; hostname: string; own_host: boolean };
  seconds?: Record<string, number>;
  tables?: number;
  rows?: number;
  checksum?: string;
}

interface ServiceBody {
  drill?: { schedule: string; next_run: string };
  last_proof?: { id: number; status: string; message: string };
  last_proven?: { id: number; point_in_time: string; seconds: number };
  archive: { state: string; binlog_file?: string; binlog_position?: string };
}

const proverDirectory = (): string => path.join(runFolder(), 'proofs');

let stack: TestStack;
let service: TestService;
let full: BackupBody;

beforeAll(async () => {
  const settings = {
    TIDEMARK_BINLOG_ARCHIVE: 'on',
    TIDEMARK_ARCHIVE_INTERVAL: '1s',
    // No other full than the one of the test.
    TIDEMARK_FULL_AFTER_HOLE: 'off',
  };
  stack = await TestStack.start('drill', { apiSettings: settings, controlSettings: settings });
  service = await stack.addService('drill-1', { settings: { backup: { part_size: '256K' } } });
  await service.server.loadSample({ rows: 300 });
});

afterAll(() => stack?.stop());

async function order(): Promise<Proof> {
  const { status, body } = await stack.request<Proof>('POST', '/services/drill-1/proofs');
  expect({ status, body }).toMatchObject({ status: 200 });
  return body;
}

async function proofs(): Promise<Proof[]> {
  const { status, body } = await stack.request<{ proofs: Proof[] }>('GET', '/services/drill-1/proofs');
  expect(status).toBe(200);
  return body.proofs;
}

async function ended(id: number): Promise<Proof> {
  const look = async (): Promise<Proof | undefined> => (await proofs()).find((proof) => proof.id === id);
  const over = (proof: Proof | undefined): boolean => /Succeeded|Failed|Cancelled/.test(proof?.status ?? '');
  return (await until(look, over, `the end of proof ${id}`))!;
}

async function prove(): Promise<Proof> {
  return await ended((await order()).id);
}

async function shown(): Promise<ServiceBody> {
  return (await stack.request<ServiceBody>('GET', '/services/drill-1')).body;
}

/** Counts what a proof counts, on the server itself. */
async function counted(): Promise<{ tables: number; rows: number }> {
  const tables = await service.server.query<{ name: string }>(
    "SELECT CONCAT('`', TABLE_SCHEMA, '`.`', TABLE_NAME, '`') AS name FROM information_schema.TABLES " +
      "WHERE TABLE_TYPE IN ('BASE TABLE', 'SEQUENCE', 'SYSTEM VERSIONED') AND ENGINE <> 'MEMORY' " +
      "AND TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')",
  );
  let rows = 0;
  for (const { name } of tables) {
    const [{ count } = { count: 0 }] = await service.server.query<{ count: number }>(
      `SELECT COUNT(*) AS count FROM ${name}`,
    );
    rows += Number(count);
  }
  return { tables: tables.length, rows };
}

test('without a backup, and then without a prover, it says what is missing and how to get it', async () => {
  expect(await prove()).toMatchObject({
    status: 'Failed',
    error: 'nothing_to_prove',
    message: expect.stringContaining('Take a full backup'),
  });
  full = await stack.takeBackup('drill-1');
  const found = await prove();
  expect(found).toMatchObject({
    status: 'Failed',
    error: 'prover_missing',
    message: expect.stringMatching(/no agent offers itself as a prover.*the setting "prover"/),
    backup_id: full.id,
  });
  const { last_proof: last, last_proven: proven } = await shown();
  expect([last, proven]).toMatchObject([{ id: found.id, status: 'Failed' }, undefined]);
});

test('the service is brought back elsewhere, every table is checked, and nothing stays of the copy', async () => {
  const settings = { prover: { directory: proverDirectory(), own_host: true }, restore: { min_free: '1M' } };
  await stack.addService('drill-2', { settings });
  const before = await counted();
  await service.server.query('CREATE TABLE shop.later (id INT PRIMARY KEY, t TEXT)');
  for (let id = 1; id <= 40; id += 1) {
    await service.server.query('INSERT INTO shop.later VALUES (?, UUID())', [id]);
    await sleep(20);
  }
  const after = await counted();
  const [status] = await service.server.query<{ File: string; Position: number }>('SHOW MASTER STATUS');
  await until(
    shown,
    ({ archive }) =>
      archive.binlog_file === status?.File && Number(archive.binlog_position) >= Number(status?.Position),
    'the archive of all that was written',
  );
  const [uptime] = await service.server.query<{ Value: string }>("SHOW STATUS LIKE 'Uptime'");
  const found = await prove();
  expect(found).toMatchObject({
    status: 'Succeeded',
    backup_id: full.id,
    prover: { service_id: 'drill-2', own_host: true },
    message: expect.stringContaining("It was done on the service's own host"),
    checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(found.tables).toBeGreaterThanOrEqual(before.tables);
  expect(found.tables).toBeLessThanOrEqual(after.tables);
  expect(found.rows).toBeGreaterThanOrEqual(before.rows);
  expect(found.rows).toBeLessThanOrEqual(after.rows);
  expect(found.seconds?.['total']).toBeGreaterThan(0);
  expect(found.reached?.['gtid']).toMatch(/^\d+-\d+-\d+$/);
  expect(await readdir(proverDirectory())).toEqual([]);
  const { last_proof: last, last_proven: proven } = await shown();
  expect([last?.id, proven]).toMatchObject([found.id, { id: found.id, point_in_time: found.point_in_time }]);
  const [later] = await service.server.query<{ Value: string }>("SHOW STATUS LIKE 'Uptime'");
  expect(Number(later?.Value)).toBeGreaterThanOrEqual(Number(uptime?.Value));
  const { workflowId } = await workflowOf(found.id);
  await recordHistory(stack.client, 'proof', workflowId);
});

async function workflowOf(id: number): Promise<{ workflowId: string }> {
  const query = "WorkflowType = 'proof' AND ExecutionStatus = 'Completed'";
  const list = async (): Promise<{ workflowId: string }[]> => {
    const found: { workflowId: string }[] = [];
    for await (const { workflowId } of stack.client.workflow.list({ query })) found.push({ workflowId });
    return found;
  };
  const [newest] = await until(list, (found) => found.length > 0, `the workflow of proof ${id}`);
  return newest!;
}

test('at the time that is set for it a drill begins by itself; the command line shows it', async () => {
  const { status, body } = await stack.request<ServiceBody>('PATCH', '/services/drill-1', {
    drill: '0 5 ** 0',
  });
  expect([status, body.drill]).toMatchObject([200, { schedule: '0 5 * * 0' }]);
  const deploymentId = await deployment();
  const handle = stack.client.schedule.getHandle(drillIds.format(deploymentId, 'drill-1'));
  const { spec } = await handle.describe();
  expect(spec.calendars).toMatchObject([{ hour: [{ start: 5, end: 5 }] }]);
  // What a hand in Temporal's web UI has taken away comes back.
  await handle.delete();
  await until(
    async () => handle.describe().catch(() => undefined),
    (described) => described !== undefined,
    'the drill that was deleted by hand',
  );
  const known = new Set((await proofs()).map(({ id }) => id));
  await handle.trigger('SKIP');
  const begun = await until(
    async () => (await proofs()).find(({ id }) => !known.has(id)),
    (proof) => proof !== undefined,
    'the drill that was triggered',
  );
  expect(await ended(begun!.id)).toMatchObject({ status: 'Succeeded' });
  const line = new CommandLine({ TIDEMARK_URL: stack.url, TIDEMARK_TOKEN: stack.token });
  const { stdout } = await line.run('services', 'proofs', 'drill-1');
  expect(stdout).toMatch(/Succeeded/);
  expect((await stack.request('PATCH', '/services/drill-1', { drill: 'off' })).status).toBe(200);
  expect((await shown()).drill).toBeUndefined();
  await expect(handle.describe()).rejects.toThrow(/not found/i);
});

async function deployment(): Promise<string> {
  for await (const { scheduleId } of stack.client.schedule.list()) {
    const [kind, deploymentId] = scheduleId.split('/');
    if (kind === 'drill' && deploymentId) return deploymentId;
  }
  throw new Error('there is no drill in Temporal');
}

testIf(longRun, 'it waits for silence to be noticed, see npm run test:long')(
  'a prover that is killed in the middle leaves nothing, and proves the service once it is back',
  async () => {
    const { agent } = stack.services.find(({ serviceId }) => serviceId === 'drill-2')!;
    const { id } = await order();
    await until(
      async () => readdir(proverDirectory()),
      (names) => names.length > 0,
      'the copy',
    );
    await agent.end('SIGKILL');
    await agent.start(ready.agent);
    expect(await ended(id)).toMatchObject({ status: 'Succeeded' });
    expect(await readdir(proverDirectory())).toEqual([]);
  },
  180_000,
);

test('a part that is damaged makes the drill fail, which is an alarm; what was proven before stays known', async () => {
  const before = (await shown()).last_proven;
  const folder = path.join(stack.storage, objectKeys.backupFolder(full.id));
  const [part = ''] = (await readdir(folder)).filter((name) => name.startsWith('part-')).toSorted();
  const file = path.join(folder, part);
  const bytes = await readFile(file);
  bytes[100] = bytes[100]! ^ 0xff;
  await writeFile(file, bytes);
  const found = await prove();
  expect(found).toMatchObject({
    status: 'Failed',
    error: 'object_damaged',
    prover: { service_id: 'drill-2' },
  });
  const { last_proof: last, last_proven: proven } = await shown();
  expect(last).toMatchObject({ id: found.id, status: 'Failed', message: found.message });
  expect(proven).toEqual(before);
  await until(
    async () => stack.control.output,
    (said) => said.includes('A drill has failed'),
    'the alarm in the log',
  );
  expect(await readdir(proverDirectory())).toEqual([]);
});
