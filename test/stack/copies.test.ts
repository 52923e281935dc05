/** A second copy of every backup: written to S3, copied to Google's storage and to a directory, restored from there. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import { objectKeys } from '../../domain/ids.ts';
import { storageOptions } from '../../config/storage.ts';
import { openStore } from '../../storage/open.ts';
import { readManifest } from '../../storage/manifest.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { verifyBackup } from '../../storage/verify.ts';
import { makeOld } from '../activities/expired.ts';
import { keysOf } from '../storage/support.ts';
import { startGcs, type TestGcs } from '../support/gcs.ts';
import { recordHistory } from '../support/histories.ts';
import { startS3, type TestS3 } from '../support/s3.ts';
import { type BackupBody, ready, TestStack, type TestService, until } from '../support/stack.ts';

const { identity, recipient } = newAgeIdentity();

let s3: TestS3;
let gcs: TestGcs;
let stack: TestStack;
let service: TestService;
let bucket: string;
/** Where copies go; `directory` is away as long as a file stands in its place. */
let google: string;
let directory: string;
let elsewhere: string;
let before: Record<string, number | null>;
let agentSettings: Record<string, unknown>;
let backupId: string;

beforeAll(async () => {
  [s3, gcs] = await Promise.all([startS3(), startGcs()]);
  bucket = await s3.bucket();
  google = `gs://${await gcs.bucket()}/copies`;
  const environment = { ...s3.server.environment, STORAGE_EMULATOR_HOST: gcs.endpoint };
  const storage = `s3://${bucket}/deployments/test`;
  elsewhere = path.join(path.dirname(s3.server.folderOf(bucket)), '..', 'elsewhere');
  directory = `file://${path.resolve(elsewhere)}`;
  await writeFile(elsewhere, 'not mounted');
  const copies = JSON.stringify([google, { storage: directory, storage_options: { retry_for: '1s' } }]);
  stack = await TestStack.start('copies', {
    apiSettings: { TIDEMARK_COPIES: copies, TIDEMARK_RECIPIENTS: recipient },
    controlSettings: {
      ...environment,
      TIDEMARK_STORAGE: storage,
      TIDEMARK_STORAGE_OPTIONS_RETRY_FOR: '2s',
      TIDEMARK_COPIES: copies,
      TIDEMARK_COPY_INTERVAL: '2s',
      TIDEMARK_RETRY_PAUSE: '200ms',
      TIDEMARK_RECIPIENTS: recipient,
      TIDEMARK_RETENTION_INTERVAL: '2s',
      TIDEMARK_RETENTION_GRACE: '0s',
    },
  });
  const identityFile = path.join(stack.folder, 'identity');
  await writeFile(identityFile, `${identity}\n`, { mode: 0o600 });
  agentSettings = {
    storage,
    storage_options: { retry_for: '3s' },
    copies: [google, directory],
    backup: { part_size: '64K' },
    restore: { age_identity_file: identityFile },
  };
  service = await stack.addService('shop-1', { settings: agentSettings, env: environment });
  await service.server.loadSample();
  before = await service.server.checksums();
});

afterAll(async () => {
  await stack?.stop();
  await s3?.remove();
  await gcs?.stop();
});

const at = (id: string): string => `/backups/${encodeURIComponent(id)}`;

async function withSettings(settings: Record<string, unknown>): Promise<void> {
  await service.agent.end();
  await stack.configure(service, settings);
  await service.agent.start(ready.agent);
}

type Copy = NonNullable<BackupBody['copies']>[number];

async function copyOf(id: string, location: string): Promise<Copy | undefined> {
  return (await stack.backupOf(id)).copies?.find((copy) => copy.location === location);
}

function copied(id: string, location: string): Promise<unknown> {
  return until(
    () => copyOf(id, location),
    (copy) => copy?.status === 'Succeeded',
    `the copy in ${location}`,
  );
}

async function openCopy(location: string): Promise<ObjectStore> {
  return openStore(location, { options: storageOptions.parse({ endpoint: gcs.endpoint }) });
}

/** Every byte of a copy is what its manifest says. */
async function expectWhole(location: string, id: string): Promise<void> {
  const store = await openCopy(location);
  const { manifest } = await readManifest(store, id);
  await verifyBackup(store, manifest, { ahead: 2 });
}

