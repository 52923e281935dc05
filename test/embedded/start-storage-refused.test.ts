/** `npm start` with a storage that cannot be used: it says so and ends, or waits and says for what. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startS3, type TestS3 } from '../support/s3.ts';
import { announced, processesOf, startStackProgram, until, type Started } from './start-process.ts';

let s3: TestS3;
let folder: string;
let data: string;
let started: Started | undefined;

beforeAll(async () => {
  s3 = await startS3();
});
afterAll(async () => {
  await s3.remove();
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'refused-'));
  data = join(folder, 'data');
});
afterEach(async () => {
  started?.child.kill('SIGTERM');
  await started?.ended;
  await rm(folder, { recursive: true, force: true });
});

/** A start that ends by itself. @returns what it said */
async function refused(args: string[], variables: Record<string, string> = {}): Promise<string> {
  started = startStackProgram(data, args, variables);
  const code = await started.ended;
  expect([code, started.stdout()]).toEqual([2, '']);
  expect(processesOf(data)).toEqual([]);
  return started.stderr();
}

describe('what does not pass by itself ends it at once:', () => {
  test('a bucket that is not there', async () => {
    const said = await refused(['--storage', 's3://none-of-this-name/of/all'], s3.server.environment);
    expect(said).toMatch(/s3:\/\/none-of-this-name\/of\/all: there is no such bucket/);
    expect(said).not.toContain('Waiting');
  });

  test('keys that are wrong', async () => {
    const name = await s3.bucket();
    const wrong = { ...s3.server.environment, AWS_SECRET_ACCESS_KEY: 'canary-of-a-secret' };
    const said = await refused(['--storage', `s3://${name}`], wrong);
    expect(said).toMatch(/credentials|key/);
    expect(said).not.toContain('canary-of-a-secret');
  });

  test('a directory that cannot be made', async () => {
    expect(await refused(['--storage', 'file:///proc/tidemark/storage'])).toContain('/proc/tidemark');
  });

  test('a copy in the place of what it is a copy of, in it, or around it', async () => {
    const storage = `file://${folder}/storage`;
    for (const [copy, relation] of [
      [storage, 'in the same place as'],
      [`${storage}/copies`, 'inside'],
      [`file://${folder}`, 'around'],
    ] as const) {
      const said = await refused(['--storage', storage, '--copy', copy]);
      expect(said).toContain(`The copy in ${copy} would lie ${relation} the storage ${storage}.`);
    }
  });

  test('a file of identities that is not there, or open to others', async () => {
    const none = join(folder, 'none');
    expect(await refused(['--identity', none])).toContain(`--identity: The age identity file ${none} cannot`);
    const open = join(folder, 'open');
    await writeFile(open, 'AGE-SECRET-KEY-1', { mode: 0o644 });
    expect(await refused(['--identity', open])).toContain(`chmod 600 ${open}`);
  });
});

describe('what passes is waited for, and said', () => {
  test('until it is there', async () => {
    const name = await s3.bucket();
    await s3.server.stop();
    try {
      const args = ['--storage', `s3://${name}`, '--samples', '0'];
      started = startStackProgram(data, args, s3.server.environment);
      const program = started;
      await until(() => program.stderr().includes('Waiting for the storage.'));
      expect(started.stdout()).toBe('');
    } finally {
      await s3.server.start();
    }
    expect(await announced(started)).toMatchObject({ ready: true });
  });

  test('as long as a start may take, and no longer', async () => {
    const nowhere = { ...s3.server.environment, AWS_ENDPOINT_URL_S3: 'http://127.0.0.1:9' };
    started = startStackProgram(
      data,
      ['--storage', 's3://somewhere', '--samples', '0', '--ready-timeout', '4'],
      nowhere,
    );
    expect(await started.ended).toBe(1);
    expect(started.stderr()).toMatch(/The storage did not answer|Waiting for the storage/);
    expect(started.stderr()).toContain('It was waited for 4 s.');
    expect(processesOf(data)).toEqual([]);
  });
});
