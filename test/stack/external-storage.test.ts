/** Backups in a customer's own bucket, from the order to the data; and that its credentials are seen by nobody. */
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openCatalog } from '../../catalog/open.ts';
import { bucketContext } from '../../domain/storage-credentials.ts';
import { keyRing } from '../../sealing/key-ring.ts';
import { CommandLine } from '../support/command-line.ts';
import { startS3, type TestS3 } from '../support/s3.ts';
import { recordHistory } from '../support/histories.ts';
import { filesWith, seenIn, watchProcesses } from '../support/secrets.ts';
import { type Answer, ready, TestStack, type TestService, until } from '../support/stack.ts';

let s3: TestS3;
let stack: TestStack;
let service: TestService;
let bucket: string;
let before: Record<string, number | null>;
let backupId: string;

beforeAll(async () => {
  s3 = await startS3();
  bucket = await s3.bucket();
  const settings = {
    TIDEMARK_EXTERNAL_ENDPOINTS: new URL(s3.server.endpoint).host,
    TIDEMARK_RETRY_PAUSE: '200ms',
  };
  stack = await TestStack.start('external-storage', { apiSettings: settings, controlSettings: settings });
  service = await stack.addService('shop');
  await service.server.loadSample({ rows: 2_000 });
  before = await service.server.checksums();
});

afterAll(async () => {
  await stack?.stop();
  await s3?.remove();
});

function credentialsFile(changes: Record<string, string> = {}): string {
  const values = {
    aws_access_key_id: s3.credentials.accessKeyId,
    aws_secret_access_key: s3.credentials.secretAccessKey,
    region: 'us-east-1',
    endpoint_url: s3.server.endpoint,
    ...changes,
  };
  const lines = Object.entries(values).map(([key, value]) => `${key} = ${value}`);
  return Buffer.from(['[default]', ...lines, ''].join('\n')).toString('base64');
}

async function order(bucketPath: string, credentials: string, schedule = 'once'): Promise<Answer> {
  return await stack.request('POST', '/backups/schedules', {
    service_id: 'shop',
    backup_type: 'full',
    schedule,
    external_storage: { bucket: { path: bucketPath, credentials } },
  });
}

/** The names of all objects of the bucket. */
async function objects(): Promise<string[]> {
  const folder = s3.server.folderOf(bucket);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
}

/** Reads the backup back. @returns what came of it */
async function verify(): Promise<Record<string, unknown>> {
  const at = `/backups/${encodeURIComponent(backupId)}/verify`;
  expect((await stack.request('POST', at)).status).toBe(200);
  const isOver = ({ body }: Answer): boolean => !/^(Scheduled|Running)$/.test(String(body['status']));
  return (await until(() => stack.request('GET', at), isOver, 'the end of the verification')).body;
}

/** A backup that comes to nothing. @returns its message, which is its schedule's, too */
async function failing(bucketPath: string, credentials: string): Promise<string> {
  const { status, body } = await order(bucketPath, credentials);
  expect([status, body['status']]).toEqual([200, 'Scheduled']);
  const ended = await stack.backupEnd(String(body['backup_id']));
  const schedule = await stack.request('GET', `/backups/schedules/${String(body['id'])}`);
  expect(schedule.body).toMatchObject({ status: 'Failed', message: ended.message });
  return ended.message;
}

