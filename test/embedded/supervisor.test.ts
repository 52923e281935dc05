/** Processes that are kept running, and how they end. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endLeftovers } from '../../embedded/leftovers.ts';
import { isAlive, readRecord } from '../../embedded/process-record.ts';
import { Supervised, type ProcessSpec } from '../../embedded/supervisor.ts';

let folder: string;
let said: string[];
const started: Supervised[] = [];
const quick = { firstMs: 50, mostMs: 200, livedLongMs: 60_000 };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'supervisor-'));
  said = [];
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((process) => process.stop()));
  await rm(folder, { recursive: true, force: true });
});

function supervise(script: string, more: Partial<ProcessSpec> = {}, name = 'child'): Supervised {
  const spec: ProcessSpec = {
    name,
    program: '/bin/sh',
    args: ['-c', script],
    environment: {},
    logFile: join(folder, `${name}.log`),
    recordFile: join(folder, `${name}.json`),
    graceMs: 5_000,
    ...more,
  };
  const process = new Supervised(spec, (message) => said.push(message), quick);
  started.push(process);
  return process;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + 120_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error('It did not happen within 120 s.');
    await sleep(20);
  }
}

test('a process that was killed is started again, and it is said why', async () => {
  const child = supervise('exec sleep 600');
  await child.start();
  const first = child.pid as number;
  process.kill(first, 'SIGKILL');
  await until(() => child.pid !== undefined && child.pid !== first);
  expect(said).toEqual([
    expect.stringMatching(/^child was ended by SIGKILL; it is started again in 0\.05 s/),
  ]);
  expect(child.deaths).toBe(1);
});

test('a process that keeps dying is started again after longer and longer pauses, up to a limit', async () => {
  const child = supervise('exit 3');
  await child.start();
  await until(() => child.deaths >= 5);
  const pauses = said.slice(0, 5).map((message) => /again in ([\d.]+) s/.exec(message)?.[1]);
  expect(pauses).toEqual(['0.05', '0.1', '0.2', '0.2', '0.2']);
  expect(said[0]).toContain('ended with exit code 3');
});

test('a program that is not there counts as a death and is tried again', async () => {
  const child = supervise('', { program: join(folder, 'missing') });
  await child.start();
  await until(() => child.deaths >= 2);
  expect(said[0]).toMatch(/^child could not be started \(.*missing/);
});

test.each([
  ['its log', 'logFile'],
  ['its record', 'recordFile'],
] as const)(
  'a restart for which %s cannot be written counts as a death and is tried again',
  async (_what, file) => {
    const child = supervise('exec sleep 600');
    await child.start();
    const first = child.pid as number;
    await rm(child.spec[file]);
    await mkdir(child.spec[file]);
    process.kill(first, 'SIGKILL');
    await until(() => child.deaths >= 3);
    expect(said[1]).toMatch(/^child could not be started \(.*EISDIR/);
    expect(child.pid).toBeUndefined();
    await rm(child.spec[file], { recursive: true });
    await until(() => child.pid !== undefined);
  },
);

test('what a process says is in its log', async () => {
  const child = supervise('echo to stdout; echo to stderr >&2; exec sleep 600');
  await child.start();
  const log = (): Promise<string> => readFile(child.spec.logFile, 'utf8');
  await until(async () => (await log()).split('\n').length === 3);
  expect(await log()).toBe('to stdout\nto stderr\n');
});

test('a stopped process ends and stays ended', async () => {
  const child = supervise('exec sleep 600');
  await child.start();
  const record = await readRecord(child.spec.recordFile);
  await child.stop();
  expect(record && isAlive(record)).toBe(false);
  expect(child.pid).toBeUndefined();
  expect(said).toEqual([]);
  await expect(stat(child.spec.recordFile)).rejects.toThrow('ENOENT');
});

test('a process that does not listen to SIGTERM is killed with all that it started', async () => {
  const pidFile = join(folder, 'grandchild');
  const script = `trap '' TERM; sh -c 'trap "" TERM; echo $$ > ${pidFile}; while :; do sleep 1; done' & while :; do sleep 1; done`;
  const child = supervise(script, { graceMs: 200 });
  await child.start();
  const grandchild = (): Promise<number> => readFile(pidFile, 'utf8').then(Number, () => 0);
  await until(async () => (await grandchild()) > 0);
  const pid = await grandchild();
  await child.stop();
  await until(async () => !(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ' Z ')).includes(') S'));
  expect(child.pid).toBeUndefined();
});

test('a stop during the pause before the next start leaves nothing running', async () => {
  const child = supervise('exit 1');
  await child.start();
  await until(() => child.deaths >= 3);
  await child.stop();
  const deaths = child.deaths;
  await sleep(500);
  expect(child.deaths).toBe(deaths);
});

test('what a supervisor that was killed left behind is ended by its record', async () => {
  const lost = supervise('exec sleep 600', {}, 'lost');
  await lost.start();
  const record = await readRecord(lost.spec.recordFile);
  await endLeftovers(folder);
  expect(record && isAlive(record)).toBe(false);
  await expect(stat(lost.spec.recordFile)).rejects.toThrow('ENOENT');
});

test('a process that has a recorded id by chance is left alone', async () => {
  const stranger = supervise('exec sleep 600', { recordFile: join(folder, 'stranger') }, 'stranger');
  await stranger.start();
  await writeFile(join(folder, 'other.json'), JSON.stringify({ pid: stranger.pid, started: 'long ago' }));
  await endLeftovers(folder);
  expect(stranger.deaths).toBe(0);
  expect(stranger.pid).toBeGreaterThan(0);
});
