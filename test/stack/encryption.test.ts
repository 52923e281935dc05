/** Encrypted backups, from the setting to the data: who can open them, who is told so, and that no secret gets about. */
import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import type { Manifest } from '../../domain/manifest.ts';
import { openStore } from '../../storage/open.ts';
import { readManifest } from '../../storage/manifest.ts';
import { statParts, verifyBackup } from '../../storage/verify.ts';
import { readHistory } from '../support/histories.ts';
import { startTestServer } from '../support/mariadb.ts';
import { filesWith, watchProcesses } from '../support/secrets.ts';
import { ready, TestStack, type TestService } from '../support/stack.ts';

const run = promisify(execFile);
/** Of the deployment, of the service, and the one that lies in a safe. */
const [ours, own, safe] = [newAgeIdentity(), newAgeIdentity(), newAgeIdentity()];
/** The identities' own characters, which nothing but them has. */
const canary = ours.identity.slice('AGE-SECRET-KEY-1'.length);

let stack: TestStack;
let service: TestService;
let before: Record<string, number | null>;
let first: string;

beforeAll(async () => {
  const settings = { TIDEMARK_RECIPIENTS: ours.recipient };
  const timings = { TIDEMARK_AGENT_WAIT: '60s', TIDEMARK_RETRY_PAUSE: '200ms' };
  stack = await TestStack.start('encryption', {
    apiSettings: { ...settings, ...timings },
    controlSettings: { ...settings, ...timings },
  });
  for (const [name, { identity }] of [
    ['ours', ours] as const,
    ['own', own] as const,
    ['safe', safe] as const,
  ])
    await writeFile(keyFile(name), `${identity}\n`, { mode: 0o600 });
  service = await stack.addService('vault', { settings: pinned });
  await service.server.loadSample({ rows: 10_000 });
  before = await service.server.checksums();
});

afterAll(async () => {
  await stack?.stop();
});

/** Beside the run's other things, as an operator would keep it on the agent's host. */
function keyFile(name: string): string {
  return path.join(stack.folder, `${name}.key`);
}

/** What the agent's file says at first: the key of the safe is in every backup, and ours opens. */
const pinned = {
  get backup() {
    return { recipients: [safe.recipient] };
  },
  get restore() {
    return { age_identity_file: keyFile('ours') };
  },
};

async function withSettings(settings: Record<string, unknown>): Promise<void> {
  await service.agent.end();
  await stack.configure(service, settings);
  await service.agent.start(ready.agent);
}

async function manifestOf(backupId: string): Promise<Manifest> {
  return (await readManifest(await openStore(`file://${stack.storage}`), backupId)).manifest;
}

function partsFolder(backupId: string): string {
  return path.join(stack.storage, service.serviceId, 'backups', backupId.slice(0, 32));
}

async function setRecipients(recipients: string[] | 'default'): Promise<void> {
  const { status } = await stack.request('PATCH', '/services/vault', { encryption: { recipients } });
  expect(status).toBe(200);
}

/** What became of a restore that is refused in its plan: nothing was begun on the host, and the server never stopped. */
async function refused(backupId: string): Promise<string> {
  const uptime = await startedAt();
  const restore = await stack.restoreEnd(await stack.orderRestore(backupId, 'vault'));
  expect(restore.status).toBe('Failed');
  expect(await startedAt()).toBe(uptime);
  const { workflow_id: workflowId } = restore;
  await expect(stack.client.workflow.getHandle(workflowId).result()).rejects.toMatchObject({
    cause: { type: 'identity_unavailable' },
  });
  const history = await readHistory(stack.client, workflowId, '');
  expect(history).toContain('inspectHost');
  expect(history).not.toMatch(/fetchBackup|stopServer|emptyData|putBack/);
  return restore.message;
}

async function startedAt(): Promise<number> {
  const [row] = await service.server.query<{ at: number }>(
    "SELECT ROUND(UNIX_TIMESTAMP() - variable_value) AS at FROM information_schema.global_status WHERE variable_name = 'UPTIME'",
  );
  // The server counts in whole seconds.
  return Math.round(Number(row?.at) / 5);
}