describe("a backup in a customer's bucket", () => {
  test('is taken there, listed as external, and brings every table back by its id; nobody sees the credentials', async () => {
    const { accessKeyId, secretAccessKey } = s3.credentials;
    const watch = watchProcesses(accessKeyId, secretAccessKey);
    const { status, body } = await order(`s3://${bucket}/a folder/tidemark/`, credentialsFile());
    expect(status).toBe(200);
    backupId = String(body['backup_id']);
    const backup = await stack.backupEnd(backupId);
    expect(backup).toMatchObject({
      status: 'Succeeded',
      method: 'external',
      is_external_storage: true,
    });
    await service.server.query('DROP DATABASE shop');
    const restore = await stack.restore(backupId, 'shop');
    expect(restore).toMatchObject({ bucket: `s3://${bucket}/a%20folder/tidemark` });
    expect(await service.server.checksums()).toEqual(before);
    const { found } = await watch.end();
    // The server of the bucket has its own keys in its environment, as a cloud would have them.
    expect(found.filter((where) => !where.includes('versitygw'))).toEqual([]);
    await recordHistory(
      stack.client,
      'backup-external',
      `backup/shop/${String(body['id'])}/${backupId.slice(0, 32)}`,
    );
    await recordHistory(stack.client, 'restore-external', restore.workflow_id);
  });

  test('lies in the bucket and nowhere else, and the trial left nothing', async () => {
    expect(await filesWith('mariadb-backup', path.join(stack.storage)).catch(() => [])).toEqual([]);
    const folder = `a folder/tidemark/shop/backups/${backupId.slice(0, 32)}`;
    const names = await objects();
    expect(names).toEqual(expect.arrayContaining([`${folder}/manifest.json`, `${folder}/part-000001`]));
    const others = names.filter((name) => !name.startsWith(`${folder}/`));
    expect(others).toEqual(['a folder/tidemark/.tidemark-creates-only']);
  });

  test('is of a kind that no retention ever removes', async () => {
    await stack.request('PATCH', '/services/shop', { retention: { days: 1 } });
    const { body } = await stack.request<{ backups: unknown[] }>('GET', '/services/shop/retention');
    expect(JSON.stringify(body)).not.toContain(backupId);
  });

  test('takes the same credentials as bytes, in braces with \\n as two characters', async () => {
    const lines = Buffer.from(credentialsFile(), 'base64').toString();
    const braces = `{${lines.trim().replaceAll('\n', '\\n')}}`;
    const { status, body } = await stack.request('POST', '/backups/schedules', {
      service_id: 'shop',
      backup_type: 'full',
      schedule: 'once',
      external_storage: { bucket: { path: `s3://${bucket}/bytes`, credentials: [...Buffer.from(braces)] } },
    });
    expect(status).toBe(200);
    const backup = await stack.backupEnd(String(body['backup_id']));
    expect([backup.status, backup.message]).toEqual(['Succeeded', expect.any(String)]);
  });

  test('is read back where it lies, and what is missing there is told', async () => {
    expect(await verify()).toMatchObject({ status: 'Succeeded', damaged_count: 0 });
    const folder = path.join(
      s3.server.folderOf(bucket),
      'a folder/tidemark/shop/backups',
      backupId.slice(0, 32),
    );
    await rename(path.join(folder, 'part-000001'), path.join(folder, 'away'));
    expect(await verify()).toMatchObject({
      status: 'Failed',
      damaged: [expect.objectContaining({ object: expect.stringContaining('part-000001') })],
    });
    await rename(path.join(folder, 'away'), path.join(folder, 'part-000001'));
    expect(await verify()).toMatchObject({ status: 'Succeeded' });
  });

  test('leaves its credentials in no file, history, log or answer', async () => {
    const { accessKeyId, secretAccessKey } = s3.credentials;
    const bytes = [...Buffer.from(secretAccessKey)].join(',');
    const secrets = [accessKeyId, secretAccessKey, bytes, credentialsFile().slice(0, 60)];
    const id = encodeURIComponent(backupId);
    expect(await seenIn(stack, secrets, [`/backups/${id}`, `/backups/${id}/verify`])).toEqual([]);
  });

  test('is restored to another service by the agent of that one', async () => {
    const other = await stack.addService('shop-2');
    await stack.restore(backupId, 'shop-2');
    expect(await other.server.checksums()).toEqual(before);
  });
});

describe('a bucket that cannot be used', () => {
  test.each([
    ['is not there', () => failing('s3://no-such-bucket/x', credentialsFile()), /no such bucket/],
    [
      'is asked with a wrong secret',
      () => failing(`s3://${bucket}`, credentialsFile({ aws_secret_access_key: 'wrong-canary-0123456789' })),
      /does not take the credentials/,
    ],
    [
      'is asked with a key that nobody knows',
      () => failing(`s3://${bucket}`, credentialsFile({ aws_access_key_id: 'AKIACANARY' })),
      /does not take the credentials|do not allow it/,
    ],
  ])('because it %s ends the run with that, and the schedule says so', async (_name, run, expected) => {
    const message = await run();
    expect(message).toMatch(expected);
    expect(message).not.toMatch(/canary/i);
  });

  test('fails the run of a schedule once it is gone, and the schedule stays', async () => {
    const gone = await s3.bucket();
    const { body } = await order(`s3://${gone}`, credentialsFile());
    expect((await stack.backupEnd(String(body['backup_id']))).status).toBe('Succeeded');
    await rm(s3.server.folderOf(gone), { recursive: true });
    const restore = await stack.restoreEnd(await stack.orderRestore(String(body['backup_id']), 'shop'));
    expect(restore).toMatchObject({ status: 'Failed' });
    expect(restore.message).toContain('no such bucket');
    expect(await service.server.checksums()).toEqual(before);
  });

  test('is refused at once when its endpoint is none of those that the deployment allows', async () => {
    for (const endpoint of [
      'http://169.254.169.254',
      'http://127.0.0.1:3306',
      'http://metadata.google.internal',
    ]) {
      const { status, body } = await order(`s3://${bucket}`, credentialsFile({ endpoint_url: endpoint }));
      expect([status, JSON.stringify(body)]).toEqual([400, expect.stringContaining('external_endpoints')]);
    }
  });
});

