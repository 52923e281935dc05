/** Backups of others that somebody replaces by others of the same size between the look at them and the load. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { HostRestoreInput } from '../../activities/host/contract.ts';
import { foreignActivities } from '../../activities/host/foreign.ts';
import type { Host } from '../../activities/host/host.ts';
import { restoreActivities } from '../../activities/host/restore.ts';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import type { ForeignMethod } from '../../domain/foreign.ts';
import type { StorageCredentials } from '../../domain/storage-credentials.ts';
import { sealSourceFor } from '../../sealing/for-source.ts';
import { openExternalStore } from '../../storage/external.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { runActivity } from '../support/activity.ts';
import { shell } from '../support/foreign.ts';
import { startGcs, type TestGcs } from '../support/gcs.ts';
import { googleKey } from '../support/google-key.ts';
import { openHost } from '../support/host.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';
import { startS3, type TestS3 } from '../support/s3.ts';

interface Cloud {
  location: string;
  credentials?: StorageCredentials;
  endpoints: string[];
  store: ObjectStore;
  /** What stands before the path of an object. */
  folder: string;
}

let server: TestServer;
let host: Host;
let s3: TestS3;
let gcs: TestGcs;
const clouds = new Map<string, Cloud>();
const { recipient, identity } = newAgeIdentity();
const run = <T>(work: () => Promise<T>): Promise<T> => runActivity(work).result;

beforeAll(async () => {
  [server, s3, gcs] = await Promise.all([startTestServer({ name: 'changed' }), startS3(), startGcs()]);
  process.env['STORAGE_EMULATOR_HOST'] = gcs.endpoint;
  const opened = await openHost({
    service_id: 'changed-1',
    state_directory: path.join(server.folder, 'state'),
    storage: `file://${path.join(server.folder, 'storage')}`,
    server: {
      defaults_file: server.settings.defaults_file,
      client_file: server.settings.client_file,
      control: { kind: 'direct' },
    },
  });
  host = { ...opened, ageIdentity: identity };
  await addCloud('S3', `s3://${await s3.bucket()}`, {
    scheme: 's3',
    ...s3.credentials,
    endpointUrl: s3.server.endpoint,
  });
  const { email: clientEmail, privateKey } = googleKey();
  await addCloud('Google', `gs://${await gcs.bucket()}`, { scheme: 'gs', clientEmail, privateKey });
  const { store } = host;
  clouds.set('a directory', { location: store.location, endpoints: [], store, folder: 'changed-1/' });
});
afterAll(async () => {
  delete process.env['STORAGE_EMULATOR_HOST'];
  await Promise.all([server?.remove(), s3?.remove(), gcs?.stop()]);
});

async function addCloud(name: string, location: string, credentials: StorageCredentials): Promise<void> {
  const endpoints = [new URL(s3.server.endpoint).host];
  const store = await openExternalStore({ location, credentials, endpoints });
  clouds.set(name, { location, credentials, endpoints, store, folder: '' });
}

/** Two archives of the same size with other files in them. */
async function twoArchives(): Promise<Buffer[]> {
  await shell(
    server.folder,
    'for n in 1 2; do mkdir -p $n; head -c 100000 /dev/urandom > $n/ibdata1; tar cf $n.tar -C $n ibdata1; done',
  );
  return await Promise.all(['1.tar', '2.tar'].map((name) => readFile(path.join(server.folder, name))));
}

/** Two dumps of the same size with other rows in them. */
function twoDumps(): Buffer[] {
  return [7, 8].map((value) =>
    Buffer.from(
      '-- MariaDB dump 10.19\n-- Host: localhost    Database: \n-- Server version\t10.11.19-MariaDB\n\n' +
        'CREATE DATABASE `shop`;\nUSE `shop`;\nCREATE TABLE `t` (\n  `id` int\n);\n' +
        `INSERT INTO \`t\` VALUES (${value});\n-- Dump completed on 2026-11-23  8:00:00\n`,
    ),
  );
}

/** Looks at what lies there, as the plan of a restore does. */
async function look(cloud: Cloud, object: string, method: ForeignMethod): Promise<HostRestoreInput> {
  const workflowId = 'restore/of-a-test';
  const { location, credentials, endpoints } = cloud;
  const source = sealSourceFor(
    { location, object, method, endpoints, ...(credentials && { credentials }) },
    { agentId: host.agentId, workflowId },
    recipient,
  );
  const order = {
    restoreId: 1,
    workflowId,
    mode: 'side-by-side' as const,
    backupId: `/${object}`,
    manifestSha256: '',
    foreign: { source },
  };
  const facts = await run(() => foreignActivities(host).examineForeign(order));
  return { ...order, foreign: { source, facts } };
}

/** What tells of the files of a folder. */
const notes = [
  ['xtrabackup_checkpoints', 'backup_type = full-backuped\nfrom_lsn = 0\nto_lsn = 100\nlast_lsn = 110\n'],
  ['xtrabackup_info', 'server_version = 10.11.19-MariaDB\nincremental = N\npartial = N\n'],
] as const;

const changed = { code: 'source_changed', message: expect.stringContaining('since it was looked at') };

describe.each(['S3', 'Google', 'a directory'])('from %s', (name) => {
  test.each(['an archive', 'a folder', 'a dump'])(
    '%s that was replaced by one of the same size is not loaded',
    async (what) => {
      const cloud = clouds.get(name);
      if (!cloud) throw new Error('no such cloud');
      const [first, second] = what === 'a dump' ? twoDumps() : await twoArchives();
      if (!first || !second) throw new Error('no two backups');
      expect(second).toHaveLength(first.length);
      const object = `${cloud.folder}old/${what.split(' ')[1]}`;
      const key = what === 'a folder' ? `${object}/ibdata1` : object;
      await cloud.store.replace(key, first);
      if (what === 'a folder') {
        for (const [note, text] of notes) await cloud.store.replace(`${object}/${note}`, Buffer.from(text));
      }
      const order = await look(cloud, object, what === 'a dump' ? 'mysqldump' : 'mariabackup');
      await cloud.store.replace(key, second);
      // Before a restore in place stops the server, and as a restore side by side unpacks it.
      await expect(run(() => restoreActivities(host).verifyObjects(order))).rejects.toMatchObject(changed);
      await expect(run(() => restoreActivities(host).fetchBackup(order))).rejects.toMatchObject(changed);
    },
    60_000,
  );
});