describe('a backup of a deployment with recipients', () => {
  test('is for these and for whom the agent names; it is restored with one identity, which nobody else sees', async () => {
    const watch = watchProcesses(canary);
    first = (await stack.takeBackup('vault')).id;
    await service.server.query('DROP DATABASE shop');
    const restore = await stack.restore(first, 'vault');
    expect(restore.message).toMatch(/^Restore has succeeded!/);
    const { found, seen } = await watch.end();
    expect(await service.server.checksums()).toEqual(before);
    // It was looked while age worked, both ways.
    const programs = [...seen].filter((line) => /(^|\/)age /.test(line));
    expect(programs.some((line) => line.includes(`-r ${safe.recipient} -r ${ours.recipient}`))).toBe(true);
    expect(programs.some((line) => / -d -i \/dev\/fd\/5/.test(line))).toBe(true);
    expect(found).toEqual([]);

    const { pipeline } = await manifestOf(first);
    expect(pipeline.recipients).toEqual([safe.recipient, ours.recipient]);
    const part = await readFile(path.join(partsFolder(first), 'part-000001'));
    expect(part.subarray(0, 21).toString()).toBe('age-encryption.org/v1');
    const { body } = await stack.request('GET', '/services/vault');
    expect(body['encryption']).toEqual({
      recipients: [ours.recipient],
      origin: 'deployment',
      pinned: [safe.recipient],
      unencrypted: 'allowed',
    });
  });

  test('leaves the identity in no file, history, log or answer', async () => {
    expect(await filesWith(canary, stack.folder)).toEqual([keyFile('ours')]);
    for await (const { workflowId, runId } of stack.client.workflow.list()) {
      expect(await readHistory(stack.client, workflowId, runId)).not.toContain(canary);
    }
    for (const { output } of [stack.api, stack.control, service.agent]) {
      expect(output.length).toBeGreaterThan(0);
      expect(output).not.toContain(canary);
    }
    const id = encodeURIComponent(first);
    const answers = ['/services/vault', '/backups', `/backups/${id}`, '/restores', '/restores/1', '/audit'];
    for (const place of [...answers, '/backups/schedules']) {
      const { status, body } = await stack.request('GET', place);
      expect([place, status]).toEqual([place, 200]);
      expect(JSON.stringify(body)).not.toContain(canary);
    }
  });

  test('is verified by whoever has no identity, and damage is found', async () => {
    const store = await openStore(`file://${stack.storage}`);
    const manifest = await manifestOf(first);
    const options = { ahead: 2, signal: new AbortController().signal };
    await statParts(store, manifest);
    await verifyBackup(store, manifest, options);
    const file = path.join(partsFolder(first), 'part-000001');
    const good = await readFile(file);
    const bad = Buffer.from(good);
    bad[1000] = (bad[1000] ?? 0) ^ 1;
    await chmod(file, 0o600);
    await writeFile(file, bad);
    await expect(verifyBackup(store, manifest, options)).rejects.toMatchObject({ code: 'object_damaged' });
    await writeFile(file, good);
    await verifyBackup(store, manifest, options);
  });

  test.each(['ours', 'safe'])('is opened by hand, with the key %s', async (name) => {
    const folder = path.join(service.server.folder, `by-hand-${name}`);
    const data = path.join(folder, 'data');
    await mkdir(data, { recursive: true });
    const script = `cat part-* | age -d -i "$1" | zstd -d | mbstream -x -C "$2"`;
    await run('bash', ['-o', 'pipefail', '-c', script, 'bash', keyFile(name), data], {
      cwd: partsFolder(first),
    });
    await run('mariadb-backup', ['--prepare', `--target-dir=${data}`]);
    if (process.getuid?.() === 0) await run('chown', ['-R', 'mysql:mysql', data]);
    const restored = await startTestServer({ folder, filled: true });
    try {
      expect(await restored.checksums()).toEqual(before);
    } finally {
      await restored.remove();
    }
  });
});

describe('recipients of a service', () => {
  let second: string;

  test("take the place of the deployment's in new backups alone; the agent's stay", async () => {
    await setRecipients([own.recipient]);
    second = (await stack.takeBackup('vault')).id;
    expect((await manifestOf(second)).pipeline.recipients).toEqual([safe.recipient, own.recipient]);
    expect((await manifestOf(first)).pipeline.recipients).toEqual([safe.recipient, ours.recipient]);
  });

  test('are named by a restore that has none of their identities, before anything is touched', async () => {
    const message = await refused(second);
    expect(message).toContain(`the age identity of one of ${safe.recipient}, ${own.recipient}.`);
    expect(message).toContain(`It has ${ours.recipient}.`);
    // In place nothing was emptied either.
    const restore = await stack.orderRestore(second, 'vault', { mode: 'in-place' });
    expect(await stack.restoreEnd(restore)).toMatchObject({ status: 'Failed' });
    expect(await service.server.checksums()).toEqual(before);
  });

  test('are opened by an identity that a command hands over', async () => {
    await withSettings({ ...pinned, restore: { age_identity_command: ['cat', keyFile('own')] } });
    await stack.restore(second, 'vault');
    expect(await service.server.checksums()).toEqual(before);
  });

  test('do not help where others may read the identity', async () => {
    await chmod(keyFile('ours'), 0o644);
    await withSettings({ backup: pinned.backup, restore: pinned.restore });
    expect(await refused(first)).toContain(`(mode 0644): chmod 600 ${keyFile('ours')}`);
    const { body } = await stack.request<{ warnings: string[] }>('GET', '/services/vault');
    expect(body.warnings.join()).toContain('chmod 600');
    await chmod(keyFile('ours'), 0o600);
    await service.server.query('DROP DATABASE shop');
    await stack.restore(first, 'vault', { mode: 'in-place' });
    expect(await service.server.checksums()).toEqual(before);
  });
});

describe('where unencrypted backups are refused', () => {
  test('by nobody, a backup for nobody is taken', async () => {
    await withSettings({});
    await setRecipients([]);
    const { id } = await stack.takeBackup('vault');
    expect((await manifestOf(id)).pipeline.recipients).toEqual([]);
  });

  test('by the agent, one that was ordered before is refused in its run, and further ones when they are ordered', async () => {
    await service.agent.end();
    const waiting = await stack.orderBackup('vault');
    await stack.configure(service, { backup: { unencrypted: 'refused' } });
    await service.agent.start(ready.agent);
    const ended = await stack.backupEnd(waiting);
    expect(ended.status).toBe('Failed');
    expect(ended.message).toContain('Name age recipients: encryption.recipients in PATCH /services/vault');
    expect(await readdir(partsFolder(waiting)).catch(() => [])).toEqual([]);
    const order = { service_id: 'vault', backup_type: 'full', schedule: 'once' };
    const { status, body } = await stack.request('POST', '/backups/schedules', order);
    expect([status, body['errors']]).toEqual([
      409,
      [expect.objectContaining({ error: 'encryption_required' })],
    ]);
    await setRecipients('default');
    const { id } = await stack.takeBackup('vault');
    expect((await manifestOf(id)).pipeline.recipients).toEqual([ours.recipient]);
  });
});
