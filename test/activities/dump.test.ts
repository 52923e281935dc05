/** Dumps brought back by an agent's activities: a whole server, some databases, and what does not come to its end. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { backupActivities } from '../../activities/host/backup.ts';
import type { HostRestoreInput } from '../../activities/host/contract.ts';
import { type Host, operationFolder } from '../../activities/host/host.ts';
import { replaceActivities } from '../../activities/host/replace.ts';
import { operationOf } from '../../activities/host/site.ts';
import { restoreActivities } from '../../activities/host/restore.ts';
import { swapActivities } from '../../activities/host/swap.ts';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import type { DumpFilter } from '../../domain/dump.ts';
import type { BackupSummary } from '../../domain/manifest.ts';
import { startLoad } from '../../mariadb/dump/load.ts';
import { replaceDatabases } from '../../mariadb/dump/replace.ts';
import { readClientAccount } from '../../mariadb/server/options.ts';
import { connect } from '../../mariadb/server/sql.ts';
import { readManifest } from '../../storage/manifest.ts';
import { runActivity } from '../support/activity.ts';
import { testAttempt } from '../support/attempts.ts';
import { loadAwkward, portrait } from '../support/awkward.ts';
import { openHost } from '../support/host.ts';
import { processesOfRun } from '../support/leftovers.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';
import { until } from '../support/until.ts';

const execute = promisify(execFile);

let server: TestServer;
let host: Host;
let restoreId = 0;
let taken = 0;

const run = <T>(work: () => Promise<T>): Promise<T> => runActivity(work).result;
const { recipient, identity } = newAgeIdentity();

beforeAll(async () => {
  server = await startTestServer({ name: 'dumped', privileges: 'ALL PRIVILEGES', layout: { redo: true } });
  const identityFile = path.join(server.folder, 'age.key');
  await writeFile(identityFile, `${identity}\n`, { mode: 0o600 });
  host = await openHost({
    service_id: 'dumped-1',
    state_directory: path.join(server.folder, 'state'),
    storage: `file://${path.join(server.folder, 'storage')}`,
    backup: { recipients: [recipient], part_size: '64K' },
    restore: { age_identity_file: identityFile },
    server: {
      defaults_file: server.settings.defaults_file,
      client_file: server.settings.client_file,
      control: { kind: 'direct' },
    },
  });
  await server.loadSample({ rows: 300 });
  await loadAwkward(server);
});
afterAll(() => server.remove());

async function take(filter: Partial<DumpFilter> = {}): Promise<BackupSummary> {
  const digits = String((taken += 1)).padStart(32, '0');
  return await run(() =>
    backupActivities(host).takeBackup({
      backupId: `${digits}:dumped-1:dumped-1`,
      serviceId: 'dumped-1',
      workflowId: 'backup/of-a-test',
      deploymentId: 'a-deployment',
      dump: { include: [], exclude: [], ...filter },
    }),
  );
}

function orderOf(
  { backupId, manifestSha256 }: BackupSummary,
  mode: HostRestoreInput['mode'] = 'side-by-side',
): HostRestoreInput {
  restoreId += 1;
  return { restoreId, workflowId: 'restore/of-a-test', mode, backupId, manifestSha256 };
}

/** Without MEMORY tables, whose rows no server has after its start. */
async function checksums(): Promise<Record<string, number | null>> {
  const { 'shop.sessions': _one, 'a`b c é.memory': _other, ...kept } = await server.checksums();
  return kept;
}

async function gtidSlavePos(): Promise<string> {
  const [row] = await server.query<{ pos: string }>('SELECT @@gtid_slave_pos AS pos');
  return row?.pos ?? '';
}

/** What was there before and must not be there afterwards. */
async function spoil(): Promise<void> {
  await server.query('DROP DATABASE `-options`');
  await server.query('UPDATE shop.orders SET total = 0');
  await server.query('CREATE DATABASE later');
  await server.query('CREATE TABLE later.rows (id INT)');
  await server.query("CREATE USER stranger@localhost IDENTIFIED BY 'x'");
}

async function strangers(): Promise<unknown[]> {
  return await server.query(
    "SELECT User FROM mysql.global_priv WHERE User IN ('stranger', 'tidemark_private')",
  );
}

