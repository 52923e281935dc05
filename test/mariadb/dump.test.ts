/** Dumps of a real server: what is in them, what they say of themselves, and what is refused before they begin. */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { backupSettings } from '../../config/agent.ts';
import type { DumpFilter } from '../../domain/dump.ts';
import type { RunningBackup } from '../../mariadb/backup/physical.ts';
import { type DumpFacts, startDump } from '../../mariadb/dump/dump.ts';
import { testAttempt, type TestAttempt } from '../support/attempts.ts';
import { loadAwkward, portrait } from '../support/awkward.ts';
import { writeAll } from '../support/drain.ts';
import { agentAccount, startTestServer, type TestServer } from '../support/mariadb.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
const everything: DumpFilter = { include: [], exclude: [] };

/** What the agent's account needs for dumps. */
const privileges =
  'RELOAD, PROCESS, BINLOG MONITOR, SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, REPLICATION SLAVE';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ name: 'dump', privileges, config: ['max_allowed_packet=64M'] });
  await server.loadSample({ rows: 500 });
  await loadAwkward(server);
});
afterAll(() => server.remove());

const open: RunningBackup<DumpFacts>[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((dump) => dump.end()));
});

async function start(attempt: TestAttempt, filter = everything): Promise<RunningBackup<DumpFacts>> {
  const running = await startDump({
    server: server.settings,
    backup: backupSettings.parse({}),
    filter,
    attempt,
  });
  open.push(running);
  return running;
}

async function dump(filter = everything): Promise<{ file: string; facts: DumpFacts; attempt: TestAttempt }> {
  const attempt = await testAttempt();
  const running = await start(attempt, filter);
  const file = path.join(attempt.folder, 'stream');
  await writeAll(running.output, file);
  const facts = await running.whole();
  await running.end();
  return { file, facts, attempt };
}

/** MEMORY tables keep nothing over a start, and a by hand loaded server was not started since. */
describe('a dump', () => {
  test('says what it is, and is loaded by hand into a fresh server: tables, history, routines, accounts', async () => {
    const startedAt = Date.now();
    // More than a packet of the usual size, and more than twice that as hexadecimal digits.
    await server.query('CREATE TABLE shop.large (id INT PRIMARY KEY, bytes LONGBLOB)');
    await server.query("INSERT INTO shop.large VALUES (1, REPEAT(X'00FF27', 8 * 1024 * 1024))");
    const before = { checksums: await server.checksums(), portrait: await portrait(server) };
    const { file, facts, attempt } = await dump();
    const [binlog] = await server.query<{ File: string; Position: number }>('SHOW MASTER STATUS');
    const [gtid] = await server.query<{ gtid: string }>('SELECT @@gtid_binlog_pos AS gtid');
    expect(facts.binlog).toEqual({ file: binlog?.File, position: binlog?.Position, gtid: gtid?.gtid });
    expect(facts.content).toEqual({
      whole: true,
      databases: ['-options', 'a`b c é', 'shop'],
      looseTables: expect.arrayContaining(['`shop`.`notes_myisam`']) as unknown,
    });
    // A replay leaves those of MEMORY out.
    expect(facts.content.looseTables).not.toContain('`shop`.`sessions`');
    expect(facts.memoryTables).toEqual(['`a``b c é`.`memory`', '`shop`.`sessions`']);
    expect(facts.warnings.join()).toMatch(/not as of one instant: .*`shop`\.`notes_myisam`/);
    expect(facts.serverVersion).toMatch(/^\d+\.\d+\.\d+-MariaDB/);
    expect(facts.toolVersion).toMatch(/^\d+\.\d+\.\d+-MariaDB/);
    const { stdout } = await run('sh', ['-c', `zstd -dc '${file}' | wc -c`]);
    expect(facts.uncompressedBytes).toBe(Number(stdout));
    expect(facts.dataBytes).toBeGreaterThan(25_000_000);
    const instant = Date.parse(facts.pointInTime);
    expect(instant % 1000).toBe(0);
    expect(instant).toBeGreaterThanOrEqual(startedAt);
    expect(instant).toBeLessThan(Date.parse(facts.endedAt) + 1000);
    expect((await readdir(attempt.folder)).sort()).toEqual(['processes', 'stream']);

    const fresh = await startTestServer({ name: 'by-hand', config: ['max_allowed_packet=1G'] });
    try {
      await run('sh', [
        '-c',
        `zstd -dc '${file}' | mariadb --max-allowed-packet=1G --socket='${fresh.socket}' --user=root`,
      ]);
      await fresh.query('FLUSH PRIVILEGES');
      expect(await fresh.checksums()).toEqual(before.checksums);
      expect(await portrait(fresh)).toEqual(before.portrait);
    } finally {
      await fresh.remove();
      await server.query('DROP TABLE shop.large');
    }
  });

  test('holds the databases that a setting leaves, and then neither accounts nor engines', async () => {
    const one = await dump({ include: ['shop', 'nowhere'], exclude: [] });
    expect(one.facts.content).toMatchObject({ whole: false, databases: ['shop'] });
    expect(one.facts.warnings[0]).toBe(
      'The setting "dump" includes nowhere, which the server does not have.',
    );
    expect(one.facts.binlog?.file).toMatch(/^bin\.\d+$/);
    const text = (await run('zstd', ['-dc', one.file], { maxBuffer: 1e9 })).stdout;
    expect(text.match(/^CREATE DATABASE .*$/gm)).toEqual([expect.stringContaining('`shop`')]);
    expect(text).not.toMatch(/^CREATE USER|^GRANT /m);
    const others = await dump({ include: [], exclude: ['shop', 'Shop'] });
    expect(others.facts.warnings[0]).toBe(
      'The setting "dump" excludes Shop, which the server does not have: see whether another spelling, or case, is meant.',
    );
    expect(others.facts.content).toMatchObject({ whole: false, databases: ['-options', 'a`b c é'] });
    await expect(dump({ include: ['nowhere'], exclude: [] })).rejects.toMatchObject({
      code: 'dump_empty',
      message: expect.stringContaining('the server has -options, a`b c é, shop') as unknown,
    });
  });

  test('of a server without databases has its accounts and the position', async () => {
    const empty = await startTestServer({ name: 'empty', privileges });
    try {
      const attempt = await testAttempt();
      const running = await startDump({
        server: empty.settings,
        backup: backupSettings.parse({}),
        filter: everything,
        attempt,
      });
      const file = path.join(attempt.folder, 'stream');
      await writeAll(running.output, file);
      const facts = await running.whole();
      await running.end();
      expect(facts.binlog?.gtid).toMatch(/^0-\d+-\d+$/);
      const text = (await run('zstd', ['-dc', file])).stdout;
      expect(text).toContain('CREATE USER IF NOT EXISTS `tidemark`@`localhost`');
    } finally {
      await empty.remove();
    }
  });
});

