import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { backupSettings } from '../../config/agent.ts';
import { startPhysicalBackup, type RunningBackup } from '../../mariadb/backup/physical.ts';
import { endLeftovers, processStart } from '../../mariadb/processes/record.ts';
import { isServing } from '../../mariadb/server/lifecycle.ts';
import { checkServer } from '../../mariadb/server/requirements.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { testAttempt, type TestAttempt } from '../support/attempts.ts';
import { drain } from '../support/drain.ts';
import { agentAccount, startTestServer, type TestServer } from '../support/mariadb.ts';

/** With age in the pipe, so that there are three programs. */
const recipient = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p';
const backup = backupSettings.parse({ recipients: [recipient] });

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ name: 'fail' });
  await server.loadSample({ rows: 100 });
  // More than all the pipes hold together, so that a backup nobody reads stands still in its middle.
  await server.query('CREATE TABLE shop.noise (id INT PRIMARY KEY, data LONGBLOB)');
  await server.query('INSERT INTO shop.noise SELECT seq, RANDOM_BYTES(1024) FROM shop.seq_1_to_16000');
});
afterAll(() => server.remove());

const open: RunningBackup[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((running) => running.end()));
});

async function start(attempt: TestAttempt, settings = server.settings): Promise<RunningBackup> {
  const running = await startPhysicalBackup({
    server: settings,
    layout: inspectLayout(settings),
    backup,
    attempt,
  });
  open.push(running);
  return running;
}

/** The recorded processes of an attempt: their ids by the program's name. */
async function processesOf(attempt: TestAttempt): Promise<Map<string, number>> {
  const folder = path.join(attempt.folder, 'processes');
  const found = new Map<string, number>();
  for (const name of await readdir(folder)) {
    const text = await readFile(path.join(folder, name), 'utf8');
    const { pid, program } = JSON.parse(text) as { pid: number; program: string };
    found.set(path.basename(program), pid);
  }
  return found;
}

async function inTheMiddle(attempt: TestAttempt): Promise<RunningBackup> {
  const running = await start(attempt);
  while (running.progress().bytesRead < 1024 ** 2) await sleep(10);
  return running;
}

async function expectNothingLeft(attempt: TestAttempt, pids: Iterable<number>): Promise<void> {
  for (const pid of pids) expect(processStart(pid)).toBeUndefined();
  expect(await readdir(attempt.folder)).toEqual(['processes']);
  expect(await endLeftovers(attempt.folder)).toBe(0);
  expect(await isServing(server.settings)).toBe(true);
}

describe('a backup in whose middle', () => {
  test.each(['mariadb-backup', 'zstd', 'age'])(
    '%s is killed is no backup, and leaves nothing',
    async (victim) => {
      const attempt = await testAttempt();
      const running = await inTheMiddle(attempt);
      const processes = await processesOf(attempt);
      process.kill(processes.get(victim) ?? 0, 'SIGKILL');
      void drain(running.output);
      await expect(running.whole()).rejects.toMatchObject({
        code: 'backup_tool_failed',
        message: expect.stringContaining(`${victim} ended with signal SIGKILL`),
      });
      await running.end();
      await expectNothingLeft(attempt, processes.values());
    },
  );

  test('the attempt is aborted ends with its reason, and leaves nothing', async () => {
    const attempt = await testAttempt();
    const running = await inTheMiddle(attempt);
    const processes = await processesOf(attempt);
    expect([...processes.keys()].sort()).toEqual(['age', 'mariadb-backup', 'zstd']);
    const reason = new Error('cancelled');
    attempt.abort(reason);
    await expect(running.whole()).rejects.toBe(reason);
    await running.end();
    await expectNothingLeft(attempt, processes.values());
  });

  test('a later attempt ends what the first one left, is none either', async () => {
    const attempt = await testAttempt();
    const running = await inTheMiddle(attempt);
    const processes = await processesOf(attempt);
    expect(await endLeftovers(attempt.folder)).toBe(3);
    await expect(running.whole()).rejects.toMatchObject({ code: 'backup_tool_failed' });
    await running.end();
    await expectNothingLeft(attempt, processes.values());
  });
});

