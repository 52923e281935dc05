/** Operations that are given up from outside, and agents that meet what should not be: nothing is left undecided. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { appendFile, chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HeldPrograms } from '../support/held-programs.ts';
import { recordHistory } from '../support/histories.ts';
import { ready, TestStack, type TestService, until } from '../support/stack.ts';

let stack: TestStack;
let service: TestService;
let programs: HeldPrograms;
let backupId: string;
let before: Record<string, number | null>;

beforeAll(async () => {
  const settings = { TIDEMARK_SILENCE_TIMEOUT: '5s', TIDEMARK_RETRY_PAUSE: '200ms' };
  stack = await TestStack.start('given-up', { apiSettings: settings, controlSettings: settings });
  // The server's own user comes through to the programs.
  await chmod(stack.folder, 0o755);
  programs = await HeldPrograms.make(path.join(stack.folder, 'programs'));
  service = await stack.addService('given-1', {
    settings: {
      backup: { part_size: '1M' },
      // A copy takes ten seconds, however slow the test is.
      storage_options: { upload_limit: '2M' },
      restore: { parts_ahead: 1 },
    },
    serverOptions: { programs: programs.folder },
  });
  await service.server.loadSample();
  await service.server.query('CREATE TABLE shop.bulk (id INT PRIMARY KEY, noise VARBINARY(1000))');
  await service.server.query('INSERT INTO shop.bulk SELECT seq, RANDOM_BYTES(1000) FROM shop.seq_1_to_20000');
  before = await service.server.checksums();
  backupId = (await stack.takeBackup('given-1')).id;
});

afterAll(async () => {
  await stack?.stop();
});

async function backupFolders(): Promise<string[]> {
  return await readdir(path.join(stack.storage, 'given-1', 'backups'));
}

async function backupWorkflow(id: string): Promise<string> {
  const { body } = await stack.request<{ backups: { id: string; schedule_id: number }[] }>(
    'GET',
    '/backups/given-1',
  );
  const schedule = body.backups.find((entry) => entry.id === id)?.schedule_id;
  return `backup/given-1/${schedule}/${id.slice(0, 32)}`;
}

async function copying(): Promise<string> {
  const id = await stack.orderBackup('given-1');
  await until(
    () => stack.backupOf(id),
    ({ progress }) => progress?.phase === 'copying',
    'the copy',
  );
  return id;
}

describe('a backup', () => {
  test('that is cancelled says so and leaves no part', async () => {
    const id = await copying();
    await stack.client.workflow.getHandle(await backupWorkflow(id)).cancel();
    expect(await stack.backupEnd(id)).toMatchObject({ status: 'Cancelled' });
    expect(await backupFolders()).not.toContain(id.slice(0, 32));
  });

  test('that is terminated is ended by the reconciler, its parts are removed, and the next one is taken', async () => {
    const id = await copying();
    await stack.client.workflow.getHandle(await backupWorkflow(id)).terminate('by a test');
    const backup = await stack.backupEnd(id);
    expect(backup).toMatchObject({ status: 'Failed' });
    expect(backup.message).toContain('was terminated');
    await until(backupFolders, (folders) => !folders.includes(id.slice(0, 32)), 'the end of its parts');
    await stack.takeBackup('given-1');
  });

  test('whose agent is gone fails, and its parts go when the agent is back', async () => {
    const id = await copying();
    await until(backupFolders, (folders) => folders.includes(id.slice(0, 32)), 'its first part');
    await service.agent.end('SIGKILL');
    await stack.client.workflow.getHandle(await backupWorkflow(id)).cancel();
    const backup = await stack.backupEnd(id);
    expect(backup).toMatchObject({ status: 'Cancelled' });
    expect(backup.message).toContain('removed once the host can be reached');
    expect(await backupFolders()).toContain(id.slice(0, 32));
    await service.agent.start(ready.agent);
    await until(backupFolders, (folders) => !folders.includes(id.slice(0, 32)), 'the end of its parts');
    await recordHistory(stack.client, 'backup-clean-up', `${await backupWorkflow(id)}/clean-up`);
  });
});

describe('a restore in place', () => {
  test('that is cancelled before the data is emptied leaves the server serving its old data', async () => {
    const id = await stack.orderRestore(backupId, 'given-1', { mode: 'in-place' });
    await stack.client.workflow.getHandle(await stack.workflowOf(id)).cancel();
    const restore = await stack.restoreEnd(id);
    expect(restore).toMatchObject({ status: 'Cancelled' });
    expect(await service.server.checksums()).toEqual(before);
  });

  test('that is cancelled afterwards leaves the server stopped and names the way on, which works', async () => {
    await programs.hold('fetching');
    const id = await stack.orderRestore(backupId, 'given-1', { mode: 'in-place' });
    await until(
      () => stack.restoreOf(id),
      ({ progress }) => progress?.phase === 'fetching',
      'the fetch',
    );
    await stack.client.workflow.getHandle(await stack.workflowOf(id)).cancel();
    await programs.release();
    const restore = await stack.restoreEnd(id);
    expect(restore).toMatchObject({ status: 'Cancelled' });
    expect(restore.message).toContain('restore this or another backup to it');
    await expect(service.server.checksums()).rejects.toThrow('does not accept connections');
    await stack.restore(backupId, 'given-1', { mode: 'in-place' });
    expect(await service.server.checksums()).toEqual(before);
  });
});

describe('an agent', () => {
  test('survives an option file that its server would refuse, and goes on when it is mended', async () => {
    const { defaultsFile } = service.server;
    const good = await readFile(defaultsFile, 'utf8');
    await appendFile(defaultsFile, 'no_such_option=1\n');
    // Longer than it waits before it looks at its server and at its house.
    await sleep(7_000);
    expect(service.agent.running).toBe(true);
    await writeFile(defaultsFile, good);
    await stack.takeBackup('given-1');
  });

  test('of another host is refused where nobody let it take the service over', async () => {
    const rival = await stack.addService('rival', {
      serviceId: 'given-1',
      enrolment: 'none',
      stopped: true,
    });
    await rival.agent.start('The service was not registered.');
    expect(rival.agent.output).toContain('This agent is not enrolled for the service given-1.');
    await rival.agent.end();
    await stack.takeBackup('given-1');
  });
});
