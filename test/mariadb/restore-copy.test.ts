import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { restoreSettings } from '../../config/agent.ts';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import type { Layout } from '../../domain/layout.ts';
import { checkCopy, type CheckResult } from '../../mariadb/restore/check.ts';
import { startExtraction, type Extraction } from '../../mariadb/restore/extract.ts';
import { prepareCopy } from '../../mariadb/restore/prepare.ts';
import { withPrivateServer } from '../../mariadb/restore/private-server.ts';
import { createStaging, removeStaging, stagingFor, type Staging } from '../../mariadb/restore/staging.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { connect, rowsOf } from '../../mariadb/server/sql.ts';
import { serverOwner, takeTestBackup, testAttempt, unpack, type TestBackup } from '../support/copies.ts';
import { processesOfRun } from '../support/leftovers.ts';
import { agentAccount, startTestServer, type TestServer } from '../support/mariadb.ts';
import { runFolder } from '../support/run.ts';
import { testIf } from '../support/skip.ts';

const run = promisify(execFile);
const asRoot = process.getuid?.() === 0;
let server: TestServer;
let backup: TestBackup;
let layout: Layout;
let staging: Staging;

/** The server serves all the time; its agent's account has another password in the backup. */
beforeAll(async () => {
  server = await startTestServer({ name: 'copy' });
  await server.loadSample({ rows: 30 });
  // Its definition stays, as of a plugin that the target does not have.
  await server.query("INSTALL SONAME 'ha_blackhole'");
  await server.query('CREATE TABLE shop.no_engine (a INT) ENGINE=BLACKHOLE');
  await server.query('FLUSH TABLES');
  await server.query("UNINSTALL SONAME 'ha_blackhole'");
  await server.query(`ALTER USER '${agentAccount.user}'@'localhost' IDENTIFIED BY 'of old'`);
  backup = await takeTestBackup(server);
  layout = await inspectLayout(server.settings);
});
afterAll(() => server.remove());

beforeEach(async () => {
  staging = stagingFor(layout, 1);
  await removeStaging(staging);
  await createStaging(staging, await serverOwner());
});

interface ExtractionChange {
  directory?: string;
  /** Of age, a secret. */
  identity?: string;
}

async function extraction(change: ExtractionChange = {}): Promise<Extraction> {
  return startExtraction({
    server: server.settings,
    directory: change.directory ?? staging.data,
    identity: change.identity,
    attempt: await testAttempt(),
  });
}

async function feed(content: Buffer, change: ExtractionChange = {}): Promise<void> {
  const running = await extraction(change);
  const { input } = running;
  // A program that ends early breaks the pipe; `whole` says why.
  await new Promise<void>((resolve) => {
    input.once('close', resolve);
    input.end(content, resolve);
  });
  await running.whole();
}

async function prepare(expected = { toLsn: backup.toLsn }): Promise<void> {
  const restore = restoreSettings.parse({});
  const attempt = await testAttempt();
  await prepareCopy({ server: server.settings, restore, directory: staging.data, attempt, expected });
}

async function preparedCopy(): Promise<void> {
  await unpack(server, backup, staging.data, await testAttempt());
  await prepare();
}

async function check(): Promise<CheckResult> {
  const common = { server: server.settings, layout, staging, directory: staging.data };
  return checkCopy({ ...common, attempt: await testAttempt(), binlog: backup.binlog });
}

