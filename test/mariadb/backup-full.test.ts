import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { backupSettings, type BackupSettings } from '../../config/agent.ts';
import {
  startPhysicalBackup,
  type PhysicalBackupFacts,
  type RunningBackup,
} from '../../mariadb/backup/physical.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { testAttempt, type TestAttempt } from '../support/attempts.ts';
import { drain, writeAll } from '../support/drain.ts';
import { agentAccount, startTestServer, type TestServer } from '../support/mariadb.ts';

const run = promisify(execFile);

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ name: 'full' });
  await server.loadSample({ rows: 2_000 });
});
afterAll(() => server.remove());

const open: RunningBackup[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((backup) => backup.end()));
});

async function start(attempt: TestAttempt, settings: Partial<BackupSettings> = {}): Promise<RunningBackup> {
  const backup = { ...backupSettings.parse({}), ...settings };
  const running = await startPhysicalBackup({
    server: server.settings,
    layout: inspectLayout(server.settings),
    backup,
    attempt,
  });
  open.push(running);
  return running;
}

async function backUp(
  attempt: TestAttempt,
  settings: Partial<BackupSettings> = {},
): Promise<{ file: string; facts: PhysicalBackupFacts; running: RunningBackup }> {
  const running = await start(attempt, settings);
  const file = path.join(attempt.folder, 'stream');
  await writeAll(running.output, file);
  const facts = await running.whole();
  return { file, facts, running };
}

/** By hand, with nothing but the programs: unpack, prepare, and a server on the result. */
async function restoreByHand(unpack: string, name: string): Promise<TestServer> {
  const folder = path.join(server.folder, name);
  const data = path.join(folder, 'data');
  await mkdir(data, { recursive: true });
  await run('sh', ['-c', `${unpack} | mbstream -x -C '${data}'`]);
  await run('mariadb-backup', ['--prepare', `--target-dir=${data}`]);
  if (process.getuid?.() === 0) await run('chown', ['-R', 'mysql:mysql', data]);
  return startTestServer({ folder, filled: true });
}

