/**
 * Temporal is killed in the middle of the work, stays away for a while, and comes back with its history: the operation
 * ends right, the server serves whole data all the while, and an agent needs nobody to put it back.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { chmod, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { listOpenJournals } from '../../mariadb/cutover/journal.ts';
import { expectCleanHost } from '../support/aftermath.ts';
import { HeldPrograms } from '../support/held-programs.ts';
import { longRun } from '../support/long.ts';
import { OwnTemporal } from '../support/own-temporal.ts';
import { TestStack, type TestService, until } from '../support/stack.ts';

let temporal: OwnTemporal;
let stack: TestStack;
let service: TestService;
let programs: HeldPrograms;
let backupId: string;
let before: Record<string, number | null>;
/** The table that tells the old data from the new: the backup does not have it. */
const oldOnly = 'shop.since';
/** Longer than the silence after which work counts as dead, so that Temporal begins it again when it is back. */
const awayMs = 4_500;

beforeAll(async () => {
  temporal = await OwnTemporal.start();
  stack = await TestStack.start('no-temporal', {
    temporal,
    apiSettings: { TIDEMARK_SILENCE_TIMEOUT: '4s' },
    controlSettings: { TIDEMARK_SILENCE_TIMEOUT: '4s' },
  });
  // The server's own user comes through to the programs.
  await chmod(stack.folder, 0o755);
  programs = await HeldPrograms.make(path.join(stack.folder, 'programs'));
  service = await stack.addService('away-1', {
    // A slow copy, so that there is a middle.
    settings: {
      backup: { part_size: '1M' },
      storage_options: { upload_limit: '8M' },
      restore: { parts_ahead: 1 },
    },
    serverOptions: { programs: programs.folder },
  });
  await service.server.loadSample({ rows: 200 });
  await service.server.query('CREATE TABLE shop.bulk (id INT PRIMARY KEY, noise VARBINARY(1000))');
  await service.server.query('INSERT INTO shop.bulk SELECT seq, RANDOM_BYTES(1000) FROM shop.seq_1_to_30000');
  before = await service.server.checksums();
  backupId = (await stack.takeBackup('away-1')).id;
});

beforeEach(async () => {
  await service.server.query('CREATE TABLE IF NOT EXISTS shop.since (id INT PRIMARY KEY)');
});

afterEach(async () => {
  // A test that failed may have left them so.
  await programs.release();
  await temporal.start();
  await expectNothingLeft();
});

afterAll(async () => {
  await stack?.stop();
  await temporal?.kill();
});

/** Which data serves; anything that is neither is a failure. */
async function servingData(): Promise<'old' | 'new'> {
  const now = await until(
    () => service.server.checksums().catch(() => undefined),
    (sums) => sums !== undefined,
    'a server that serves',
  );
  const { [oldOnly]: since, ...rest } = now ?? {};
  expect(rest).toEqual(before);
  return since === undefined ? 'new' : 'old';
}

/** Nothing of an operation is left on the host, and the service is free for the next one. */
async function expectNothingLeft(): Promise<void> {
  await expectCleanHost(service);
  await stack.takeBackup('away-1');
}

async function untilPhase(
  ask: () => Promise<{ progress?: { phase: string } }>,
  phase: string,
): Promise<void> {
  await until(ask, ({ progress }) => progress?.phase === phase, `the phase ${phase}`);
}

async function untilStep(restoreId: number, step: string): Promise<void> {
  const steps = ['begin', 'stop', 'aside', 'in', 'own', 'start', 'check', 'commit'];
  const journal = path.join(service.stateDirectory, 'journals', `restore-${restoreId}.json`);
  await until(
    () => readFile(journal, 'utf8').catch(() => ''),
    (text) => steps.indexOf(/"step": "(\w+)"/.exec(text)?.[1] ?? '') >= steps.indexOf(step),
    `the step ${step}`,
  );
}

/** The ids of all backups and restores that were ever ordered. */
async function allOrders(): Promise<unknown[]> {
  const backups = await stack.request<{ backups: { id: string }[] }>('GET', '/backups');
  const restores = await stack.request<{ restores: { id: number }[] }>('GET', '/restores');
  return [...backups.body.backups, ...restores.body.restores].map(({ id }) => id);
}

