/** The S3 server of the deployment, started by its own script with the secrets that are made for it. */
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { storageOptions } from '../../config/storage.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { findPorts } from '../../embedded/ports.ts';
import { findS3Program } from '../../embedded/s3-server.ts';
import { type Child, startChild } from '../../mariadb/processes/child.ts';
import { openStore } from '../../storage/open.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { longRun } from '../support/long.ts';
import { runFolder } from '../support/run.ts';
import { testIf } from '../support/skip.ts';

const deploy = path.resolve(import.meta.dirname, '../../deploy');
const asRoot = process.getuid?.() === 0;
const testAsRoot = testIf(asRoot, 'giving files to other users needs root');
let server: Child | undefined;
let store: ObjectStore;

beforeAll(async () => {
  if (!asRoot) return;
  const folder = await mkdtemp(path.join(runFolder(), 'deploy-'));
  const at = (name: string): string => path.join(folder, name);
  for (const name of ['secrets', 'storage', 's3', 's3/objects']) await mkdir(at(name));
  execFileSync(path.join(deploy, 'make-secrets'), [at('secrets'), at('storage')]);
  const [port = 0] = await findPorts([{ option: 'the port of the S3 server', port: 0 }]);
  const script = (await readFile(path.join(deploy, 's3-start'), 'utf8'))
    .replaceAll('/secrets/', `${at('secrets')}/`)
    .replaceAll('/s3/objects', at('s3/objects'))
    .replace('0.0.0.0:7070', `127.0.0.1:${port}`);
  await writeFile(at('s3-start'), script);
  const programs = path.dirname(await findS3Program());
  server = startChild('/bin/bash', [at('s3-start')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: `${programs}:${process.env['PATH'] ?? ''}` },
  });
  process.env['AWS_SHARED_CREDENTIALS_FILE'] = at('storage/credentials');
  // One that does not answer yet is asked again for `retry_for`.
  const options = storageOptions.parse({ endpoint: `http://127.0.0.1:${port}`, retry_for: '2m' });
  store = await openStore('s3://tidemark/backups', { options });
});

afterAll(async () => {
  delete process.env['AWS_SHARED_CREDENTIALS_FILE'];
  await server?.end();
});

describe('the store of the deployment', () => {
  testAsRoot('takes the credentials that were made, and only creates', async () => {
    await store.put('one', Buffer.from('its bytes'));
    expect(Buffer.from(await store.get('one')).toString()).toBe('its bytes');
    await expect(store.put('one', Buffer.from('others'))).rejects.toMatchObject({ code: 'object_exists' });
  });

  testAsRoot('never has a name that is taken and not there, whatever is deleted beside a write', async () => {
    const names = ['a', 'b', 'c', 'd'].map((name) => `raced/${name}`);
    for (let round = 0; round < (longRun ? 300 : 30); round += 1) {
      const put = async (name: string): Promise<void> => {
        await store.put(name, Buffer.from(`${name} ${round}`)).catch((error: unknown) => {
          if (!(error instanceof TidemarkError) || error.code !== 'object_exists') throw error;
        });
      };
      await Promise.all(
        names.flatMap((name) => [put(name), store.delete(name), put(name), store.delete(name)]),
      );
      for (const name of names) {
        await put(name);
        // It is there now, whoever was first.
        expect((await store.get(name)).length).toBeGreaterThan(0);
      }
    }
  });
});
