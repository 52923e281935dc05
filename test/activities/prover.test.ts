/** A service brought back by another agent's activity: chains and dumps, encrypted; and what keeps a prover from it. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { attempt } from '../../activities/host/attempt.ts';
import { backupActivities } from '../../activities/host/backup.ts';
import type { Host } from '../../activities/host/host.ts';
import type { HostProofInput } from '../../activities/prover/contract.ts';
import { proofActivities } from '../../activities/prover/proof.ts';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import type { BackupSummary } from '../../domain/manifest.ts';
import type { ProofReport } from '../../domain/proofs/types.ts';
import { type CheckedTables, checkEveryTable } from '../../mariadb/proof/tables.ts';
import { connect } from '../../mariadb/server/sql.ts';
import { readManifest } from '../../storage/manifest.ts';
import { runActivity } from '../support/activity.ts';
import { openHost } from '../support/host.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';

const { recipient, identity } = newAgeIdentity();
const run = <T>(work: () => Promise<T>): Promise<T> => runActivity(work).result;
const idOf = (digit: string): string => `${digit.repeat(32)}:proven-1:proven-1`;
let server: TestServer;
let beside: TestServer;
let host: Host;
let prover: Host;
let proofId = 0;

beforeAll(async () => {
  // Other data files than the prover's own server has.
  const config = ['innodb_data_file_path=ibdata1:12M;ibdata2:8M:autoextend'];
  server = await startTestServer({ name: 'proven', privileges: 'ALL PRIVILEGES', config });
  beside = await startTestServer({ name: 'prover', stopped: true });
  host = await openHost({
    ...settingsOf(server, 'proven-1'),
    backup: { recipients: [recipient], part_size: '64K' },
  });
  await writeFile(opening().age_identity_file, `${identity}\n`, { mode: 0o600 });
  prover = await proverWith({ restore: { ...opening(), min_free: '1M' } });
  await server.loadSample({ rows: 200 });
});
afterAll(async () => {
  await server.remove();
  await beside.remove();
});

function settingsOf(of: TestServer, serviceId: string): Record<string, unknown> {
  const { defaults_file, client_file } = of.settings;
  return {
    service_id: serviceId,
    state_directory: path.join(of.folder, 'state'),
    storage: `file://${path.join(server.folder, 'storage')}`,
    server: { defaults_file, client_file },
  };
}

const opening = (): { age_identity_file: string } => ({
  age_identity_file: path.join(beside.folder, 'age.key'),
});
const directory = (): string => path.join(beside.folder, 'proofs');

async function proverWith(settings: Record<string, unknown>): Promise<Host> {
  return await openHost({
    ...settingsOf(beside, 'prover-1'),
    prover: { directory: directory(), own_host: true },
    ...settings,
  });
}

async function take(digit: string, further: { on?: string; dump?: true } = {}): Promise<BackupSummary> {
  const order = {
    backupId: idOf(digit),
    serviceId: 'proven-1',
    workflowId: 'backup/of-a-test',
    deploymentId: 'a-deployment',
    ...(further.dump && { dump: { include: [], exclude: [] } }),
  };
  if (further.on === undefined) return await run(() => backupActivities(host).takeBackup(order));
  const { manifest } = await readManifest(host.store, idOf(further.on));
  const { lineage, binlog } = manifest;
  const base = {
    backupId: manifest.backupId,
    server: lineage.server,
    toLsn: lineage.toLsn,
    serverVersion: manifest.server.version,
    ...(binlog && { binlog }),
  };
  return await run(() => backupActivities(host).takeBackup({ ...order, base }));
}

/** The order to prove the newest of these backups, each of which builds on the one before. */
async function orderOf(...digits: string[]): Promise<HostProofInput> {
  const read = await Promise.all(digits.map((digit) => readManifest(host.store, idOf(digit))));
  const links = read.map(({ manifest, sha256 }) => ({
    backupId: manifest.backupId,
    manifestSha256: sha256,
    storedBytes: manifest.storedBytes,
    uncompressedBytes: manifest.uncompressedBytes,
    recipients: manifest.pipeline.recipients,
  }));
  const { manifest } = read.at(-1)!;
  const { binlog, dump, server: of, pointInTime, memoryTables, dataBytes } = manifest;
  const before = links.slice(0, -1);
  const target = { backupId: manifest.backupId, external: false, time: pointInTime, ranges: [] };
  return {
    proofId: (proofId += 1),
    workflowId: 'proof/of-a-test',
    serviceId: 'proven-1',
    target: { ...target, stop: { at: 'backup' } },
    facts: {
      ...links.at(-1)!,
      serverVersion: of.version,
      layout: of.layout,
      encrypted: true,
      pointInTime,
      memoryTables,
      dataBytes,
      ...(binlog && { binlog }),
      ...(before.length > 0 && { chain: before }),
      ...(dump && { dump }),
    },
  };
}

const prove = (on: Host, order: HostProofInput): Promise<ProofReport> =>
  run(() => proofActivities(on).proveService(order));

