/**
 * Processes that are killed in the middle of the work: the operation ends right, or fails and leaves the server as it
 * was and serving; no child process, staging folder, open journal or lock outlives it.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { chmod, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expectCleanHost } from '../support/aftermath.ts';
import { HeldPrograms } from '../support/held-programs.ts';
import { recordHistory } from '../support/histories.ts';
import { longRun } from '../support/long.ts';
import { ready, TestStack, type TestService, until } from '../support/stack.ts';

let stack: TestStack;
let service: TestService;
let programs: HeldPrograms;
let backupId: string;
let before: Record<string, number | null>;
/** The table that tells the old data from the new: the backup does not have it. */
const oldOnly = 'shop.since';

beforeAll(async () => {
  const settings = { TIDEMARK_SILENCE_TIMEOUT: '5s', TIDEMARK_RETRY_PAUSE: '200ms' };
  stack = await TestStack.start('killed', {
    apiSettings: settings,
    controlSettings: settings,
  });
  // The server's own user comes through to the programs.
  await chmod(stack.folder, 0o755);
  programs = await HeldPrograms.make(path.join(stack.folder, 'programs'));
  service = await stack.addService('kill-1', {
    // A slow copy, so that there is a middle to be killed in.
    settings: {
      backup: { part_size: '1M' },
      storage_options: { upload_limit: '8M' },
      restore: { parts_ahead: 1 },
    },
    serverOptions: { programs: programs.folder },
  });
  await service.server.loadSample();
  await service.server.query('CREATE TABLE shop.bulk (id INT PRIMARY KEY, noise VARBINARY(1000))');
  await service.server.query('INSERT INTO shop.bulk SELECT seq, RANDOM_BYTES(1000) FROM shop.seq_1_to_20000');
  before = await service.server.checksums();
  backupId = (await stack.takeBackup('kill-1')).id;
});

beforeEach(async () => {
  await programs.release();
  await service.server.query('CREATE TABLE IF NOT EXISTS shop.since (id INT PRIMARY KEY)');
});

afterAll(async () => {
  await stack?.stop();
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

async function untilPhase(
  ask: () => Promise<{ progress?: { phase: string } }>,
  phase: string,
): Promise<void> {
  await until(ask, ({ progress }) => progress?.phase === phase, `the phase ${phase}`);
}

describe('the agent is killed', () => {
  test('in the middle of a backup: the backup succeeds once the agent is back', async () => {
    const id = await stack.orderBackup('kill-1');
    await untilPhase(() => stack.backupOf(id), 'copying');
    await sleep(300);
    await service.agent.end('SIGKILL');
    await service.agent.start(ready.agent);
    const backup = await stack.backupEnd(id);
    expect(backup).toMatchObject({ status: 'Succeeded' });
    await expectCleanHost(service);
  });

  test.each(['fetching', 'preparing', 'checking'] as const)(
    'in the phase %s of a restore: the restore succeeds once the agent is back',
    async (phase) => {
      if (phase !== 'checking') await programs.hold(phase);
      const id = await stack.orderRestore(backupId, 'kill-1');
      await untilPhase(() => stack.restoreOf(id), phase);
      await service.agent.end('SIGKILL');
      await programs.release();
      expect(await servingData()).toBe('old');
      await service.agent.start(ready.agent);
      const { status, message } = await stack.restoreEnd(id);
      expect([status, message]).toEqual(['Succeeded', expect.stringMatching(/^Restore has succeeded!/)]);
      expect(await servingData()).toBe('new');
      await expectCleanHost(service);
    },
  );

  const moments = ['stop', 'aside', 'in', 'start', 'check'];
  test.each(longRun ? moments : ['aside', 'start'])(
    'in the cut-over, at its step "%s": the server serves whole data by itself, and the restore ends',
    async (step) => {
      const id = await stack.orderRestore(backupId, 'kill-1');
      const journal = path.join(service.stateDirectory, 'journals', `restore-${id}.json`);
      await until(
        () => readFile(journal, 'utf8').catch(() => ''),
        (text) => hasReached(text, step),
        `the step ${step}`,
      );
      await service.agent.end('SIGKILL');
      await service.agent.start(ready.agent);
      await servingData();
      const restore = await stack.restoreEnd(id);
      expect(await servingData()).toBe(restore.status === 'Succeeded' ? 'new' : 'old');
      await expectCleanHost(service);
    },
  );
});

function hasReached(journal: string, step: string): boolean {
  const steps = ['begin', 'flush', 'stop', 'aside', 'in', 'own', 'start', 'check', 'commit'];
  const now = /"step": "(\w+)"/.exec(journal)?.[1] ?? '';
  return steps.indexOf(now) >= steps.indexOf(step);
}

describe('the control worker is killed', () => {
  test('in the middle of a backup and of a restore: both succeed once it is back', async () => {
    const id = await stack.orderBackup('kill-1');
    await untilPhase(() => stack.backupOf(id), 'copying');
    await stack.control.end('SIGKILL');
    await stack.control.start(ready.control);
    expect(await stack.backupEnd(id)).toMatchObject({ status: 'Succeeded' });

    await programs.hold('fetching');
    const restore = await stack.orderRestore(backupId, 'kill-1');
    await untilPhase(() => stack.restoreOf(restore), 'fetching');
    await stack.control.end('SIGKILL');
    await programs.release();
    await stack.control.start(ready.control);
    const { status, message } = await stack.restoreEnd(restore);
    expect([status, message]).toEqual(['Succeeded', expect.stringMatching(/^Restore has succeeded!/)]);
    expect(await servingData()).toBe('new');
  });
});

describe('the api is killed', () => {
  test('after it took an order: the order is carried out', async () => {
    const id = await stack.orderBackup('kill-1');
    await stack.api.end('SIGKILL');
    await stack.api.start(ready.api);
    expect(await stack.backupEnd(id)).toMatchObject({ status: 'Succeeded' });
  });
});

describe('a workflow is ended from outside', () => {
  test('a cancelled restore puts the server back as it was and says so', async () => {
    await programs.hold('fetching');
    const id = await stack.orderRestore(backupId, 'kill-1');
    await untilPhase(() => stack.restoreOf(id), 'fetching');
    await stack.client.workflow.getHandle(await stack.workflowOf(id)).cancel();
    await programs.release();
    const restore = await stack.restoreEnd(id);
    expect(restore).toMatchObject({ status: 'Cancelled' });
    expect(await servingData()).toBe('old');
    await expectCleanHost(service);
  });

  test('a terminated restore is settled by the reconciler, and the service is free again', async () => {
    await programs.hold('fetching');
    const id = await stack.orderRestore(backupId, 'kill-1');
    await untilPhase(() => stack.restoreOf(id), 'fetching');
    await stack.client.workflow.getHandle(await stack.workflowOf(id)).terminate('by a test');
    await programs.release();
    const restore = await stack.restoreEnd(id);
    expect(restore.status).toBe('Failed');
    expect(restore.message).toContain('was terminated');
    expect(await stack.takeBackup('kill-1')).toMatchObject({ status: 'Succeeded' });
    expect(await servingData()).toBe('old');
    await expectCleanHost(service);
    await recordHistory(stack.client, 'restore-clean-up', `${await stack.workflowOf(id)}/clean-up`);
  });
});
