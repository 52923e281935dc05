/** The main job on S3: a backup through an outage of the store, and a restore of what lies in the bucket. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { startS3, type TestS3 } from '../support/s3.ts';
import { watchProcesses, type Watch } from '../support/secrets.ts';
import { TestStack, type TestService, until } from '../support/stack.ts';

let s3: TestS3;
let bucket: string;
let stack: TestStack;
let service: TestService;
let before: Record<string, number | null>;
let watch: Watch;

beforeAll(async () => {
  s3 = await startS3();
  bucket = await s3.bucket();
  const storage = `s3://${bucket}/deployments/test`;
  stack = await TestStack.start('s3', {
    controlSettings: { ...s3.server.environment, TIDEMARK_STORAGE: storage },
  });
  watch = watchProcesses(s3.credentials.secretAccessKey);
  service = await stack.addService('shop-1', {
    settings: {
      storage,
      // Slow enough for the store to go away in the middle.
      storage_options: { upload_limit: '300K', retry_for: '60s' },
      backup: { part_size: '64K', parts_in_flight: 4 },
    },
    env: s3.server.environment,
  });
  await service.server.loadSample();
  before = await service.server.checksums();
});

afterAll(async () => {
  await stack?.stop();
  await s3?.remove();
});

/** Everything that lies in the bucket, as paths. */
function objects(): Promise<string[]> {
  return readdir(s3.server.folderOf(bucket), { recursive: true });
}

describe('on S3', () => {
  let backupId: string;

  test('a backup goes on where it was when the store comes back', async () => {
    const id = await stack.orderBackup('shop-1');
    await until(
      objects,
      (names) => names.filter((name) => name.includes('part-')).length >= 3,
      'three parts in the bucket',
    );
    await s3.server.stop();
    await sleep(2_000);
    await s3.server.start();
    backupId = id;
    const backup = await stack.backupEnd(id);
    expect(backup).toMatchObject({ status: 'Succeeded' });
    expect(service.agent.output).toMatch(/"operation":"put".*"error":"storage_unavailable"/);
    expect((await objects()).filter((name) => name.endsWith('manifest.json'))).toHaveLength(1);
  });

  test('it is restored', async () => {
    await service.server.query('DROP DATABASE shop');
    await stack.restore(backupId, 'shop-1');
    expect(await service.server.checksums()).toEqual(before);
  });

  test('nobody but our own processes has the secret key, the server that the restore has started least of all', async () => {
    const { found, seen } = await watch.end();
    const programs = [...seen].join('\n');
    for (const program of ['mariadbd ', 'mariadb-backup ', 'mbstream ', 'zstd '])
      expect(programs).toContain(program);
    const ours = /worker\/(agent|control|.*bundle.*)\.ts|versitygw/;
    expect(found.filter((where) => !ours.test(where))).toEqual([]);
  });

  test('the secret key is in no log and no answer', async () => {
    const { secretAccessKey } = s3.credentials;
    const { body } = await stack.request('GET', '/backups');
    const told = [service.agent, stack.control, stack.api].map(({ output }) => output);
    for (const text of [...told, JSON.stringify(body)]) expect(text).not.toContain(secretAccessKey);
  });
});