describe('a copy', () => {
  test('is made of a finished backup; a location that is away is its own failure, repaired when it is back', async () => {
    const backup = await stack.takeBackup('shop-1');
    backupId = backup.id;
    await copied(backupId, google);
    const failed = await until(
      () => copyOf(backupId, directory),
      (copy) => copy?.status === 'Failed',
      'the failure of the copy in the directory',
    );
    expect(failed?.message).toMatch(/Could not open the store/);
    expect(failed?.message).toMatch(/It is tried again after 20\d\d-/);
    expect(await stack.backupOf(backupId)).toMatchObject({ status: 'Succeeded', message: backup.message });
    await expectWhole(google, backupId);

    await rm(elsewhere);
    await copied(backupId, directory);
    await expectWhole(directory, backupId);
    expect(await keysOf(await openCopy(directory))).toContain(objectKeys.service('shop-1'));
    const query = "WorkflowType = 'copy' and ExecutionStatus = 'Completed'";
    for await (const { workflowId } of stack.client.workflow.list({ query }))
      await recordHistory(stack.client, 'copy', workflowId);
  });

  test('is told as the settings of the service have it', async () => {
    const { body } = await stack.request('GET', '/services/shop-1');
    expect(body['copies']).toEqual({ locations: [google, directory], origin: 'deployment' });
    const stranger = await stack.request('PATCH', '/services/shop-1', { copies: ['s3://elsewhere'] });
    expect(stranger.status).toBe(400);
    expect(JSON.stringify(stranger.body)).toContain(`The deployment knows ${google}, ${directory}`);
    const none = await stack.request('PATCH', '/services/shop-1', { copies: [] });
    expect([none.status, none.body['copies']]).toEqual([200, { locations: [], origin: 'service' }]);
    const { id, copies } = await stack.takeBackup('shop-1');
    expect(copies).toBeUndefined();

    // What was taken before the setting gets its copy as well.
    const back = await stack.request('PATCH', '/services/shop-1', { copies: [google] });
    expect(back.status).toBe(200);
    await copied(id, google);
    await expectWhole(google, id);
    expect(await copyOf(id, directory)).toBeUndefined();
  });
});

describe('a restore', () => {
  test('reads the copy when the bucket was emptied: all tables are the same', async () => {
    await s3.server.stop();
    const stored = path.join(s3.server.folderOf(bucket), 'deployments', 'test');
    // Without the deployment's mark it would be another storage, where nothing is written any more.
    for (const name of await readdir(stored))
      if (name !== '.tidemark') await rm(path.join(stored, name), { recursive: true });
    expect(await readdir(stored)).toEqual(['.tidemark']);
    await s3.server.start();
    await service.server.query('DROP DATABASE shop');
    const { message } = await stack.restore(backupId, 'shop-1');
    expect(message).toContain(`It was read from ${google}. s3://${bucket}/deployments/test: `);
    expect(message).toContain('there is no such object');
    expect(message).not.toContain('Restore another backup');
    expect(await service.server.checksums()).toEqual(before);
  });

  test('goes on from the copy when the store dies in the middle of the fetch', async () => {
    const { id } = await stack.takeBackup('shop-1');
    await copied(id, google);
    await withSettings({
      ...agentSettings,
      // Without a copy it would be waited for five minutes.
      storage_options: { download_limit: '200K' },
      restore: { ...(agentSettings['restore'] as object), change_over_after: '12s' },
    });
    await service.server.query('DROP DATABASE shop');
    const restore = await stack.orderRestore(id, 'shop-1');
    await until(
      () => stack.restoreOf(restore),
      ({ progress }) => progress?.phase === 'fetching' && progress.bytes_done > 0,
      'the first bytes',
    );
    await s3.server.stop();
    await until(
      () => stack.restoreOf(restore),
      ({ message: told }) => told.includes(`Waiting for s3://${bucket}/deployments/test since `),
      'the word that the store is waited for',
    );
    const { status, message } = await stack.restoreEnd(restore);
    expect({ status, message }).toMatchObject({ status: 'Succeeded' });
    expect(message).toContain(`It was read from s3://${bucket}/deployments/test and ${google}. `);
    expect(message).not.toContain('Restore another backup');
    expect(service.agent.output).toContain('An object of the backup is read from another location.');
    expect(await service.server.checksums()).toEqual(before);
  });

  test('is refused before anything is touched when the agent does not know where the copy is', async () => {
    await withSettings({ ...agentSettings, copies: [] });
    const { status, message } = await stack.restoreEnd(await stack.orderRestore(backupId, 'shop-1'));
    expect(status).toBe('Failed');
    expect(message).toContain(
      `The backup can be read in ${google}, ${directory}, which the settings of the agent`,
    );
    expect(await service.server.checksums()).toEqual(before);
    await s3.server.start();
    await withSettings(agentSettings);
  });
});

test('a backup that expires is removed everywhere, where it is away once that is back', async () => {
  const folder = objectKeys.backupFolder(backupId);
  const objects = async (): Promise<string[]> =>
    (await readdir(elsewhere, { recursive: true })).filter((name) => name.startsWith(`${folder}/`));
  expect((await objects()).length).toBeGreaterThan(3);
  await rename(elsewhere, `${elsewhere}-unmounted`);
  await writeFile(elsewhere, 'not mounted');
  makeOld(stack.folder, backupId, 30);
  const gone = async (): Promise<number> => (await stack.request('GET', at(backupId))).status;
  await until(gone, (status) => status === 404, 'the removal');
  const left = async (): Promise<string[]> => keysOf(await openCopy(google), `${folder}/`);
  await until(left, (keys) => keys.length === 0, "the removal from Google's storage");
  await until(
    async () => stack.control.output,
    (output) => output.includes('The copy in file://'),
    'the failure to remove the other copy',
  );
  await rm(elsewhere);
  await rename(`${elsewhere}-unmounted`, elsewhere);
  await until(objects, (keys) => keys.length === 0, 'the removal from the directory');
});