describe('a dump of a whole server', () => {
  test('says in its manifest what it is', async () => {
    const summary = await take();
    const { manifest } = await readManifest(host.store, summary.backupId);
    expect(manifest).toMatchObject({
      type: 'dump',
      dump: { whole: true, databases: ['-options', 'a`b c é', 'shop'] },
      lineage: { parent: '', server: '', fromLsn: 0, toLsn: 0, lastLsn: 0 },
      tool: { name: 'mariadb-dump' },
      pipeline: { recipients: [recipient] },
      streams: [{ name: 'dump' }],
    });
    expect(summary).toMatchObject({ type: 'dump', encrypted: true, binlog: { gtid: manifest.binlog?.gtid } });
    // The same order again is answered with what is there.
    taken -= 1;
    expect(await take()).toMatchObject({ manifestSha256: summary.manifestSha256 });
  });

  test.each(['side-by-side', 'in-place'] as const)(
    'is all that the server has after its restore %s, accounts included',
    async (mode) => {
      const before = { checksums: await checksums(), portrait: await portrait(server) };
      const dump = await take();
      await spoil();
      const order = orderOf(dump, mode);
      const restore = restoreActivities(host);
      const swap = swapActivities(host);
      if (mode === 'in-place') {
        await run(() => restore.verifyObjects(order));
        await run(() => swap.stopServer(order));
        await run(() => swap.emptyData(order));
      }
      await run(() => restore.fetchBackup(order));
      await run(() => restore.prepareBackup(order));
      const { reached } = await run(() => restore.checkCopy(order));
      expect(reached).toMatchObject({ gtid: dump.binlog?.gtid, binlog_file: dump.binlog?.file });
      if (mode === 'in-place') await run(() => swap.startServer(order));
      else await run(() => swap.cutOver(order));
      expect(await checksums()).toEqual(before.checksums);
      expect(await portrait(server)).toEqual(before.portrait);
      expect(await gtidSlavePos()).toBe(dump.binlog?.gtid);
      expect(await strangers()).toEqual([]);
      expect(existsSync(path.join(server.dataDirectory, 'later'))).toBe(false);
      expect(existsSync(path.join(server.dataDirectory, 'tidemark_loaded'))).toBe(false);
      // Where the server has a place of its own for them.
      expect(existsSync(path.join(server.dataDirectory, 'ib_logfile0'))).toBe(false);
      expect(existsSync(path.join(server.folder, 'redo', 'ib_logfile0'))).toBe(true);
    },
    60_000,
  );

  test('with a grant on what was dropped, as MariaDB keeps it, is restored, and that is said', async () => {
    await server.query('CREATE DATABASE gone');
    await server.query('CREATE PROCEDURE gone.p() SELECT 1');
    await server.query("CREATE USER held@localhost IDENTIFIED BY 'x'");
    await server.query('GRANT EXECUTE ON PROCEDURE gone.p TO held@localhost');
    await server.query('DROP DATABASE gone');
    const order = orderOf(await take());
    const report = await run(() => restoreActivities(host).fetchBackup(order));
    expect(report?.warnings).toEqual([
      expect.stringMatching(
        /^1 statements of the dump need what is not in it.*ERROR 1305 .*PROCEDURE p does not exist/,
      ),
    ]);
    await run(() => swapActivities(host).putBack(order));
    await server.query('DROP USER held@localhost');
  });

  test('is loaded anew where it was interrupted, and leaves nothing when it is given up', async () => {
    const before = await checksums();
    await server.query('CREATE TABLE shop.many SELECT seq, SHA2(seq, 512) AS text FROM shop.seq_1_to_40000');
    const order = orderOf(await take());
    await server.query('DROP TABLE shop.many');
    const restore = restoreActivities(host);
    const staging = path.join(server.folder, '.tidemark', String(order.restoreId), 'new/data');
    const killed = new AbortController();
    const fetching = runActivity(() => restore.fetchBackup(order), killed.signal);
    await until(async () => existsSync(path.join(staging, 'shop')));
    killed.abort(new Error('the agent ended'));
    await expect(fetching.result).rejects.toThrow('the agent ended');
    // Half a copy is no copy.
    await expect(run(() => restore.prepareBackup(order))).rejects.toMatchObject({ code: 'load_failed' });
    await run(() => restore.fetchBackup(order));
    await run(() => restore.prepareBackup(order));
    expect(existsSync(path.join(staging, 'tidemark_loaded'))).toBe(true);
    await run(() => swapActivities(host).putBack(order));
    expect(existsSync(staging)).toBe(false);
    expect(processesOfRun(staging)).toEqual([]);
    expect(await checksums()).toEqual(before);
  });
});