function readiness(): string {
  return `${new URL(stack.url).origin}/readyz`;
}

/** The api says that Temporal is away, and takes no orders. */
async function expectNotReady(): Promise<void> {
  const orders = [
    ['/backups/schedules', { service_id: 'away-1', backup_type: 'full', schedule: 'once' }],
    ['/restores', { id: backupId, service_id: 'away-1' }],
  ] as const;
  for (const [pathname, body] of orders) {
    const refused = await stack.request<{ errors: { error: string; message: string }[] }>(
      'POST',
      pathname,
      body,
    );
    expect([refused.status, refused.body.errors[0]?.error]).toEqual([503, 'temporal_unavailable']);
    expect(refused.body.errors[0]?.message).toContain(temporal.address);
  }
  const answer = await fetch(readiness());
  expect(answer.status).toBe(503);
  expect(await answer.text()).toContain('temporal_unavailable');
}

/** The api reconnects by itself; workers may have been quicker. */
async function expectReadyAgain(): Promise<void> {
  await until(
    async () => (await fetch(readiness())).status,
    (status) => status === 200,
    'an api that is ready',
  );
}

describe('Temporal is killed', () => {
  test('in the middle of a backup: orders are refused meanwhile, and the backup succeeds once it is back', async () => {
    const id = await stack.orderBackup('away-1');
    await untilPhase(() => stack.backupOf(id), 'copying');
    const orders = await allOrders();
    await temporal.kill();
    const away = sleep(awayMs);
    await expectNotReady();
    await away;
    expect(await servingData()).toBe('old');
    await temporal.start();
    expect(await stack.backupEnd(id)).toMatchObject({ status: 'Succeeded' });
    expect(await allOrders()).toEqual(orders);
    await expectReadyAgain();
  });

  test('while a restore fetches: the server serves its old data meanwhile, and the restore succeeds', async () => {
    await programs.hold('fetching');
    const id = await stack.orderRestore(backupId, 'away-1');
    await untilPhase(() => stack.restoreOf(id), 'fetching');
    await temporal.kill();
    await programs.release();
    await sleep(awayMs);
    expect(await servingData()).toBe('old');
    await temporal.start();
    await stack.restored(id);
    expect(await servingData()).toBe('new');
  });

  test.each(longRun ? ['stop', 'aside', 'in', 'start', 'check'] : ['stop'])(
    'in the cut-over, at its step "%s": the agent ends it alone, and the restore succeeds',
    async (step) => {
      const id = await stack.orderRestore(backupId, 'away-1');
      await untilStep(id, step);
      await temporal.kill();
      await until(
        () => listOpenJournals(service.stateDirectory),
        (open) => open.length === 0,
        'the end of the cut-over',
      );
      expect(await servingData()).toBe('new');
      await sleep(awayMs);
      await temporal.start();
      const restore = await stack.restoreEnd(id);
      expect(restore.status).toBe('Succeeded');
      expect(restore.reached?.['not_serving_ms']).toBeGreaterThan(0);
      expect(await servingData()).toBe('new');
    },
  );

  test.each(longRun ? ['stop', 'aside', 'in', 'start', 'check'] : ['in'])(
    'and the agent too, at the step "%s": the agent alone brings the old data back, and the restore ends later',
    async (step) => {
      const id = await stack.orderRestore(backupId, 'away-1');
      await untilStep(id, step);
      await Promise.all([temporal.kill(), service.agent.end('SIGKILL')]);
      const committed = (await listOpenJournals(service.stateDirectory)).length === 0;
      await service.agent.start('Temporal does not answer');
      expect(await servingData()).toBe(committed ? 'new' : 'old');
      expect(await listOpenJournals(service.stateDirectory)).toEqual([]);
      await temporal.start();
      await stack.restored(id);
      expect(await servingData()).toBe('new');
    },
  );
});

test('what the processes say about it is lines of JSON', () => {
  for (const { output } of [stack.api, stack.control, service.agent]) {
    const lines = output.split('\n').filter((line) => line !== '');
    expect(lines.filter((line) => !line.startsWith('{"level":'))).toEqual([]);
  }
  expect(service.agent.output).toContain('Temporal does not answer');
});
