/** What becomes of a test run that was killed. */
import { expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { runVariable } from '../support/run.ts';

/** A run in a process of its own: starts its keeper, its Temporal server, and a program that ignores every signal. */
const runOfItsOwn = `
  import globalSetup from './test/support/global-setup.ts';
  import { createNamespace } from './test/support/temporal.ts';
  import { spawn } from 'node:child_process';
  await globalSetup();
  await createNamespace('killed');
  const child = spawn('sh', ['-c', 'trap "" TERM INT HUP; echo; while :; do sleep 1; done'], {
    stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  child.stdout.once('data', () => console.log(JSON.stringify({ folder: process.env.${runVariable}, pid: child.pid })));
  setInterval(() => {}, 1000);
`;

/** Whether a process runs; a zombie, which nobody has waited for, does not. */
function runs(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${String(pid)}/status`, 'utf8'));
  } catch {
    return false;
  }
}

test('a run that is killed leaves no process, no server and no file', async () => {
  const run = spawn(process.execPath, ['--input-type=module-typescript', '-e', runOfItsOwn], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '--disable-warning=ExperimentalWarning' },
  });
  const ended = once(run, 'exit');
  const lines = createInterface({ input: run.stdout });
  const [line] = (await Promise.race([once(lines, 'line'), ended.then(() => ['{}'])])) as [string];
  const { folder, pid } = JSON.parse(line) as { folder: string; pid: number };
  expect([existsSync(folder), runs(pid)]).toEqual([true, true]);
  const temporal = Number(readFileSync(`${folder}/temporal.pid`, 'utf8'));
  expect(runs(temporal)).toBe(true);
  run.kill('SIGKILL');
  await ended;
  for (let tries = 0; tries < 600 && (runs(pid) || runs(temporal) || existsSync(folder)); tries += 1) {
    await sleep(100);
  }
  expect([runs(pid), runs(temporal), existsSync(folder)]).toEqual([false, false, false]);
});
