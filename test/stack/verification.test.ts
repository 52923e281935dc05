/** A real backup is read back: whole, then with a byte flipped, a part missing and its manifest cut. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { objectKeys } from '../../domain/ids.ts';
import { CommandLine } from '../support/command-line.ts';
import { recordHistory } from '../support/histories.ts';
import { TestStack, until } from '../support/stack.ts';

interface Verification {
  status: string;
  message: string;
  objects_count: number;
  bytes_read: number;
  damaged_count: number;
  damaged: { backup_id: string; object: string; finding: string }[];
  progress?: { phase: string; percent: number; bytes_done: number };
}

let stack: TestStack;
let backupId: string;
let folder: string;

beforeAll(async () => {
  stack = await TestStack.start('verification');
  const service = await stack.addService('kept-1', { settings: { backup: { part_size: '128K' } } });
  await service.server.loadSample();
  backupId = (await stack.takeBackup('kept-1')).id;
  folder = path.join(stack.storage, objectKeys.backupFolder(backupId));
});

afterAll(() => stack.stop());

const at = (): string => `/backups/${encodeURIComponent(backupId)}/verify`;

async function verify(): Promise<Verification> {
  expect((await stack.request('POST', at())).status).toBe(200);
  return await until(
    async () => (await stack.request<Verification>('GET', at())).body,
    ({ status }) => !['Scheduled', 'Running'].includes(status),
    'the end of the verification',
  );
}

test('a backup that is whole is said to be, without its agent', async () => {
  const parts = (await readdir(folder)).filter((name) => name.startsWith('part-'));
  expect(parts.length).toBeGreaterThan(3);
  await stack.services[0]?.agent.end();
  const found = await verify();
  const { backup_size: size } = await stack.backupOf(backupId);
  expect(found).toMatchObject({
    status: 'Succeeded',
    objects_count: parts.length + 1,
    bytes_read: size,
    damaged_count: 0,
    damaged: [],
    progress: { phase: 'done', percent: 100, bytes_done: size },
  });
  expect(found.message).toMatch(/^The backup is whole in file:\S+: \d+ objects with .* were read back/);
  const records = stack.client.workflow.list({ query: "WorkflowType = 'verification'" });
  for await (const { workflowId } of records) await recordHistory(stack.client, 'verification', workflowId);
  await stack.services[0]?.agent.start('The agent is ready');
});

test('all that is damaged is found, by the command line too', async () => {
  const flipped = path.join(folder, 'part-000002');
  const before = await readFile(flipped);
  const bytes = Buffer.from(before);
  bytes[1000] = (bytes[1000] ?? 0) ^ 1;
  await rm(flipped);
  await writeFile(flipped, bytes);
  await rename(path.join(folder, 'part-000003'), path.join(folder, 'away'));

  const tidemark = new CommandLine({ TIDEMARK_URL: stack.url, TIDEMARK_TOKEN: stack.token });
  const { code, stdout, stderr } = await tidemark.run('backups', 'verify', backupId, '--wait', '--json');
  expect(code).toBe(1);
  expect(stderr).toMatch(/^(scheduled|reading)/m);
  const found = JSON.parse(stdout) as Verification;
  expect(found).toMatchObject({ status: 'Failed', damaged_count: 2 });
  expect(found.damaged.map(({ object }) => path.basename(object))).toEqual(['part-000002', 'part-000003']);
  expect(found.damaged[0]?.finding).toMatch(/^expected SHA-256 [0-9a-f]{64}, found [0-9a-f]{64}$/);
  expect(found.damaged[1]?.finding).toMatch(/^expected \d+ bytes, found no such object$/);
  expect(found.message).toMatch(/\/part-000002 in file:\S+ is damaged: expected SHA-256 /);
  expect(found.message).toContain('So is 1 more object. Restore another backup');

  await rename(path.join(folder, 'away'), path.join(folder, 'part-000003'));
  await rm(flipped);
  await writeFile(flipped, before);
  const mended = await tidemark.run('backups', 'verify', backupId, '--wait');
  expect({ code: mended.code, stdout: mended.stdout }).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^status +Succeeded$/m) as unknown,
  });
});

test('one whose control worker was killed meanwhile is carried on', async () => {
  await stack.control.end('SIGKILL');
  expect((await stack.request('POST', at())).status).toBe(200);
  await stack.control.start('The control worker is ready');
  expect(await verify()).toMatchObject({ status: 'Succeeded' });
});

test('a verification that was terminated is ended, and another one can be ordered', async () => {
  const query = "WorkflowType = 'verification' and ExecutionStatus = 'Running'";
  const open = async (): Promise<string[]> => {
    const ids: string[] = [];
    for await (const { workflowId } of stack.client.workflow.list({ query })) ids.push(workflowId);
    return ids;
  };
  // The result of the one before is told a moment before its workflow is over, and a worker has to end that.
  await until(open, (ids) => ids.length === 0, 'the end of the workflows before');
  await stack.control.end();
  expect((await stack.request('POST', at())).status).toBe(200);
  const running = await until(open, (ids) => ids.length === 1, 'the workflow');
  await stack.client.workflow.getHandle(running[0] ?? '').terminate();
  await stack.control.start('The control worker is ready');
  const ended = await until(
    async () => (await stack.request<Verification>('GET', at())).body,
    ({ status }) => status === 'Failed',
    'the end of the verification',
  );
  expect(ended.message).toContain('ended without a result');
  expect(await verify()).toMatchObject({ status: 'Succeeded' });
});

test('a manifest that is cut is damage, and the backup itself is left as it is', async () => {
  const manifest = path.join(folder, 'manifest.json');
  const whole = await readFile(manifest);
  await rm(manifest);
  await writeFile(manifest, whole.subarray(0, 500));
  const found = await verify();
  expect(found).toMatchObject({ status: 'Failed', objects_count: 1, damaged_count: 1 });
  expect(found.damaged[0]?.object).toBe(objectKeys.manifest(backupId));
  expect((await stack.backupOf(backupId)).status).toBe('Succeeded');
  await writeFile(manifest, whole);
});