describe('a dump of some databases', () => {
  test.each(['side-by-side', 'in-place'] as const)(
    'replaces those in the running server, %s, and nothing else of it',
    async (mode) => {
      const before = await checksums();
      const dump = await take({ include: ['shop'] });
      await server.query('UPDATE shop.orders SET total = 0');
      await server.query('CREATE TABLE shop.later (id INT)');
      await server.query('CREATE TABLE `-options`.later (id INT PRIMARY KEY)');
      await server.query('SET GLOBAL max_allowed_packet = 1048576');
      await server.query("CREATE USER stays@localhost IDENTIFIED BY 'x'");
      const [{ started = '' } = {}] = await server.query<{ started: string }>(
        "SELECT VARIABLE_VALUE + 0 AS started FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'Uptime'",
      );
      const order = orderOf(dump, mode);
      const restore = restoreActivities(host);
      if (mode === 'in-place') await run(() => restore.verifyObjects(order));
      else await run(() => restore.fetchBackup(order));
      await run(() => replaceActivities(host).replaceDatabases(order));
      const { '-options.later': other, ...restored } = await checksums();
      expect(other).toBe(0);
      expect(restored).toEqual(before);
      expect(await server.query("SELECT User FROM mysql.global_priv WHERE User = 'stays'")).toHaveLength(1);
      const [packet] = await server.query<{ bytes: number }>('SELECT @@GLOBAL.max_allowed_packet AS bytes');
      expect(packet?.bytes).toBe(1_048_576);
      const [{ now = '' } = {}] = await server.query<{ now: string }>(
        "SELECT VARIABLE_VALUE + 0 AS now FROM information_schema.GLOBAL_STATUS WHERE VARIABLE_NAME = 'Uptime'",
      );
      // It was not started anew.
      expect(Number(now)).toBeGreaterThanOrEqual(Number(started));
      expect(existsSync(path.join(server.folder, '.tidemark', String(order.restoreId)))).toBe(false);
      await server.query('DROP TABLE `-options`.later');
      await server.query('DROP USER stays@localhost');
    },
    60_000,
  );

  test('is refused before anything is dropped where the account may not load it', async () => {
    const dump = await take({ include: ['shop'] });
    const before = await checksums();
    await server.query("REVOKE TRIGGER, SUPER ON *.* FROM 'tidemark'@'localhost'");
    try {
      const replacing = run(() => replaceActivities(host).replaceDatabases(orderOf(dump)));
      await expect(replacing).rejects.toMatchObject({
        code: 'privilege_missing',
        message: expect.stringContaining(
          'GRANT TRIGGER, SUPER ON *.* TO it. Nothing was changed.',
        ) as unknown,
      });
      expect(await checksums()).toEqual(before);
    } finally {
      await server.query("GRANT ALL PRIVILEGES ON *.* TO 'tidemark'@'localhost'");
    }
  });
});

test('a load that was ended leaves the server its own limit of a packet once it is given up', async () => {
  const order = orderOf(await take({ include: ['shop'] }));
  const folder = operationFolder(host.settings.state_directory, operationOf(order));
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'max-allowed-packet'), '2097152');
  await server.query('SET GLOBAL max_allowed_packet = 1073741824');
  await run(() => swapActivities(host).putBack(order));
  const [packet] = await server.query<{ bytes: number }>('SELECT @@GLOBAL.max_allowed_packet AS bytes');
  expect(packet?.bytes).toBe(2_097_152);
  expect(existsSync(folder)).toBe(false);
});

describe('a table that somebody works on', () => {
  const feed = (): Promise<void> => Promise.reject(new Error('nothing was to be loaded'));

  async function whileHeld(work: () => Promise<void>): Promise<void> {
    const before = await checksums();
    await using other = await connect(server.settings);
    await other.query('START TRANSACTION');
    await other.query('SELECT COUNT(*) FROM shop.orders');
    await work();
    await other.query('COMMIT');
    expect(await checksums()).toEqual(before);
  }

  test('keeps its database from being replaced for a limited time, and that is said', async () => {
    await whileHeld(async () => {
      const attempt = await testAttempt();
      const order = { server: server.settings, databases: ['shop'], identity: undefined, attempt };
      await expect(replaceDatabases({ ...order, lockWaitSeconds: 1 }, feed)).rejects.toMatchObject({
        code: 'load_failed',
        message: expect.stringMatching(/tables of shop for 1 s.* Nothing was dropped\.$/) as unknown,
      });
    });
  });

  test('does not keep who waits for it from hearing that it is cancelled, and nothing is dropped later', async () => {
    const drops = (): Promise<unknown[]> =>
      server.query("SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE 'DROP DATABASE%'");
    await whileHeld(async () => {
      const attempt = await testAttempt();
      const order = { server: server.settings, databases: ['shop'], identity: undefined, attempt };
      const replacing = replaceDatabases(order, feed);
      const ended = expect(replacing).rejects.toThrow('called off');
      await until(async () => (await drops()).length > 0);
      attempt.abort(new Error('called off'));
      await ended;
      await until(async () => (await drops()).length === 0);
    });
  });
});