describe('unpacking', () => {
  test('what an earlier attempt left is removed first', async () => {
    await writeFile(path.join(staging.data, 'ibdata1'), 'of an earlier attempt');
    await feed(await readFile(backup.file));
    expect((await stat(path.join(staging.data, 'ibdata1'))).size).toBeGreaterThan(1_000_000);
  });

  test('a stream that was cut is refused, by zstd or for want of its last file', async () => {
    const content = await readFile(backup.file);
    await expect(feed(content.subarray(0, content.length - 100))).rejects.toMatchObject({
      code: 'extract_failed',
    });
    const folder = await mkdtemp(path.join(runFolder(), 'cut-'));
    await run('sh', ['-c', `mbstream -c my.cnf | zstd -q > ${folder}/short.zst`], {
      cwd: path.dirname(server.defaultsFile),
    });
    await expect(feed(await readFile(path.join(folder, 'short.zst')))).rejects.toThrow(/ended early/);
    await expect(feed(Buffer.alloc(0))).rejects.toMatchObject({ code: 'extract_failed' });
  });

  test('an encrypted backup is opened by the right identity and no other', async () => {
    const folder = await mkdtemp(path.join(runFolder(), 'age-'));
    const { identity, recipient } = newAgeIdentity();
    await run('age', ['-r', recipient, '-o', path.join(folder, 'data'), backup.file]);
    const content = await readFile(path.join(folder, 'data'));
    await feed(content, { identity });
    const { identity: another } = newAgeIdentity();
    await expect(feed(content, { identity: another })).rejects.toMatchObject({
      code: 'identity_unavailable',
    });
    // Without it the stream is nothing that zstd knows.
    await expect(feed(content)).rejects.toMatchObject({ code: 'extract_failed' });
  });

  testIf(asRoot, 'mounting needs root')('a full disk is said to be full', async () => {
    const directory = await mkdtemp(path.join(runFolder(), 'small-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tidemark-test', directory]);
    try {
      await expect(feed(await readFile(backup.file), { directory })).rejects.toMatchObject({
        code: 'disk_full',
      });
    } finally {
      execFileSync('umount', [directory]);
    }
  });
});

describe('preparing', () => {
  test('a copy that is prepared already is left alone', async () => {
    await preparedCopy();
    const before = await stat(path.join(staging.data, 'ibdata1'));
    await prepare();
    expect((await stat(path.join(staging.data, 'ibdata1'))).mtimeMs).toBe(before.mtimeMs);
  });

  test('a copy that is not what the manifest describes is refused', async () => {
    await unpack(server, backup, staging.data, await testAttempt());
    await expect(prepare({ toLsn: backup.toLsn + 1 })).rejects.toMatchObject({ code: 'prepare_failed' });
  });

  test('a damaged copy fails with what mariadb-backup says', async () => {
    await unpack(server, backup, staging.data, await testAttempt());
    await truncate(path.join(staging.data, 'ibdata1'), 20_000);
    await expect(prepare()).rejects.toMatchObject({ code: 'prepare_failed' });
  });
});

