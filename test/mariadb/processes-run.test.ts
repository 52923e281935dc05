import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { passedEnvironment, passEnvironment } from '../../mariadb/processes/environment.ts';
import { endLeftovers, isRunning, processStart, recordProcess } from '../../mariadb/processes/record.ts';
import { runProgram } from '../../mariadb/processes/run.ts';
import { testAttempt } from '../support/attempts.ts';

const sh = (script: string, options: Parameters<typeof runProgram>[2] = {}): ReturnType<typeof runProgram> =>
  runProgram('/bin/sh', ['-c', script], options);

describe('running a program', () => {
  test('tells its exit code and what it said', async () => {
    const result = await sh('echo out; echo err >&2; exit 7');
    expect(result).toEqual({ code: 7, signal: null, stdout: 'out\n', stderr: 'err\n' });
  });

  test('shows it nothing of our environment but what is named, for there may be keys in it', async () => {
    const names = ['AWS_SECRET_ACCESS_KEY', 'MARIADB_OF_A_TEST', 'VAULT_OF_A_TEST'];
    for (const name of names) process.env[name] = 'a canary';
    try {
      const shown = async (): Promise<string[]> => (await sh('env')).stdout.match(/^\w+(?==)/gm) ?? [];
      const first = await shown();
      expect(first).toEqual(expect.arrayContaining(['PATH', 'LC_ALL', 'MARIADB_OF_A_TEST']));
      for (const name of ['AWS_SECRET_ACCESS_KEY', 'VAULT_OF_A_TEST', 'NODE_OPTIONS'])
        expect(first).not.toContain(name);
      passEnvironment(['VAULT_OF_A_TEST']);
      const second = await shown();
      expect(second).toContain('VAULT_OF_A_TEST');
      expect(second).not.toContain('AWS_SECRET_ACCESS_KEY');
    } finally {
      passEnvironment([]);
      for (const name of names) delete process.env[name];
    }
  });

  test('shows it nothing of what keeps our own memory small, but what somebody else says of memory', async () => {
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const { MALLOC_ARENA_MAX: _, MALLOC_MMAP_THRESHOLD_: __, ...usual } = process.env;
    const shell = spawn('bash', ['-c', '. scripts/lib/common.sh; env -0'], { cwd: root, env: usual });
    const entries = (await text(shell.stdout)).split('\0').filter((entry) => entry.startsWith('MALLOC_'));
    expect(entries).toHaveLength(2);
    const image = await readFile(path.join(root, 'Dockerfile'), 'utf8');
    for (const entry of entries) expect(image).toContain(` ${entry}`);
    const ours = Object.fromEntries(entries.map((entry) => entry.split('=') as [string, string]));
    expect(passedEnvironment({ ...ours, LC_ALL: 'C' })).toEqual({ LC_ALL: 'C' });
    const others = { MALLOC_ARENA_MAX: '64', MALLOC_CONF: 'background_thread:true' };
    expect(passedEnvironment(others)).toEqual(others);
  });

  test('tells the signal that ended it', async () => {
    expect(await sh('kill -9 $$')).toMatchObject({ code: null, signal: 'SIGKILL' });
  });

  test('keeps the end of a long output', async () => {
    const { stdout } = await sh('seq 1 100000', { keepBytes: 13 });
    expect(stdout).toBe('99999\n100000\n');
  });

  test('hands over its input, also to a program that does not read it', async () => {
    expect((await sh('cat', { stdin: 'words' })).stdout).toBe('words');
    expect((await sh('exit 0', { stdin: 'x'.repeat(4 * 1024 ** 2) })).code).toBe(0);
  });

  test('ends a program that cannot be recorded, with all that it started, and rejects', async () => {
    const attempt = await testAttempt();
    // A file where the folder of the records has to be.
    await writeFile(path.join(attempt.folder, 'processes'), '');
    const out = path.join(attempt.folder, 'out');
    const running = sh(`sleep 600 & echo $! > '${out}'; wait`, { folder: attempt.folder });
    await expect(running).rejects.toMatchObject({
      code: 'backup_tool_failed',
      message: expect.stringMatching(/could not be recorded in .*EEXIST/),
    });
    // It may have been ended before it wrote anything.
    const started = Number(await readFile(out, 'utf8').catch(() => ''));
    if (started > 0) expect(processStart(started)).toBeUndefined();
  });

  test('does not end with a record that cannot be removed', async () => {
    const attempt = await testAttempt();
    const records = path.join(attempt.folder, 'processes');
    // Once it is recorded, it puts a folder in the place of its record.
    const own = `'${records}/'$$.json`;
    const script = `until [ -e ${own} ]; do sleep 0.01; done; rm -r '${records}'; mkdir -p ${own}`;
    expect((await sh(script, { folder: attempt.folder })).code).toBe(0);
  });

  test('rejects when the system refuses to start it', async () => {
    // An argument that is longer than the kernel takes is refused by a throw, not by an event.
    const tooLong = runProgram('/bin/true', ['x'.repeat(8 * 1024 ** 2)]);
    await expect(tooLong).rejects.toMatchObject({
      code: 'backup_tool_failed',
      message: expect.stringContaining('E2BIG'),
    });
  });

  test('is a tool_missing without the program', async () => {
    await expect(runProgram('/nowhere/mbstream', [])).rejects.toMatchObject({ code: 'tool_missing' });
  });

  test('ends the whole group when it is aborted, and rejects with the reason', async () => {
    const attempt = await testAttempt();
    const reason = new Error('enough');
    const running = sh('trap "" INT; sleep 600 & echo $!; wait; sleep 600', {
      signal: attempt.signal,
      folder: attempt.folder,
    });
    setTimeout(() => attempt.abort(reason), 100);
    await expect(running).rejects.toBe(reason);
    expect(await endLeftovers(attempt.folder)).toBe(0);
  });

  test('ends it after its time', async () => {
    await expect(sh('sleep 600', { timeoutMs: 50 })).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  test('does not start anything for an attempt that is over', async () => {
    const attempt = await testAttempt();
    const reason = new Error('enough');
    attempt.abort(reason);
    await expect(sh('exit 0', { signal: attempt.signal })).rejects.toBe(reason);
  });

  test('does not wait for a daemon that holds its output open', async () => {
    const { stdout } = await sh('sleep 600 & echo started $!');
    const [, pid = ''] = /started (\d+)/.exec(stdout) ?? [];
    expect(processStart(Number(pid))).toBeDefined();
    process.kill(Number(pid), 'SIGKILL');
  });
});

describe('processes that an earlier attempt left', () => {
  test('are ended, each with its group, after their parent was killed', async () => {
    const attempt = await testAttempt();
    const helper = fileURLToPath(new URL('../support/left-by.ts', import.meta.url));
    const parent = spawn(process.execPath, [helper, attempt.folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '--disable-warning=ExperimentalWarning' },
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pids = [...String(line).matchAll(/\d+/g)].map(([pid]) => Number(pid));
    parent.kill('SIGKILL');
    await once(parent, 'exit');
    const left = pids.filter((pid) => processStart(pid) !== undefined);
    expect(left.length).toBeGreaterThan(0);
    expect(await endLeftovers(attempt.folder)).toBe(left.length);
    for (const pid of pids) expect(() => process.kill(-pid, 0)).toThrow('ESRCH');
    expect(await endLeftovers(attempt.folder)).toBe(0);
  });

  test('are told from a stranger that was given the same pid', async () => {
    const attempt = await testAttempt();
    const stranger = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' });
    const pid = stranger.pid ?? 0;
    recordProcess(attempt.folder, pid, 'sleep');
    const file = path.join(attempt.folder, 'processes', `${pid}.json`);
    await writeFile(file, JSON.stringify({ pid, started: '1', program: 'mariadb-backup' }));
    expect(await endLeftovers(attempt.folder)).toBe(0);
    expect(processStart(pid)).toBeDefined();
    stranger.kill('SIGKILL');
    await once(stranger, 'exit');
  });

  test('are none where a record was cut short, or nothing was ever recorded', async () => {
    const attempt = await testAttempt();
    expect(await endLeftovers(attempt.folder)).toBe(0);
    await mkdir(path.join(attempt.folder, 'processes'));
    await writeFile(path.join(attempt.folder, 'processes', '12.json'), '{"pid":1');
    expect(await endLeftovers(attempt.folder)).toBe(0);
  });

  test('a process is known by its start, and gone when it has ended', async () => {
    const child = spawn('sleep', ['600'], { stdio: 'ignore' });
    const start = processStart(child.pid ?? 0);
    expect(isRunning(child.pid ?? 0, start ?? '')).toBe(true);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(processStart(child.pid ?? 0)).toBeUndefined();
  });
});
