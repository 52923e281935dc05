/** `npm start -- --storage LOCATION`: everything on a bucket, reached by the variables that the cloud's own tools read. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../../client/client.ts';
import { untilEnded } from '../../client/follow.ts';
import { connect, rowsOf } from '../../mariadb/server/sql.ts';
import { startGcs } from '../support/gcs.ts';
import { startS3 } from '../support/s3.ts';
import { announced, startStackProgram, type Started } from './start-process.ts';

/** A bucket somewhere, and who may reach it. */
interface Bucket {
  location: string;
  variables: Record<string, string>;
  /** The names of all its objects. */
  objects: () => Promise<string[]>;
  remove: () => Promise<void>;
}

async function s3(): Promise<Bucket> {
  const { server, bucket, remove } = await startS3();
  const name = await bucket();
  return {
    location: `s3://${name}/of/all`,
    variables: server.environment,
    objects: () => readdir(server.folderOf(name), { recursive: true }),
    remove,
  };
}

async function gcs(): Promise<Bucket> {
  const { endpoint, bucket, stop } = await startGcs();
  const name = await bucket();
  return {
    location: `gs://${name}/of/all`,
    variables: { STORAGE_EMULATOR_HOST: endpoint },
    async objects() {
      const answer = await fetch(`${endpoint}/storage/v1/b/${name}/o`);
      expect(answer.status).toBe(200);
      const { items = [] } = (await answer.json()) as { items?: { name: string }[] };
      return items.map((item) => item.name);
    },
    remove: stop,
  };
}

let folder: string;
let bucket: Bucket | undefined;
let started: Started | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'start-storage-'));
});

afterEach(async () => {
  if (started?.child.exitCode === null) {
    started.child.kill('SIGTERM');
    await started.ended;
  }
  await bucket?.remove();
  bucket = undefined;
  await rm(folder, { recursive: true, force: true });
});

test.each([
  ['S3', s3],
  ['Google Cloud Storage', gcs],
])('a backup goes to %s and is restored from there', async (_name, open) => {
  bucket = await open();
  const data = join(folder, 'data');
  started = startStackProgram(data, ['--storage', bucket.location], bucket.variables);
  const stack = await announced(started);
  const client = new Client(stack.api, stack.token);
  const ask = async (sql: string): Promise<unknown[]> => {
    await using connection = await connect({ defaults_file: stack.services[0]?.defaults_file ?? '' });
    return await rowsOf(connection, sql);
  };
  await ask('CREATE DATABASE kept');
  await ask('CREATE TABLE kept.t AS SELECT seq, MD5(seq) AS digest FROM mysql.seq_1_to_1000');
  const [before] = await ask('CHECKSUM TABLE kept.t EXTENDED');

  const { backup_id: id = '' } = await client.orderBackup('sample-1');
  expect(await untilEnded(() => client.backup(id))).toMatchObject({ status: 'Succeeded' });
  const parts = `of/all/sample-1/backups/${id.slice(0, 32)}`;
  const stored = await bucket.objects();
  expect(stored).toEqual(expect.arrayContaining([`${parts}/part-000001`, `${parts}/manifest.json`]));
  expect((await readdir(data, { recursive: true })).filter((name) => name.includes('part-0'))).toEqual([]);

  await ask('DROP DATABASE kept');
  const restore = await client.orderRestore(id, 'sample-1');
  expect(await untilEnded(() => client.restore(restore.id))).toMatchObject({ status: 'Succeeded' });
  expect(await ask('CHECKSUM TABLE kept.t EXTENDED')).toEqual([before]);

  // It ends as always.
  started.child.kill('SIGINT');
  expect(await started.ended).toBe(0);

  // Another place has none of its backups, and nothing is begun there.
  const other = bucket.location.replace('/of/all', '/of/none');
  started = startStackProgram(data, ['--storage', other], bucket.variables);
  expect(await started.ended).toBe(2);
  expect(started.stderr()).toContain(
    `The storage ${other} does not have the newest of the backups that the catalog lists. They are in ${bucket.location}:`,
  );
  expect((await bucket.objects()).filter((name) => name.startsWith('of/none/'))).toEqual([]);
});