describe('a statement that fails', () => {
  beforeAll(async () => {
    await server.query('CREATE DATABASE broken');
    await server.query('CREATE TABLE broken.t (secret VARCHAR(30)) PARTITION BY KEY (secret)');
  });
  afterAll(() => server.query('DROP DATABASE IF EXISTS broken'));

  test('is nothing where a view only needs what is in no dump, and the trial knows nothing of it', async () => {
    await server.query('CREATE VIEW broken.away AS SELECT id FROM shop.customers');
    const dump = await take({ include: ['broken'] });
    const order = orderOf(dump);
    await run(() => restoreActivities(host).fetchBackup(order));
    await run(() => replaceActivities(host).replaceDatabases(order));
    expect(await server.query('SELECT id FROM broken.away LIMIT 1')).toHaveLength(1);
    await server.query('DROP VIEW broken.away');
  });

  test('makes no whole server of a dump whose table needs what comes later, however it fails', async () => {
    await server.query('CREATE DATABASE numbered');
    await server.query('CREATE SEQUENCE numbered.s');
    await server.query('CREATE TABLE broken.counted (id BIGINT PRIMARY KEY DEFAULT NEXTVAL(numbered.s))');
    await server.query('INSERT INTO broken.counted VALUES (1), (2)');
    try {
      const order = orderOf(await take());
      await expect(run(() => restoreActivities(host).fetchBackup(order))).rejects.toMatchObject({
        code: 'load_failed',
        message: expect.stringMatching(/ERROR 1146 .*Table 'numbered\.s' doesn't exist/) as unknown,
      });
      await run(() => swapActivities(host).putBack(order));
    } finally {
      await server.query('DROP TABLE broken.counted');
      await server.query('DROP DATABASE numbered');
    }
  });

  test('is named by its line and number, without its data, before anything was dropped', async () => {
    await server.query('CREATE TABLE broken.u (a VARCHAR(40))');
    await server.query("INSERT INTO broken.u (a) VALUES ('its hidden words')");
    const dump = await take({ include: ['broken'] });
    const { content, file } = await rewritten(dump, (text) =>
      text.replace(/VALUES\s*\('its hidden words'\)/, "VALUES ('its hidden words', 7, 8)"),
    );
    expect(content).toContain('its hidden words');
    const load = await startLoad({
      server: server.settings,
      account: await readClientAccount(server.settings),
      identity: undefined,
      attempt: await testAttempt(),
    });
    load.input.end(await readFile(file));
    await expect(load.whole()).rejects.toMatchObject({
      code: 'load_failed',
      message: expect.stringMatching(
        /^A statement of the dump failed: ERROR 1136 \(21S01\) at line \d+ of the dump: Column count doesn't match value count at row 1$/,
      ) as unknown,
    });
    await load.end();
  });
});

/** A dump as another text, packed as a stream that is not encrypted. */
async function rewritten(
  { backupId }: BackupSummary,
  change: (text: string) => string,
): Promise<{ content: string; file: string }> {
  const { manifest } = await readManifest(host.store, backupId);
  const packed = path.join(server.folder, 'packed');
  const parts = await Promise.all((manifest.streams[0]?.parts ?? []).map(({ key }) => host.store.get(key)));
  await writeFile(packed, Buffer.concat(parts));
  const key = path.join(server.folder, 'age.key');
  const { stdout } = await execute('sh', ['-c', `age -d -i '${key}' '${packed}' | zstd -dc`]);
  const content = change(stdout);
  await writeFile(packed, content);
  await execute('zstd', ['-qf', packed, '-o', `${packed}.zst`]);
  return { content, file: `${packed}.zst` };
}
