/**
 * A second agent is let in while the first one restores: the restore is called off, the server is as it was and serves,
 * and from then on the second one has the service. The second one is beside the same server, as where the state
 * directory of the first was lost.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expectCleanHost } from '../support/aftermath.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';
import { type RestoreBody, TestStack, type TestService, until } from '../support/stack.ts';

let stack: TestStack;
/** The agent that has the service now; each test lets another one take it over. */
let holder: TestService;
let backupId: string;
let fresh: Record<string, number | null>;
let old: Record<string, number | null>;
let agentCount = 1;

/** While it is there, what unpacks a backup waits before it begins. */
let slowFetch: string;

beforeAll(async () => {
  const timings = { TIDEMARK_SILENCE_TIMEOUT: '4s', TIDEMARK_RETRY_PAUSE: '200ms' };
  stack = await TestStack.start('taken-over', { apiSettings: timings, controlSettings: timings });
  await chmod(stack.folder, 0o755);
  slowFetch = path.join(stack.folder, 'slow-fetch');
  await makeProgram();
  const server = await startTestServer({ name: 'over' });
  const settings = settingsFor(server);
  holder = await stack.addService('over-1', { server, settings });
  await holder.server.loadSample();
  await holder.server.query('CREATE TABLE shop.bulk (id INT PRIMARY KEY, noise VARBINARY(1000))');
  await holder.server.query('INSERT INTO shop.bulk SELECT seq, RANDOM_BYTES(1000) FROM shop.seq_1_to_20000');
  fresh = await holder.server.checksums();
  backupId = (await stack.takeBackup('over-1')).id;
});

beforeEach(async () => {
  await holder.server.query('CREATE TABLE IF NOT EXISTS shop.since (id INT PRIMARY KEY)');
  old = await holder.server.checksums();
  expect(old).not.toEqual(fresh);
});

afterAll(async () => {
  await stack?.stop();
});

/** Another agent beside the same server, not started yet. */
async function addRival(): Promise<TestService> {
  agentCount += 1;
  return await stack.addService(`over-1-agent-${agentCount}`, {
    serviceId: 'over-1',
    server: holder.server,
    settings: settingsFor(holder.server),
    enrolment: 'none',
    stopped: true,
  });
}

async function letIn(rival: TestService): Promise<void> {
  await stack.enrol(rival, { take_over: true });
  await rival.agent.start('The service is registered.');
  holder = rival;
}

/** A mbstream that waits as long as nobody says otherwise, in one process, so that ending it ends all. */
async function makeProgram(): Promise<void> {
  const programs = path.join(stack.folder, 'programs');
  await mkdir(programs);
  const { stdout } = await promisify(execFile)('which', ['mbstream']);
  const script = `[ "$1" != --version ] && [ -e ${slowFetch} ] && exec perl -e 'sleep 600; exec @ARGV' ${stdout.trim()} "$@"`;
  const file = path.join(programs, 'mbstream');
  await writeFile(file, `#!/bin/sh\n${script}\nexec ${stdout.trim()} "$@"\n`);
  await chmod(file, 0o755);
}

function settingsFor({ settings }: TestServer): Record<string, unknown> {
  const { start_timeout: start, stop_timeout: stop, ...server } = settings;
  const programs = path.join(stack.folder, 'programs');
  return { server: { ...server, start_timeout: `${start}ms`, stop_timeout: `${stop}ms`, programs } };
}

async function atOnce(): Promise<void> {
  await rm(slowFetch, { force: true });
}

/** Once it is being unpacked. */
async function fetching(id: number): Promise<void> {
  const { stateDirectory } = holder;
  const processes = path.join(stateDirectory, 'operations', `restore-${id}`, 'processes');
  await until(
    () => readdir(processes).catch(() => []),
    (names) => names.length > 0,
    'the programs that unpack the backup',
  );
}

async function agentOfService(): Promise<string> {
  const { body } = await stack.request<{ agent: { id: string } }>('GET', '/services/over-1');
  return body.agent.id;
}

async function idOf({ stateDirectory }: TestService): Promise<string> {
  const text = await readFile(path.join(stateDirectory, 'agent.json'), 'utf8');
  return (JSON.parse(text) as { agent_id: string }).agent_id;
}

/** The first agent knows that it is out, and what is ordered now is done by the second. */
async function expectTakenOver(first: TestService, second: TestService, from: number): Promise<void> {
  await until(
    async () => first.agent.output.slice(from),
    (said) => said.includes('it releases its queues'),
    'the release of its queues',
  );
  expect(await agentOfService()).toBe(await idOf(second));
  const ordersThen = ordersTo(first);
  await stack.takeBackup('over-1');
  await stack.restore(backupId, 'over-1');
  expect(await second.server.checksums()).toEqual(fresh);
  expect(ordersTo(first)).toBe(ordersThen);
  expect(ordersTo(second)).toBeGreaterThan(1);
}

/** How many pieces of work an agent has begun. */
function ordersTo({ agent }: TestService): number {
  return agent.output.split('"msg":"Work begins."').length - 1;
}

function expectCalledOff(restore: RestoreBody): void {
  expect(restore).toMatchObject({ status: 'Cancelled' });
  expect(restore.message).toContain('took its service over');
}

describe('an agent is taken over', () => {
  test('while it fetches: it puts its server back as it was, and takes no order after that', async () => {
    const first = holder;
    const second = await addRival();
    await writeFile(slowFetch, '');
    const id = await stack.orderRestore(backupId, 'over-1');
    await fetching(id);
    const from = first.agent.output.length;
    await letIn(second);
    await atOnce();
    const restore = await stack.restoreEnd(id);
    expectCalledOff(restore);
    expect(restore.message).toContain('The server serves its old data.');
    expect(await first.server.checksums()).toEqual(old);
    await expectCleanHost(first);
    await expectTakenOver(first, second, from);
    await expectCleanHost(second);
    await first.agent.end();
  });

  test('while it is gone in the middle of its restore: its host is not waited for, and the server serves its old data', async () => {
    const first = holder;
    const second = await addRival();
    await writeFile(slowFetch, '');
    const id = await stack.orderRestore(backupId, 'over-1');
    await fetching(id);
    await first.agent.end('SIGKILL');
    await letIn(second);
    await atOnce();
    const restore = await stack.restoreEnd(id);
    expectCalledOff(restore);
    expect(restore.message).toContain('settle it by hand');
    expect(await first.server.checksums()).toEqual(old);

    const from = first.agent.output.length;
    await first.agent.start('The service was not registered.');
    expect(await first.server.checksums()).toEqual(old);
    await expectTakenOver(first, second, from);
    await first.agent.end();
  });
});
