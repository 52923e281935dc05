/** Schedules into a customer's bucket that is missing, refuses, or breaks: each run says why, and the next one is right. */
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { ScheduleHandle } from '@temporalio/client';
import { openCatalog } from '../../catalog/open.ts';
import { objectKeys, scheduleIds } from '../../domain/ids.ts';
import { startS3, type TestS3 } from '../support/s3.ts';
import { type Refusal, S3Gate } from '../support/s3-gate.ts';
import { beginRun } from '../support/schedule-run.ts';
import { type BackupBody, TestStack, type TestService, until } from '../support/stack.ts';

interface ScheduleBody {
  id: number;
  status: string;
  message: string;
  backup_id?: string;
}

let s3: TestS3;
let gate: S3Gate;
let stack: TestStack;
let service: TestService;
let deploymentId: string;
/** Runs every minute beside the tests, in a bucket of its own. */
let everyMinute: { id: number; bucket: string };

beforeAll(async () => {
  s3 = await startS3();
  gate = await S3Gate.start(s3.server.endpoint);
  const common = {
    TIDEMARK_EXTERNAL_ENDPOINTS: [s3.server.endpoint, gate.url].map((url) => new URL(url).host).join(', '),
    TIDEMARK_RETRY_PAUSE: '200ms',
    TIDEMARK_SCHEDULE_SPREAD: '0s',
  };
  stack = await TestStack.start('external-bad-days', { apiSettings: common, controlSettings: common });
  const settings = { storage_options: { retry_for: '2s' }, backup: { part_size: '128K' } };
  service = await stack.addService('shop', { settings });
  await stack.addService('clockwork', { settings });
  await service.server.loadSample({ rows: 2_000 });
  const catalog = await openCatalog(`sqlite://${stack.folder}/catalog.db`);
  deploymentId = await catalog.deploymentId();
  await catalog.close();
  const bucket = await s3.bucket();
  everyMinute = { id: await order(bucket, { serviceId: 'clockwork', schedule: '* * * * *' }), bucket };
});

afterEach(() => {
  gate.judge = () => undefined;
});

afterAll(async () => {
  await stack?.stop();
  await gate?.close();
  await s3?.remove();
});

/** A schedule that repeats, by way of the gate. @returns its id */
async function order(
  bucket: string,
  { serviceId = 'shop', schedule = '0 3 1 1 *', secret = s3.credentials.secretAccessKey } = {},
): Promise<number> {
  const lines = [
    `aws_access_key_id = ${s3.credentials.accessKeyId}`,
    `aws_secret_access_key = ${secret}`,
    'region = us-east-1',
    `endpoint_url = ${serviceId === 'shop' ? gate.url : s3.server.endpoint}`,
  ];
  const credentials = Buffer.from(`[default]\n${lines.join('\n')}\n`).toString('base64');
  const { status, body } = await stack.request<ScheduleBody>('POST', '/backups/schedules', {
    service_id: serviceId,
    backup_type: 'full',
    schedule,
    external_storage: { bucket: { path: `s3://${bucket}/kept`, credentials } },
  });
  expect([status, body.status]).toEqual([200, 'Scheduled']);
  return body.id;
}

async function read(id: number): Promise<ScheduleBody> {
  const { status, body } = await stack.request<ScheduleBody>('GET', `/backups/schedules/${id}`);
  expect(status).toBe(200);
  return body;
}

function handle(id: number): ScheduleHandle {
  return stack.client.schedule.getHandle(scheduleIds.format(deploymentId, id));
}

/** Begins a run now, as if it were due, and waits for its end. */
async function run(id: number): Promise<BackupBody> {
  const before = (await read(id)).backup_id;
  // A row is final a moment before its workflow has ended, and a run meanwhile would be left out.
  await until(
    () => handle(id).describe(),
    ({ info }) => info.runningActions.length === 0,
    'the end of the run before',
  );
  const backupId = await beginRun(
    () => handle(id).trigger('SKIP'),
    async () => {
      const { backup_id: latest } = await read(id);
      return latest === before ? undefined : latest;
    },
  );
  return await stack.backupEnd(backupId);
}

/** A run that fails. @returns why, which is the schedule's message, too */
async function failing(id: number): Promise<BackupBody> {
  const backup = await run(id);
  expect(backup.status).toBe('Failed');
  const schedule = await read(id);
  expect(schedule).toMatchObject({ status: 'Failed', backup_id: backup.id });
  expect(schedule.message).toContain(backup.message);
  return backup;
}

/** The run after it was mended, of the same schedule. */
async function succeeding(id: number): Promise<BackupBody> {
  const backup = await run(id);
  expect([backup.status, backup.message]).toEqual(['Succeeded', expect.stringContaining('succeeded')]);
  expect((await read(id)).status).toBe('Succeeded');
  return backup;
}

/** What lies in the bucket of one backup, by the last part of its name. */
async function objectsOf(bucket: string, backupId: string): Promise<string[]> {
  const folder = path.join(s3.server.folderOf(bucket), 'kept', objectKeys.backupFolder(backupId));
  return await readdir(folder).catch(() => []);
}

const accessDenied: Refusal = { status: 403, code: 'AccessDenied', message: 'Access Denied.' };