describe('a full backup', () => {
  test('restores by hand to a server with the same tables, and says what it is', async () => {
    const before = await server.checksums();
    const attempt = await testAttempt();
    const startedAt = Date.now();
    const { file, facts } = await backUp(attempt);
    const [binlog] = await server.query<{ File: string; Position: number }>('SHOW MASTER STATUS');
    const [gtid] = await server.query<{ gtid: string }>('SELECT @@gtid_binlog_pos AS gtid');
    expect(facts.binlog).toEqual({ file: binlog?.File, position: binlog?.Position, gtid: gtid?.gtid });
    expect(facts.fromLsn).toBe(0);
    expect(facts.toLsn).toBeGreaterThan(0);
    expect(facts.lastLsn).toBeGreaterThanOrEqual(facts.toLsn);
    expect(facts.serverVersion).toMatch(/^\d+\.\d+\.\d+-MariaDB/);
    expect(facts.toolVersion).toMatch(/^\d+\.\d+\.\d+-MariaDB/);
    expect(facts.memoryTables).toEqual(['`shop`.`sessions`']);
    expect(facts.warnings).toEqual([
      'The MEMORY table `shop`.`sessions` comes back empty: its rows are in no backup.',
    ]);
    const { stdout } = await run('sh', ['-c', `zstd -dc '${file}' | wc -c`]);
    expect(facts.uncompressedBytes).toBe(Number(stdout));
    const instant = Date.parse(facts.pointInTime);
    expect(instant % 1000).toBe(0);
    expect(instant).toBeGreaterThanOrEqual(startedAt);
    expect(instant).toBeLessThan(Date.parse(facts.endedAt) + 1000);

    const restored = await restoreByHand(`zstd -dc '${file}'`, 'by-hand');
    try {
      expect(await restored.checksums()).toEqual(before);
      expect(await restored.query('CALL shop.count_customers()')).toEqual(
        expect.arrayContaining([[{ n: 2000 }]]),
      );
    } finally {
      await restored.remove();
    }
  });

  test('with recipients is opened with their identity, and with nothing else', async () => {
    const attempt = await testAttempt();
    const key = path.join(attempt.folder, 'key');
    await run('age-keygen', ['-o', key]);
    const { stdout: recipient } = await run('age-keygen', ['-y', key]);
    const { file, facts } = await backUp(attempt, { recipients: [recipient.trim()] });
    expect((await readFile(file)).subarray(0, 21).toString()).toBe('age-encryption.org/v1');
    const { stdout } = await run('sh', ['-c', `age -d -i '${key}' '${file}' | zstd -dc | wc -c`]);
    expect(facts.uncompressedBytes).toBe(Number(stdout));
    await expect(run('sh', ['-c', `zstd -dc '${file}' > /dev/null`])).rejects.toThrow();
  });

  test('of a server being written to holds a state that the server was in', async () => {
    await server.query('CREATE TABLE shop.pairs (a INT PRIMARY KEY, b INT) ENGINE=InnoDB');
    const stop = new AbortController();
    const writer = (async () => {
      for (let n = 1; !stop.signal.aborted; n += 1)
        await server.query('INSERT INTO shop.pairs VALUES (?, ?), (?, ?)', [n, n, -n, n]);
    })();
    const attempt = await testAttempt();
    const { file } = await backUp(attempt);
    stop.abort();
    await writer;
    const restored = await restoreByHand(`zstd -dc '${file}'`, 'busy');
    try {
      const [odd] = await restored.query('SELECT COUNT(*) AS n FROM shop.pairs GROUP BY b HAVING n <> 2');
      expect(odd).toBeUndefined();
    } finally {
      await restored.remove();
    }
    await server.query('DROP TABLE shop.pairs');
  });

  test('leaves no file, no process and no password behind', async () => {
    const attempt = await testAttempt();
    const running = await start(attempt);
    const processes = await readdir('/proc').catch(() => []);
    const lines = await Promise.all(
      processes
        .filter((name) => /^\d+$/.test(name))
        .map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
    );
    expect(lines.filter((line) => line.includes('mariadb-backup')).length).toBeGreaterThan(0);
    expect(lines.filter((line) => line.includes(agentAccount.password))).toEqual([]);
    void drain(running.output);
    await running.whole();
    await running.end();
    await running.end();
    expect(await readdir(attempt.folder)).toEqual(['processes']);
    expect(await readdir(path.join(attempt.folder, 'processes'))).toEqual([]);
  });

  test('shows how far it is, up to what it turns out to be', async () => {
    const running = await start(await testAttempt());
    while (running.progress().bytesEstimated === 0) await sleep(10);
    expect(running.progress().bytesEstimated).toBeGreaterThan(10_000_000);
    let seen = 0;
    for await (const chunk of running.output) {
      expect(chunk.length).toBeGreaterThan(0);
      const { bytesRead, bytesEstimated } = running.progress();
      expect(bytesRead).toBeGreaterThanOrEqual(seen);
      expect(bytesEstimated).toBeGreaterThanOrEqual(bytesRead);
      seen = bytesRead;
    }
    const { uncompressedBytes } = await running.whole();
    expect(running.progress().bytesRead).toBe(uncompressedBytes);
  });

  test('warns when the server could not be told to flush first', async () => {
    const attempt = await testAttempt();
    await server.query(`REVOKE SUPER ON *.* FROM '${agentAccount.user}'@'localhost'`);
    try {
      const { facts } = await backUp(attempt);
      expect(facts.warnings).toContainEqual(expect.stringContaining('lacks SUPER'));
    } finally {
      await server.query(`GRANT SUPER ON *.* TO '${agentAccount.user}'@'localhost'`);
    }
  });

  test('takes a tool of another version for none', async () => {
    const attempt = await testAttempt();
    const programs = path.join(attempt.folder, 'programs');
    await mkdir(programs);
    await writeFile(
      path.join(programs, 'mariadb-backup'),
      '#!/bin/sh\necho based on MariaDB server 10.6.1-MariaDB\n',
    );
    await chmod(path.join(programs, 'mariadb-backup'), 0o755);
    const other = { ...server.settings, programs };
    await expect(
      startPhysicalBackup({
        server: other,
        layout: inspectLayout(other),
        backup: backupSettings.parse({}),
        attempt,
      }),
    ).rejects.toMatchObject({ code: 'tool_version_mismatch' });
  });
});