describe('checking', () => {
  test('the copy is checked beside the serving target, and can be checked again', async () => {
    await preparedCopy();
    const sums = await server.checksums();
    const { reached } = await check();
    expect(await check()).toMatchObject({ reached });
    expect(
      (await readdir(staging.data)).filter((name) => /^(xtrabackup|\.tidemark|backup-my|tc\.log)/.test(name)),
    ).toEqual([]);
    expect(await server.checksums()).toEqual(sums);
    expect(processesOfRun(runFolder()).filter(({ command }) => command.includes(staging.data))).toEqual([]);
  });

  test("the agent's account signs on to the copy, whatever password the backup has", async () => {
    await preparedCopy();
    await check();
    const owner = await serverOwner();
    const options = {
      server: server.settings,
      layout,
      directory: staging.data,
      owner,
      attempt: await testAttempt(),
    };
    const rows = await withPrivateServer(options, async ({ socket }) => {
      await using agent = await connect(server.settings, { socket });
      return await rowsOf<Record<string, string>>(agent, 'SHOW GRANTS');
    });
    expect(JSON.stringify(rows)).toMatch(/RELOAD.*PROCESS.*BINLOG MONITOR/);
  });

  test('a table that cannot be read is named', async () => {
    await preparedCopy();
    await rm(path.join(staging.data, 'shop', 'orders.ibd'));
    await expect(check()).rejects.toMatchObject({ code: 'private_server_failed' });
    await rm(staging.data, { recursive: true });
    await createStaging(staging, await serverOwner());
    await preparedCopy();
    await truncate(path.join(staging.data, 'shop', 'notes_myisam.MYI'), 10);
    await expect(check()).rejects.toThrow(/`shop`\.`notes_myisam`/);
  });

  test('a table without data, or of an engine that is not loaded, is a warning and nothing more', async () => {
    await preparedCopy();
    const shop = path.join(staging.data, 'shop');
    await copyFile(path.join(shop, 'orders.frm'), path.join(shop, 'left@002dover.frm'));
    await copyFile(path.join(shop, 'notes_myisam.frm'), path.join(shop, 'notes_left.frm'));
    const { warnings } = await check();
    expect(warnings.sort()).toEqual([
      expect.stringContaining('account tidemark was not in the restored data'),
      expect.stringContaining('`shop`.`left-over`'),
      expect.stringContaining('`shop`.`no_engine`'),
      expect.stringContaining('`shop`.`notes_left`'),
    ]);
  });

  test('foreign directories are carried over; one that is a database in the copy never takes its place', async () => {
    await preparedCopy();
    const live = ['haproxy', 'empty', 'lost'].map((name) => path.join(server.dataDirectory, name));
    for (const directory of live) await mkdir(directory);
    try {
      await writeFile(path.join(server.dataDirectory, 'haproxy', 'haproxy.cfg'), 'global');
      await mkdir(path.join(staging.data, 'lost'));
      await writeFile(path.join(staging.data, 'lost', 'db.opt'), 'default-character-set=utf8mb4\n');
      await check();
    } finally {
      for (const directory of live) await rm(directory, { recursive: true });
    }
    expect(await readFile(path.join(staging.data, 'haproxy', 'haproxy.cfg'), 'utf8')).toBe('global');
    expect(await readdir(path.join(staging.data, 'empty'))).toEqual([]);
    expect(await readdir(path.join(staging.data, 'lost'))).toEqual(['db.opt']);
  });

  test('a copy that no server starts on fails with what the server logged', async () => {
    await preparedCopy();
    await truncate(path.join(staging.data, 'ibdata1'), 1_000);
    // Whether the target was touched, this does not know: in place its data is gone.
    await expect(check()).rejects.toThrow(/private server could not be started.*\[ERROR\](?!.*not touched)/s);
    expect(existsSync(path.join(staging.data, '.tidemark', 'private'))).toBe(false);
  });

  test('a private server is gone once its work fails or is cancelled, and so is its password', async () => {
    await preparedCopy();
    const owner = await serverOwner();
    await run('chown', ['-R', `${owner.uid}:${owner.gid}`, staging.data]);
    const cancelled = new AbortController();
    const options = { server: server.settings, layout, directory: staging.data, owner };
    const left = (): unknown[] =>
      processesOfRun(runFolder()).filter(({ command }) => command.includes(staging.data));
    await expect(
      withPrivateServer({ ...options, attempt: await testAttempt() }, () =>
        Promise.reject(new Error('the work failed')),
      ),
    ).rejects.toThrow('the work failed');
    expect(left()).toEqual([]);
    await expect(
      withPrivateServer(
        { ...options, attempt: await testAttempt(cancelled.signal) },
        async ({ connection }) => {
          expect(await readdir(path.join(staging.data, '.tidemark', 'private'))).not.toContain('init.sql');
          cancelled.abort(new Error('cancelled'));
          return rowsOf(connection, 'SELECT SLEEP(60)');
        },
      ),
    ).rejects.toThrow('cancelled');
    expect(left()).toEqual([]);
    expect(existsSync(path.join(staging.data, '.tidemark', 'private'))).toBe(false);
  });

  test('a copy whose path is too long for a socket is reached all the same', async () => {
    await preparedCopy();
    const deep = path.join(path.dirname(staging.data), 'x'.repeat(120));
    await mkdir(deep);
    await run('cp', ['-a', `${staging.data}/.`, deep]);
    const owner = await serverOwner();
    await run('chown', ['-R', `${owner.uid}:${owner.gid}`, deep]);
    const options = { server: server.settings, layout, directory: deep, owner, attempt: await testAttempt() };
    const rows = await withPrivateServer(options, ({ connection }) => rowsOf(connection, 'SELECT 1 AS one'));
    expect(rows).toEqual([{ one: 1 }]);
  });
});
