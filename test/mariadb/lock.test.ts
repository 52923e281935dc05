import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { acquireLock } from '../../mariadb/lock.ts';
import { runFolder } from '../support/run.ts';
import { testIf } from '../support/skip.ts';

const lockModule = new URL('../../mariadb/lock.ts', import.meta.url).href;

async function lockFile(): Promise<string> {
  return path.join(await mkdtemp(path.join(runFolder(), 'lock-')), 'deep', 'server.lock');
}

/** Another process that takes the lock and keeps it. */
async function otherOwner(file: string): Promise<ChildProcess> {
  const script =
    `const { acquireLock } = await import(${JSON.stringify(lockModule)});` +
    `await acquireLock(${JSON.stringify(file)}, { operation: 'restore 12' });` +
    "process.stdout.write('held'); setInterval(() => {}, 1000);";
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    },
  );
  await once(child.stdout, 'data');
  return child;
}

/** What another user of this machine is told who wants the lock. */
async function refusedAs(uid: number, file: string): Promise<string> {
  const script =
    `const { acquireLock } = await import(${JSON.stringify(lockModule)});` +
    `process.setgid(${uid}); process.setuid(${uid});` +
    `const refusal = await acquireLock(${JSON.stringify(file)}, { operation: 'backup 3', waitMs: 0 })` +
    ".then(() => 'taken', ({ code, message }) => code + ': ' + message);" +
    'process.stdout.write(refusal);';
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NODE_OPTIONS: '' } },
  );
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await once(child, 'close');
  return said;
}

describe('a lock', () => {
  testIf(process.getuid?.() === 0, 'another user is tried by root alone')(
    'of another user is refused, naming the file and whose it is',
    async () => {
      const open = await mkdtemp(path.join(tmpdir(), 'lock-'));
      try {
        await chmod(open, 0o777);
        const file = path.join(open, 'server.lock');
        await (await acquireLock(file, { operation: 'backup 2' })).release();
        const refusal = `lock_forbidden: The lock ${file} cannot be taken:`;
        expect(await refusedAs(65_534, file)).toMatch(
          new RegExp(`^${refusal} it belongs to the user root \\(uid 0\\), and this process runs as .*65534`),
        );
        // One that is not there yet, in a folder that may not be written to.
        await chmod(open, 0o755);
        const other = path.join(open, 'agent.lock');
        expect(await refusedAs(65_534, other)).toContain(`${open} belongs to the user root (uid 0)`);
        // One that may be used is no obstacle, whoever made it.
        await chown(file, 65_534, 65_534);
        await chmod(open, 0o777);
        expect(await refusedAs(65_534, file)).toBe('taken');
        await using again = await acquireLock(file, { operation: 'backup 4', waitMs: 5_000 });
        expect(again).toBeDefined();
      } finally {
        await rm(open, { recursive: true });
      }
    },
  );

  test('is held by one, and refused to the next with the name of who has it', async () => {
    const file = await lockFile();
    await using first = await acquireLock(file, { operation: 'backup 3' });
    expect(first).toBeDefined();
    const second = acquireLock(file, { operation: 'restore 4', waitMs: 150 });
    await expect(second).rejects.toMatchObject({ code: 'host_busy' });
    await expect(second).rejects.toThrow(/backup 3 \(process \d+\) works on this server/);
  });

  test('goes to who waits for it when it is given back', async () => {
    const file = await lockFile();
    const first = await acquireLock(file, { operation: 'backup 3' });
    const second = acquireLock(file, { operation: 'restore 4', waitMs: 30_000 });
    await first.release();
    await first.release();
    await using lock = await second;
    expect(lock).toBeDefined();
    await expect(acquireLock(file, { operation: 'restore 5', waitMs: 0 })).rejects.toThrow('restore 4');
  });

  test('is one between processes, and ends with a process that is killed', async () => {
    const file = await lockFile();
    const other = await otherOwner(file);
    await expect(acquireLock(file, { operation: 'backup 3', waitMs: 150 })).rejects.toThrow(
      `restore 12 (process ${other.pid})`,
    );
    other.kill('SIGKILL');
    await once(other, 'exit');
    await using lock = await acquireLock(file, { operation: 'backup 3', waitMs: 0 });
    expect(lock).toBeDefined();
  });

  test('is no longer waited for by an attempt that is aborted', async () => {
    const file = await lockFile();
    await using first = await acquireLock(file, { operation: 'backup 3' });
    expect(first).toBeDefined();
    const reason = new Error('cancelled');
    const controller = new AbortController();
    const second = acquireLock(file, { operation: 'restore 4', signal: controller.signal, waitMs: 60_000 });
    controller.abort(reason);
    await expect(second).rejects.toBe(reason);
  });
});
