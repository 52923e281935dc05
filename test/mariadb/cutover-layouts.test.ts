import { afterEach, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chownSync, existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cutOver } from '../../mariadb/cutover/cut-over.ts';
import { putBack } from '../../mariadb/cutover/put-back.ts';
import { isServing, startServer } from '../../mariadb/server/lifecycle.ts';
import { connect, rowsOf } from '../../mariadb/server/sql.ts';
import {
  describeTree,
  makeStateDirectory,
  materialize,
  takeTestBackup,
  type TestBackup,
  type TestCopy,
} from '../support/copies.ts';
import { silentLog, startTestServer, type TestServer } from '../support/mariadb.ts';
import { runFolder } from '../support/run.ts';
import { testIf } from '../support/skip.ts';

const asRoot = process.getuid?.() === 0;
const hourMs = 3_600_000;
let cleanUps: (() => void | Promise<void>)[] = [];

afterEach(async () => {
  const inReverse = cleanUps.reverse();
  cleanUps = [];
  for (const cleanUp of inReverse) await cleanUp();
});

interface Prepared {
  server: TestServer;
  backup: TestBackup;
  /** Of the tables, as they were when the backup was taken. */
  sums: Record<string, number | null>;
}

/** A server with a backup, and then other data. */
async function backedUpServer(options: Parameters<typeof startTestServer>[0] = {}): Promise<Prepared> {
  const server = await startTestServer(options);
  cleanUps.push(() => server.remove());
  if (options.layout?.undo !== undefined) {
    // Undo tablespaces of their own come with the first start after a full clean-up.
    await server.query('SET GLOBAL innodb_fast_shutdown = 0');
    await server.stop();
    await server.start();
  }
  await server.loadSample({ rows: 60 });
  await server.query('DROP TABLE shop.sessions');
  const sums = await server.checksums();
  const backup = await takeTestBackup(server);
  await server.query('DELETE FROM shop.orders');
  await server.query('CREATE TABLE shop.later (id INT)');
  return { server, backup, sums };
}

async function swap(
  server: TestServer,
  copy: TestCopy,
  stateDirectory: string,
): Promise<{ notServingMs: number }> {
  const { layout, staging } = copy;
  return cutOver({
    server: server.settings,
    stateDirectory,
    restoreId: 1,
    workflowId: 'restore/of-a-test',
    layout,
    staging,
    keepPreviousMs: hourMs,
    log: silentLog,
  });
}

