/** What goes wrong on a host: each ends with a stable name and a sentence to act on, and the server goes on serving. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { agentAccount } from '../support/mariadb.ts';
import { readHistory } from '../support/histories.ts';
import { type BackupBody, ready, TestStack, type TestService, until } from '../support/stack.ts';

const run = promisify(execFile);
let stack: TestStack;
let service: TestService;
let good: BackupBody;
let before: Record<string, number | null>;

beforeAll(async () => {
  const settings = {
    TIDEMARK_AGENT_WAIT: '10s',
    TIDEMARK_SERVER_WAIT: '4s',
    TIDEMARK_SILENCE_TIMEOUT: '10s',
    TIDEMARK_RETRY_PAUSE: '200ms',
  };
  stack = await TestStack.start('bad-days', { apiSettings: settings, controlSettings: settings });
  service = await stack.addService('bad-1');
  await service.server.loadSample();
  good = await stack.takeBackup('bad-1');
  await service.server.query('CREATE TABLE shop.since (id INT PRIMARY KEY)');
});

beforeEach(async () => {
  before = await service.server.checksums();
});

afterAll(async () => {
  await stack?.stop();
});

/** Starts the agent with other settings or another environment for the length of `work`. */
async function withAgent(
  changed: { settings?: Record<string, unknown>; env?: Record<string, string> },
  work: () => Promise<void>,
): Promise<void> {
  await service.agent.end();
  await stack.configure(service, changed.settings);
  await service.agent.start(ready.agent, changed.env);
  try {
    await work();
  } finally {
    await service.agent.end();
    await stack.configure(service);
    await service.agent.start(ready.agent);
  }
}

/** The name that the failed workflow has in Temporal, which is the name of the error table. */
async function failureName(workflowId: string): Promise<string> {
  const error: unknown = await stack.client.workflow
    .getHandle(workflowId)
    .result()
    .catch((reason: unknown) => reason);
  return String((error as { cause?: { type?: unknown } }).cause?.type);
}

async function failedBackup(): Promise<{ backup: BackupBody; name: string }> {
  const id = await stack.orderBackup('bad-1');
  const backup = await stack.backupEnd(id);
  expect(backup.status).toBe('Failed');
  const hex = id.slice(0, 32);
  const schedules = await stack.request<{ backups: { id: string; schedule_id: number }[] }>(
    'GET',
    '/backups/bad-1',
  );
  const schedule = schedules.body.backups.find((entry) => entry.id === id)?.schedule_id;
  await expectNoObjects(hex);
  return { backup, name: await failureName(`backup/bad-1/${schedule}/${hex}`) };
}

async function expectNoObjects(hex: string): Promise<void> {
  const folders = await readdir(path.join(stack.storage, 'bad-1', 'backups'));
  expect(folders).not.toContain(hex);
}

async function failedRestore(
  fields: Record<string, unknown> = {},
  backupId = good.id,
): Promise<{ message: string; name: string }> {
  const id = await stack.orderRestore(backupId, 'bad-1', fields);
  const restore = await stack.restoreEnd(id);
  expect(restore.status).toBe('Failed');
  expect(await service.server.checksums()).toEqual(before);
  return { message: restore.message, name: await failureName(await stack.workflowOf(id)) };
}

describe('a backup', () => {
  test('of a server that is down fails as database_unreachable', async () => {
    await service.server.stop();
    const { backup, name } = await failedBackup();
    await service.server.start();
    expect(name).toBe('database_unreachable');
    expect(backup.message).toMatch(
      /does not accept connections .* Start it.* It was asked again for \d+ s\.$/,
    );
  });

  test('with a wrong password fails as database_access_denied, and the password is not told', async () => {
    const file = path.join(service.server.folder, 'wrong.cnf');
    await writeFile(
      file,
      `[client]\nuser=tidemark\npassword=a-wrong-password\nsocket=${service.server.socket}\n`,
    );
    const server = { ...stack.serverSettings(service), client_file: file };
    await withAgent({ settings: { server } }, async () => {
      const { backup, name } = await failedBackup();
      expect(name).toBe('database_access_denied');
      expect(backup.message).not.toContain('a-wrong-password');
    });
  });

  test('without the tool fails as tool_missing and names the package', async () => {
    const folder = path.join(stack.folder, 'few-programs');
    await mkdir(folder);
    for (const program of ['zstd', 'mbstream', 'my_print_defaults', 'id', 'ps']) {
      const { stdout } = await run('which', [program]);
      await symlink(stdout.trim(), path.join(folder, program));
    }
    await withAgent({ env: { PATH: folder } }, async () => {
      const { backup, name } = await failedBackup();
      expect(name).toBe('tool_missing');
      expect(backup.message).toContain('mariadb-backup');
    });
  });

  test('with a tool of another major version fails as tool_version_mismatch', async () => {
    const programs = path.join(stack.folder, 'other-major');
    await mkdir(programs);
    const tool = path.join(programs, 'mariadb-backup');
    await writeFile(
      tool,
      '#!/bin/sh\necho "mariadb-backup based on MariaDB server 11.4.9-MariaDB Linux (x86_64)" >&2\n',
    );
    await chmod(tool, 0o755);
    const server = { ...stack.serverSettings(service), programs };
    await withAgent({ settings: { server } }, async () => {
      const { backup, name } = await failedBackup();
      expect(name).toBe('tool_version_mismatch');
      expect(backup.message).toContain('11.4');
    });
  });

  test('waits for an agent that is away, says so, and fails after agent_wait', async () => {
    await service.agent.end();
    const id = await stack.orderBackup('bad-1');
    const waiting = await until(
      () => stack.backupOf(id),
      ({ message }) => message.startsWith('Waiting for the agent of bad-1, last seen '),
      'the message about the wait',
    );
    expect(waiting.status).toBe('Scheduled');
    const backup = await stack.backupEnd(id);
    expect(backup).toMatchObject({ status: 'Failed' });
    expect(backup.message).toContain('did not answer within 10 s');
    await service.agent.start(ready.agent);
  });

  test('waits for its turn while a restore runs, and is taken afterwards', async () => {
    const restore = await stack.orderRestore(good.id, 'bad-1');
    const id = await stack.orderBackup('bad-1');
    const refused = await stack.request<{ errors: { error: string; message: string }[] }>(
      'POST',
      '/restores',
      {
        id: good.id,
        service_id: 'bad-1',
      },
    );
    expect(refused.status).toBe(409);
    expect(refused.body.errors[0]).toMatchObject({ error: 'service_busy' });
    expect(refused.body.errors[0]?.message).toContain(`restore ${restore}`);
    await stack.restored(restore);
    expect(await stack.backupEnd(id)).toMatchObject({ status: 'Succeeded' });
    await service.server.query('CREATE TABLE shop.since (id INT PRIMARY KEY)');
  });
});