describe('a backup is refused before anything is read', () => {
  async function refusal(settings = server.settings): Promise<unknown> {
    const attempt = await testAttempt();
    const error = await start(attempt, settings).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(await readdir(attempt.folder)).toEqual([]);
    return error;
  }

  test('with a wrong password', async () => {
    const file = path.join(server.folder, 'wrong.cnf');
    await writeFile(
      file,
      `[client]\nuser=${agentAccount.user}\npassword=wrong-secret\nsocket=${server.socket}\n`,
    );
    const error = await refusal({ ...server.settings, client_file: file });
    expect(error).toMatchObject({ code: 'database_access_denied' });
    expect(String((error as Error).message)).not.toContain('wrong-secret');
  });

  test('with a privilege missing, which is named', async () => {
    await server.query(`REVOKE BINLOG MONITOR ON *.* FROM '${agentAccount.user}'@'localhost'`);
    try {
      expect(await refusal()).toMatchObject({
        code: 'privilege_missing',
        message: expect.stringContaining('BINLOG MONITOR'),
      });
      expect(await checkServer(server.settings)).toContainEqual(
        expect.stringContaining('lacks BINLOG MONITOR'),
      );
    } finally {
      await server.query(`GRANT BINLOG MONITOR ON *.* TO '${agentAccount.user}'@'localhost'`);
    }
  });

  test('without the tool, naming its package', async () => {
    const before = process.env['PATH'];
    process.env['PATH'] = '/nowhere';
    try {
      expect(await refusal()).toMatchObject({
        code: 'tool_missing',
        message: expect.stringContaining('apt-get install mariadb-backup'),
      });
      expect(await checkServer(server.settings)).toContainEqual(
        expect.stringContaining('The program mariadb-backup is not installed'),
      );
    } finally {
      process.env['PATH'] = before;
    }
  });

  test('with an account that a password protects and no option file that can be read', async () => {
    const error = await refusal({ ...server.settings, client_file: '/nowhere/client.cnf' });
    expect(error).toMatchObject({
      code: 'invalid_setting',
      message: expect.stringContaining('/nowhere/client.cnf'),
    });
  });

  test('with the server down, and registration says so', async () => {
    await server.stop();
    try {
      expect(await refusal()).toMatchObject({ code: 'database_unreachable' });
      expect(await checkServer(server.settings)).toEqual([
        expect.stringContaining('does not accept connections'),
      ]);
    } finally {
      await server.start();
    }
  });
});

test('a server that dies during its backup is unreachable, and no backup', async () => {
  const attempt = await testAttempt();
  const running = await inTheMiddle(attempt);
  await server.kill();
  void drain(running.output);
  await expect(running.whole()).rejects.toMatchObject({ code: 'database_unreachable' });
  await running.end();
  await server.start();
});

test('a server without a binlog is backed up, without a position, and that is said', async () => {
  const other = await startTestServer({ name: 'nolog', config: ['skip_log_bin'] });
  try {
    const running = await start(await testAttempt(), other.settings);
    void drain(running.output);
    const facts = await running.whole();
    expect(facts).not.toHaveProperty('binlog');
    expect(facts.warnings).toContainEqual(expect.stringContaining('keeps no binlog'));
    expect(await checkServer(other.settings)).toContainEqual(expect.stringContaining('keeps no binlog'));
  } finally {
    await other.remove();
  }
});

test('a redo log that is written over before it was copied is named as the reason', async () => {
  const small = await startTestServer({ name: 'redo', config: ['innodb_log_file_size=4M'] });
  try {
    await small.query('CREATE DATABASE shop');
    await small.query('CREATE TABLE shop.noise (id INT PRIMARY KEY, data LONGBLOB)');
    await small.query('INSERT INTO shop.noise SELECT seq, RANDOM_BYTES(1024) FROM shop.seq_1_to_8000');
    const running = await start(await testAttempt(), small.settings);
    // Nobody reads: the pipes are full, and the copy of the redo log stands still with everything else.
    await sleep(500);
    for (let round = 1; round <= 8; round += 1) {
      await small.query('UPDATE shop.noise SET data = RANDOM_BYTES(1024)');
    }
    void drain(running.output);
    await expect(running.whole()).rejects.toMatchObject({ code: 'redo_overrun' });
  } finally {
    await small.remove();
  }
});