describe('what would fail is refused before anything is read', () => {
  const account = `'${agentAccount.user}'@'localhost'`;
  afterEach(() => server.query(`GRANT ${privileges} ON *.* TO ${account}`));

  test.each(privileges.split(', ').filter((name) => name !== 'REPLICATION SLAVE'))(
    'without the privilege %s',
    async (privilege) => {
      await server.query(`REVOKE ${privilege} ON *.* FROM ${account}`);
      await expect(dump()).rejects.toMatchObject({
        code: 'privilege_missing',
        message: `The agent's account lacks ${privilege}, which a dump needs: GRANT ${privilege} ON *.* TO it.`,
      });
    },
  );
});

describe('a dump that does not come to its end', () => {
  test('is not whole when a view cannot be read, and says which', async () => {
    await server.query('CREATE TABLE shop.base (id INT)');
    await server.query('CREATE VIEW shop.broken AS SELECT * FROM shop.base');
    await server.query('DROP TABLE shop.base');
    try {
      await expect(dump()).rejects.toMatchObject({
        code: 'backup_tool_failed',
        message: expect.stringMatching(/^A view cannot be read.*shop\.broken/) as unknown,
      });
    } finally {
      await server.query('DROP VIEW shop.broken');
    }
  });

  test('is not whole when its programs are killed, and leaves nothing', async () => {
    const attempt = await testAttempt();
    await server.query('CREATE TABLE shop.many SELECT seq, SHA2(seq, 512) AS text FROM shop.seq_1_to_200000');
    const running = await start(attempt);
    try {
      for await (const chunk of running.output) {
        expect(chunk.length).toBeGreaterThan(0);
        const found = await run('pgrep', ['-f', `defaults-file=${attempt.folder}`]).catch(() => undefined);
        const [pid] = found?.stdout.split('\n') ?? [];
        if (pid) process.kill(Number(pid), 'SIGKILL');
      }
      await expect(running.whole()).rejects.toMatchObject({ code: 'backup_tool_failed' });
      await running.end();
      expect((await readdir(attempt.folder)).filter((name) => name !== 'processes')).toEqual([]);
    } finally {
      await server.query('DROP TABLE shop.many');
    }
  });

  test('ends with its server, and names it', async () => {
    const other = await startTestServer({ name: 'killed', privileges });
    try {
      await other.loadSample({ rows: 20_000 });
      const attempt = await testAttempt();
      const running = await startDump({
        server: other.settings,
        backup: backupSettings.parse({}),
        filter: everything,
        attempt,
      });
      open.push(running);
      await until(async () => running.progress().bytesRead > 0);
      await other.kill();
      await writeAll(running.output, path.join(attempt.folder, 'stream'));
      await expect(running.whole()).rejects.toMatchObject({ code: 'database_unreachable' });
    } finally {
      await other.remove();
    }
  });

  test('ends when it is cancelled', async () => {
    const attempt = await testAttempt();
    const running = await start(attempt);
    attempt.abort(new Error('called off'));
    await writeAll(running.output, path.join(attempt.folder, 'stream'));
    await expect(running.whole()).rejects.toThrow('called off');
  });
});