/** What a proof of the server as it is now has to find. */
async function present(): Promise<CheckedTables> {
  await using connection = await connect(server.settings, { user: userInfo().username, password: '' });
  const { signal } = new AbortController();
  return await checkEveryTable(connection, server.dataDirectory, { signal });
}

describe('a prover', () => {
  test('brings a chain back, with the rows and checksums that the server has', async () => {
    await take('1');
    await server.query(
      'CREATE TABLE shop.later SELECT seq AS id, SHA2(seq, 512) AS note FROM shop.seq_1_to_50',
    );
    await server.query('UPDATE shop.orders SET total = total + 1 WHERE id % 3 = 0');
    await take('2', { on: '1' });
    const { tables, rows, digest } = await present();
    const report = await prove(prover, await orderOf('1', '2'));
    expect(report).toMatchObject({ tables, rows, digest });
    expect(report.seconds).toMatchObject({ replaying: 0, total: expect.any(Number) });
    expect(report.reached['gtid']).toBe((await readManifest(host.store, idOf('2'))).manifest.binlog?.gtid);
    expect(await readdir(directory())).toEqual([]);
  });

  test('brings a dump back', async () => {
    await take('3', { dump: true });
    const { tables, rows, digest } = await present();
    expect(await prove(prover, await orderOf('3'))).toMatchObject({ tables, rows, digest });
    expect(await readdir(directory())).toEqual([]);
  });

  test('says what it lacks before it fetches anything: a key, room, a way in for the server', async () => {
    const order = await orderOf('1');
    const keyless = await proverWith({ restore: { min_free: '1M' } });
    await expect(prove(keyless, order)).rejects.toMatchObject({ code: 'identity_unavailable' });
    const narrow = await proverWith({ restore: { ...opening(), min_free: '900T' } });
    await expect(prove(narrow, order)).rejects.toMatchObject({
      code: 'disk_full',
      message: expect.stringMatching(
        /The drill needs \d+ bytes on the file system of .*proofs, where 9\d+ more/,
      ),
    });
    if (process.getuid?.() === 0) {
      await chmod(beside.folder, 0o700);
      await expect(prove(prover, order)).rejects.toMatchObject({
        code: 'invalid_setting',
        message: expect.stringContaining(`may not enter ${beside.folder}.`),
      });
      await chmod(beside.folder, 0o755);
    }
    expect(await readdir(directory())).toEqual([]);
  });
});

test('a drill leaves alone what another agent has in the same directory', async () => {
  const others = ['tidemark-proof-another-1', 'tidemark-proof-1'];
  for (const name of others) await mkdir(path.join(directory(), name), { recursive: true });
  await mkdir(path.join(directory(), `tidemark-proof-${prover.agentId}-1`));
  const narrow = await proverWith({ restore: { ...opening(), min_free: '900T' } });
  await expect(prove(narrow, await orderOf('1'))).rejects.toMatchObject({ code: 'disk_full' });
  expect((await readdir(directory())).toSorted()).toEqual(others.toSorted());
  for (const name of others) await rm(path.join(directory(), name), { recursive: true });
});

test('a drill ends as soon as less is free than is to stay free, and gives its room back', async () => {
  const order = await orderOf('1');
  const narrowing = await proverWith({ restore: { ...opening(), min_free: '1M' } });
  let looks = 0;
  // Others fill the disk once the drill has seen that there is room.
  Object.defineProperty(narrowing.settings.restore, 'min_free', {
    get: () => ((looks += 1) === 1 ? 1024 ** 2 : 900 * 1024 ** 4),
  });
  await expect(prove(narrowing, order)).rejects.toMatchObject({
    code: 'disk_full',
    message: expect.stringMatching(/^The drill was ended: \d+ bytes are free on the file system of .*proofs/),
  });
  expect(await readdir(directory())).toEqual([]);
});

describe('a restore on the host of a prover', () => {
  const restoring = { operation: 'restore-9', phase: 'fetching' as const };
  const proving = { operation: 'proof-9', phase: 'planning' as const, beside: true };

  test('begins once the drill has ended, which is tried again', async () => {
    const begun = Promise.withResolvers<void>();
    let gone = false;
    const drill = run(() =>
      attempt(prover, proving, async ({ signal }) => {
        begun.resolve();
        await once(signal, 'abort');
        gone = true;
        signal.throwIfAborted();
      }),
    );
    drill.catch(() => undefined);
    await begun.promise;
    expect(await run(() => attempt(prover, restoring, async () => gone))).toBe(true);
    await expect(drill).rejects.toMatchObject({ code: 'prover_busy', retryable: true });
  });

  test('lets no drill begin beside it, and a backup does', async () => {
    const drill = (): Promise<string> => run(() => attempt(prover, proving, async () => 'proven'));
    await run(() =>
      attempt(prover, restoring, async () => {
        await expect(drill()).rejects.toMatchObject({ code: 'prover_busy' });
      }),
    );
    const backup = { operation: 'backup-9', phase: 'copying' as const };
    expect(await run(() => attempt(prover, backup, drill))).toBe('proven');
  });
});