describe('a restore', () => {
  test('is refused at once when the agent is away, and nothing is started', async () => {
    await service.agent.end();
    const { status, body } = await stack.request<{ errors: { error: string }[] }>('POST', '/restores', {
      id: good.id,
      service_id: 'bad-1',
    });
    expect(status).toBe(409);
    expect(body.errors[0]?.error).toBe('agent_unavailable');
    await service.agent.start(ready.agent);
  });

  test.each(['side-by-side', 'in-place'])('of a damaged object names it (%s)', async (mode) => {
    const part = path.join(stack.storage, 'bad-1', 'backups', good.id.slice(0, 32), 'part-000001');
    const bytes = await readFile(part);
    const damaged = Buffer.from(bytes);
    damaged[1000] = (damaged[1000] ?? 0) ^ 1;
    await chmod(part, 0o600);
    await writeFile(part, damaged);
    const { message, name } = await failedRestore({ mode });
    await writeFile(part, bytes);
    expect(name).toBe('object_damaged');
    expect(message).toContain('part-000001');
  });

  test('of a missing object names it', async () => {
    const part = path.join(stack.storage, 'bad-1', 'backups', good.id.slice(0, 32), 'part-000001');
    await rename(part, `${stack.folder}/aside`);
    const { message, name } = await failedRestore();
    await rename(`${stack.folder}/aside`, part);
    expect(name).toBe('object_missing');
    expect(message).toContain('part-000001');
  });

  test('to a server whose files cannot be swapped is refused in the plan', async () => {
    const elsewhere = path.join(service.server.folder, 'elsewhere');
    await run('mkdir', ['-p', elsewhere]);
    await symlink(elsewhere, path.join(service.server.dataDirectory, 'linked'));
    const id = await stack.orderRestore(good.id, 'bad-1');
    const restore = await stack.restoreEnd(id);
    await rm(path.join(service.server.dataDirectory, 'linked'));
    expect(await failureName(await stack.workflowOf(id))).toBe('layout_unsupported');
    expect(restore.message).toContain('linked');
  });

  test('of an encrypted backup works with its identity, and is refused without', async () => {
    const identity = path.join(stack.folder, 'identity');
    await run('age-keygen', ['-o', identity]);
    const recipient = /age1[0-9a-z]+/.exec(await readFile(identity, 'utf8'))?.[0];
    let sealed: BackupBody | undefined;
    await withAgent({ settings: { backup: { recipients: [recipient] } } }, async () => {
      sealed = await stack.takeBackup('bad-1');
      const refused = await failedRestore({}, sealed.id);
      expect(refused.name).toBe('identity_unavailable');
    });
    const part = path.join(stack.storage, 'bad-1', 'backups', sealed?.id.slice(0, 32) ?? '', 'part-000001');
    expect((await readFile(part)).subarray(0, 21).toString()).toBe('age-encryption.org/v1');
    await withAgent({ settings: { restore: { age_identity_file: identity } } }, async () => {
      await stack.restore(sealed?.id ?? '', 'bad-1');
      expect(await service.server.checksums()).toEqual(before);
    });
  });
});

describe('secrets', () => {
  test('stand in no history and no log', async () => {
    const secrets = [agentAccount.password, stack.token];
    const told = [stack.api.output, stack.control.output, service.agent.output];
    for await (const { workflowId, runId } of stack.client.workflow.list()) {
      told.push(await readHistory(stack.client, workflowId, runId));
    }
    expect(told.length).toBeGreaterThan(10);
    expect(told.slice(3).some((text) => text.includes('Backup has succeeded.'))).toBe(true);
    for (const secret of secrets) {
      expect(
        told.some((text) => text.includes(secret) || text.includes(JSON.stringify(secret).slice(1, -1))),
      ).toBe(false);
    }
  });
});