describe('a schedule whose bucket cannot be used says why in its message, stays, and goes on once that is mended', () => {
  test('no such bucket', async () => {
    const id = await order('not-there-yet');
    expect((await failing(id)).message).toContain('there is no such bucket');
    await s3.server.makeBucket('not-there-yet');
    await succeeding(id);
  });

  test.each<[string, Refusal, RegExp]>([
    ['forbidden', accessDenied, /the credentials do not allow it .*Allow them to list/],
    [
      'expired credentials',
      { status: 400, code: 'ExpiredToken', message: 'The provided token has expired.' },
      /does not take the credentials .*The provided token has expired.*Give it valid ones/,
    ],
    [
      'wrong credentials',
      { status: 403, code: 'InvalidAccessKeyId', message: 'The key does not exist in our records.' },
      /does not take the credentials .*does not exist in our records/,
    ],
    [
      'another region, as its endpoint answers',
      {
        status: 301,
        code: 'PermanentRedirect',
        message: 'Send all future requests to this endpoint.',
        fields: '<Endpoint>127.0.0.1:1</Endpoint>',
        headers: { 'x-amz-bucket-region': 'eu-central-1', location: 'http://127.0.0.1:1/' },
      },
      /in the region eu-central-1\..*region in the credentials/,
    ],
    [
      'another region, as the signature tells',
      {
        status: 400,
        code: 'AuthorizationHeaderMalformed',
        message: "The region 'us-east-1' is wrong; expecting 'eu-west-3'",
        fields: '<Region>eu-west-3</Region>',
      },
      /in the region eu-west-3\..*region in the credentials/,
    ],
  ])('%s', async (_what, refusal, expected) => {
    const bucket = await s3.bucket();
    const id = await order(bucket);
    gate.judge = () => refusal;
    const { id: failed, message } = await failing(id);
    expect(message).toMatch(expected);
    expect(await objectsOf(bucket, failed)).toEqual([]);
    gate.judge = () => undefined;
    await succeeding(id);
  });

  test('a wrong secret, by the server’s own refusal', async () => {
    const id = await order(await s3.bucket(), { secret: 'wrong-canary-0123456789' });
    const { message } = await failing(id);
    expect(message).toContain('does not take the credentials');
    expect(message).not.toContain('canary');
    expect(JSON.stringify(await read(id))).not.toContain('canary');
  });
});

describe('a bucket that breaks in the middle of a backup', () => {
  /** Carries `work` out when the third part comes in, and judges from then on by what it answers. */
  function atThirdPart(work: () => Promise<Refusal | undefined>): () => boolean {
    let broken: Promise<Refusal | undefined> | undefined;
    gate.judge = (method, url) => {
      if (method === 'PUT' && url.includes('/part-000003')) broken ??= work();
      return broken;
    };
    return () => broken !== undefined;
  }

  async function isNoBackup({ id }: BackupBody, bucket: string): Promise<void> {
    expect(await objectsOf(bucket, id)).not.toContain('manifest.json');
    const { status } = await stack.request('POST', '/restores', { id, service_id: 'shop' });
    expect(status).toBe(409);
  }

  test('by credentials that are taken away fails that run, and the next one is right', async () => {
    const bucket = await s3.bucket();
    const id = await order(bucket);
    const broke = atThirdPart(() => Promise.resolve(accessDenied));
    const failed = await failing(id);
    expect(broke()).toBe(true);
    expect(failed.message).toMatch(/the credentials do not allow it/);
    await isNoBackup(failed, bucket);
    gate.judge = () => undefined;
    await succeeding(id);
  });

  test('by a server that dies fails that run, leaves nothing once it is back, and the next run restores', async () => {
    const before = await service.server.checksums();
    const bucket = await s3.bucket();
    const id = await order(bucket);
    const broke = atThirdPart(async () => {
      await s3.server.stop();
      return undefined;
    });
    const failed = await failing(id);
    expect(broke()).toBe(true);
    expect(failed.message).toMatch(/Could not .* in s3:/);
    await s3.server.start();
    await isNoBackup(failed, bucket);
    const { id: kept } = await succeeding(id);
    // What was left is removed by a workflow of its own, as soon as the bucket answers.
    await until(
      () => objectsOf(bucket, failed.id),
      (names) => names.length === 0,
      'the removal of what was left',
    );
    await service.server.query('DROP DATABASE shop');
    await stack.restore(kept, 'shop');
    expect(await service.server.checksums()).toEqual(before);
  });
});

test('a schedule of every minute has had its runs by itself, each a whole backup in the bucket', async () => {
  const { backups } = await until(
    async () =>
      (await stack.request<{ backups: BackupBody[] }>('GET', '/backups/clockwork?status=Succeeded')).body,
    (list) => list.backups.length >= 2,
    'two runs',
    240_000,
  );
  for (const { id } of backups.slice(0, 2)) {
    expect(await objectsOf(everyMinute.bucket, id)).toContain('manifest.json');
    expect(await stack.backupOf(id)).toMatchObject({
      schedule_id: everyMinute.id,
      is_external_storage: true,
    });
  }
  expect((await stack.request('DELETE', `/backups/schedules/${everyMinute.id}`)).status).toBe(200);
  await rm(s3.server.folderOf(everyMinute.bucket), { recursive: true });
});