describe('the credentials', () => {
  test('of a backup that came to nothing are forgotten, and those of one that can be restored stay without its schedule', async () => {
    const { body } = await order(`s3://${bucket}/kept`, credentialsFile());
    const kept = String(body['backup_id']);
    expect((await stack.backupEnd(kept)).status).toBe('Succeeded');
    const removed = await stack.request('DELETE', `/backups/schedules/${String(body['id'])}`);
    expect(removed.status).toBe(200);
    const failed = await order('s3://no-such-bucket/y', credentialsFile());
    const lost = String(failed.body['backup_id']);
    expect((await stack.backupEnd(lost)).status).toBe('Failed');
    const catalog = await openCatalog(`sqlite://${stack.folder}/catalog.db`);
    try {
      await until(
        async () => await catalog.findExternalBucket(lost),
        (found) => found === undefined,
        'the end of the credentials',
      );
      expect(await catalog.findExternalBucket(kept)).toMatchObject({ location: `s3://${bucket}/kept` });
    } finally {
      await catalog.close();
    }
    await stack.restore(kept, 'shop');
  });

  test('are used to delete a backup on instruction, and forgotten when nothing of it is left', async () => {
    const { body } = await order(`s3://${bucket}/deleted`, credentialsFile());
    const id = String(body['backup_id']);
    expect((await stack.backupEnd(id)).status).toBe('Succeeded');
    const stored = async (): Promise<string[]> =>
      (await objects()).filter((name) => name.startsWith('deleted/') && name.includes('/backups/'));
    expect((await stored()).length).toBeGreaterThan(1);
    const catalog = await openCatalog(`sqlite://${stack.folder}/catalog.db`);
    try {
      const known = await catalog.findExternalBucket(id);
      const deleted = await stack.request('DELETE', `/backups/${encodeURIComponent(id)}`);
      expect([deleted.status, deleted.body['removed']]).toEqual([200, [id]]);
      await until(stored, (names) => names.length === 0, 'the end of the objects');
      await until(
        async () => await catalog.findBucket(known?.id ?? ''),
        (found) => found === undefined,
        'the end of the credentials',
      );
      expect(await catalog.listRemovals()).toEqual([]);
    } finally {
      await catalog.close();
    }
    // What else lies in the bucket is there as before.
    expect(await verify()).toMatchObject({ status: 'Succeeded' });
  });

  test('outlive the key that they were sealed under', async () => {
    const file = path.join(stack.folder, 'sealing-key');
    const [oldLine = ''] = (await readFile(file, 'utf8')).split('\n');
    const tidemark = new CommandLine({ TIDEMARK_CATALOG: `sqlite://${stack.folder}/catalog.db` });
    const startAnew = async (): Promise<void> => {
      await Promise.all([stack.api.end(), stack.control.end()]);
      await Promise.all([stack.api.start(ready.api), stack.control.start(ready.control)]);
    };
    expect((await tidemark.run('sealing-key', 'rotate', file)).code).toBe(0);
    await startAnew();
    expect(await verify()).toMatchObject({ status: 'Succeeded' });
    const { code, stderr } = await tidemark.run('sealing-key', 'reseal', file);
    expect([code, stderr]).toEqual([
      0,
      expect.stringMatching(/line 2 of .* may go: nothing is sealed under it/),
    ]);
    const [newLine = ''] = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, `${newLine}\n`, { mode: 0o600 });
    await startAnew();
    await service.server.query('DROP DATABASE shop');
    await stack.restore(backupId, 'shop');
    expect(await service.server.checksums()).toEqual(before);
    const catalog = await openCatalog(`sqlite://${stack.folder}/catalog.db`);
    const all = await catalog.listSealed('', 100);
    await catalog.close();
    expect(all.length).toBeGreaterThan(0);
    for (const { id, sealed } of all) {
      expect(() => keyRing(oldLine, file).open(sealed, bucketContext(id))).toThrow(
        'not in the sealing key file',
      );
    }
  });
});