test('a plain data directory is replaced whole, its GTIDs go on, and nothing is left but what was replaced', async () => {
  const { server, backup, sums } = await backedUpServer();
  const stateDirectory = await makeStateDirectory();
  const copy = await materialize(server, backup);
  expect(copy.result.reached).toEqual({
    gtid: backup.binlog.gtid,
    binlog_file: backup.binlog.file,
    binlog_position: backup.binlog.position,
  });
  const { notServingMs } = await swap(server, copy, stateDirectory);
  expect(notServingMs).toBeGreaterThan(0);

  expect(await server.checksums()).toEqual(sums);
  await server.query('INSERT INTO shop.orders (customer_id, total) VALUES (1, 5)');
  const [row] = await server.query<{ gtid: string }>('SELECT @@gtid_binlog_pos AS gtid');
  const before = backup.binlog.gtid.split('-').map(Number);
  const after = (row?.gtid ?? '').split('-').map(Number);
  expect(after[2]).toBe((before[2] ?? 0) + 1);
  expect(await server.query("SELECT User FROM mysql.user WHERE User = 'tidemark_private'")).toEqual([]);
  await using agent = await connect(server.settings);
  expect(await rowsOf(agent, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);

  const names = await readdir(server.dataDirectory);
  expect(names.filter((name) => /xtrabackup|mariadb_backup|backup-my|tidemark/.test(name))).toEqual([]);
  expect(await readdir(path.join(server.folder, '.tidemark', '1'))).toEqual(['previous']);
  expect(await readdir(path.join(server.folder, '.tidemark', '1', 'previous'))).toEqual([
    'data',
    'previous.json',
  ]);
  expect(await swap(server, copy, stateDirectory)).toMatchObject({ notServingMs });
});

test('foreign files beside the data are carried over with owner and permissions; old binlogs are not', async () => {
  const { server, backup } = await backedUpServer();
  const key = path.join(server.dataDirectory, 'server-key.pem');
  await mkdir(path.join(server.dataDirectory, 'tls'), { mode: 0o710 });
  await writeFile(path.join(server.dataDirectory, 'tls', 'ca.pem'), 'certificate', { mode: 0o444 });
  await writeFile(key, 'secret', { mode: 0o400 });
  await writeFile(path.join(server.dataDirectory, 'debian-10.11.flag'), '');
  if (asRoot) chownSync(key, 4321, 1234);
  const before = await stat(key);
  await chmod(server.dataDirectory, 0o751);
  const old = (await readdir(server.dataDirectory)).filter((name) => /^bin\.\d+$/.test(name));
  await server.query('FLUSH BINARY LOGS');
  await server.query('FLUSH BINARY LOGS');

  await swap(server, await materialize(server, backup), await makeStateDirectory());

  expect(await readFile(key, 'utf8')).toBe('secret');
  const after = await stat(key);
  expect([after.uid, after.gid, after.mode, after.mtimeMs]).toEqual([
    before.uid,
    before.gid,
    before.mode,
    before.mtimeMs,
  ]);
  expect(await readFile(path.join(server.dataDirectory, 'tls', 'ca.pem'), 'utf8')).toBe('certificate');
  expect(existsSync(path.join(server.dataDirectory, 'debian-10.11.flag'))).toBe(true);
  expect((await stat(server.dataDirectory)).mode & 0o777).toBe(0o751);
  const binlogs = (await readdir(server.dataDirectory)).filter((name) => /^bin\.\d+$/.test(name));
  expect(binlogs).toEqual(['bin.000001']);
  expect(old).toContain('bin.000001');
});

testIf(asRoot, 'mounting needs root')(
  'a data directory that is a mount point is replaced entry by entry',
  async () => {
    const folder = await mkdtemp(path.join(runFolder(), 'mounted-'));
    const data = path.join(folder, 'data');
    await mkdir(data);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400m,mode=755', 'tidemark-test', data]);
    const unmount = (): void =>
      void execFileSync('sh', ['-c', `mountpoint -q '${data}' && umount -l '${data}' || true`]);
    cleanUps.push(unmount);
    execFileSync('chown', ['mysql:', data]);
    const { server, backup, sums } = await backedUpServer({ folder, config: ['innodb_flush_method=fsync'] });
    cleanUps.push(async () => {
      await server.kill();
      unmount();
    });
    await writeFile(path.join(data, 'server-key.pem'), 'secret', { mode: 0o400 });
    const replaced = await server.checksums();
    const stateDirectory = await makeStateDirectory();
    const copy = await materialize(server, backup);
    expect(copy.layout.members[0]).toMatchObject({ mountPoint: true });

    await swap(server, copy, stateDirectory);
    expect(await server.checksums()).toEqual(sums);
    expect(await readFile(path.join(data, 'server-key.pem'), 'utf8')).toBe('secret');
    expect(await readdir(path.join(data, '.tidemark', '1'))).toEqual(['previous']);
    await takeTestBackup(server);

    await putBack({
      server: server.settings,
      stateDirectory,
      restoreId: 1,
      workflowId: 'restore/of-a-test',
      layout: copy.layout,
      log: silentLog,
    });
    expect(await server.checksums()).toEqual(replaced);
    expect(existsSync(path.join(data, '.tidemark'))).toBe(false);
    expect(await readFile(path.join(data, 'server-key.pem'), 'utf8')).toBe('secret');
  },
);

test('members with directories of their own are swapped there, and strangers in them stay', async () => {
  const layout = { binlog: true, innodb: true, redo: true, undo: true, aria: true } as const;
  const { server, backup, sums } = await backedUpServer({ layout, config: ['innodb_undo_tablespaces=2'] });
  const replaced = await server.checksums();
  const stranger = path.join(server.folder, 'binlog', 'notes.txt');
  await writeFile(stranger, 'mine');
  const stateDirectory = await makeStateDirectory();
  const copy = await materialize(server, backup);
  expect(await readdir(path.join(server.folder, 'innodb', '.tidemark', '1', 'new', 'innodb'))).toContain(
    'ibdata1',
  );
  expect(await readdir(copy.staging.data)).not.toContain('ibdata1');

  await swap(server, copy, stateDirectory);
  expect(await server.checksums()).toEqual(sums);
  const kept = (kind: string): Promise<string[]> =>
    readdir(path.join(server.folder, kind, '.tidemark', '1', 'previous', kind));
  expect(await kept('innodb')).toContain('ibdata1');
  expect(await kept('redo')).toEqual(['ib_logfile0']);
  expect(await kept('undo')).toEqual(['undo001', 'undo002']);
  expect(await kept('aria')).toContain('aria_log_control');
  expect(await kept('binlog')).toEqual(expect.arrayContaining(['bin.000001', 'bin.index']));
  expect((await readdir(path.join(server.folder, 'binlog'))).sort()).toEqual(
    expect.arrayContaining(['.tidemark', 'bin.000001', 'bin.index', 'notes.txt']),
  );

  expect(
    await putBack({
      server: server.settings,
      stateDirectory,
      restoreId: 1,
      workflowId: 'restore/of-a-test',
      layout: copy.layout,
      log: silentLog,
    }),
  ).toEqual({ serving: true, emptied: false });
  expect(await server.checksums()).toEqual(replaced);
  expect(await readFile(stranger, 'utf8')).toBe('mine');
  for (const kind of ['innodb', 'redo', 'undo', 'aria', 'binlog']) {
    expect(await readdir(path.join(server.folder, kind))).not.toContain('.tidemark');
  }
});

test('the private server touches nothing of a stopped target, whatever absolute paths its options have', async () => {
  const layout = { binlog: true, innodb: true, redo: true, undo: true, aria: true, relaylog: true } as const;
  const folder = await mkdtemp(path.join(runFolder(), 'absolute-'));
  const config = [
    `general_log_file=${folder}/data/general.log`,
    'general_log=1',
    `slow_query_log_file=${folder}/data/slow.log`,
    'slow_query_log=1',
    `innodb_tmpdir=${folder}/run`,
    `secure_file_priv=${folder}/run`,
    'event_scheduler=ON',
  ];
  const { server, backup } = await backedUpServer({ folder, layout, config });
  await server.stop();
  const before = await describeTree(folder);

  const { staging } = await materialize(server, backup);

  const ours = staging.members.map((member) => path.relative(folder, path.dirname(member.folder)));
  const after = Object.entries(await describeTree(folder)).filter(
    ([name]) => !ours.some((place) => name === place || name.startsWith(`${place}/`)),
  );
  expect(Object.fromEntries(after)).toEqual(before);
  expect(await isServing(server.settings)).toBe(false);
});

test('a server that cannot start is restored; when the swap fails, it is broken and stopped as it was', async () => {
  const { server, backup, sums } = await backedUpServer();
  await server.kill();
  await truncate(path.join(server.dataDirectory, 'ibdata1'), 1000);
  const stateDirectory = await makeStateDirectory();
  const copy = await materialize(server, backup);
  const before = await describeTree(server.dataDirectory);
  const failing = {
    server: server.settings,
    stateDirectory,
    restoreId: 1,
    workflowId: 'restore/of-a-test',
    keepPreviousMs: hourMs,
    log: silentLog,
    ...copy,
  };
  await expect(
    cutOver({
      ...failing,
      onStep: (step) => {
        if (step === 'after start') throw new Error('the lamp went out');
      },
    }),
  ).rejects.toThrow('the lamp went out');
  expect(await describeTree(server.dataDirectory)).toEqual(before);
  expect(await isServing(server.settings)).toBe(false);

  await cutOver(failing);
  expect(await server.checksums()).toEqual(sums);
});

test('a target whose data directory is empty, or missing, is restored; undone, it is empty or missing again', async () => {
  const { server, backup, sums } = await backedUpServer({ layout: { binlog: true } });
  await server.kill();
  for (const state of ['empty', 'missing'] as const) {
    await rm(server.dataDirectory, { recursive: true, force: true });
    await rm(path.join(server.folder, 'binlog'), { recursive: true, force: true });
    if (state === 'empty') {
      await mkdir(server.dataDirectory);
      execFileSync('chown', [asRoot ? 'mysql:' : `${process.getuid?.()}`, server.dataDirectory]);
    }
    const stateDirectory = await makeStateDirectory();
    const copy = await materialize(server, backup);
    await swap(server, copy, stateDirectory);
    expect(await server.checksums()).toEqual(sums);
    const undone = {
      server: server.settings,
      stateDirectory,
      restoreId: 1,
      workflowId: 'restore/of-a-test',
      layout: copy.layout,
      log: silentLog,
    };
    expect(await putBack(undone)).toEqual({ serving: false, emptied: false });
    expect(existsSync(server.dataDirectory)).toBe(state === 'empty');
    if (state === 'empty') expect(await readdir(server.dataDirectory)).toEqual([]);
    expect(existsSync(path.join(server.folder, 'binlog'))).toBe(false);
    expect(existsSync(path.join(server.folder, '.tidemark'))).toBe(false);
  }
  await expect(startServer(server.settings, { log: silentLog })).rejects.toMatchObject({
    code: 'server_start_failed',
  });
});
