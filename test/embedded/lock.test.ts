/** One stack at a time in a data directory. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockData } from '../../embedded/lock.ts';
import { repositoryRoot } from '../../embedded/paths.ts';

let folder: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lock-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await rm(folder, { recursive: true, force: true });
});

/** A process that waits for a byte, takes the lock, says `mine` or `refused`, and stays. */
function starter(): { child: ChildProcess; go: () => void; said: Promise<string> } {
  const script =
    `import { lockData } from ${JSON.stringify(join(repositoryRoot, 'embedded/lock.ts'))};` +
    "process.stdin.once('data', () => lockData('/some/where', process.argv[1]).then(" +
    "(unlock) => { globalThis.held = unlock; process.stdout.write('mine'); }," +
    "(error) => process.stdout.write(error.code === 'invalid_setting' ? 'refused' : error.message)));" +
    "process.stdout.write('ready');";
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script, folder],
    { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, NODE_OPTIONS: '' } },
  );
  children.push(child);
  const said = (async (): Promise<string> => {
    let text = '';
    for await (const chunk of child.stdout) {
      text += String(chunk);
      const word = /ready(.+)/.exec(text)?.[1];
      if (word) return word;
    }
    return text;
  })();
  return { child, go: () => void child.stdin.write('.'), said };
}

test('a data directory in use is refused, naming the process that has it', async () => {
  const unlock = await lockData('/some/where', folder);
  await expect(lockData('/some/where', folder)).rejects.toMatchObject({
    code: 'invalid_setting',
    message: expect.stringContaining(`Process ${process.pid} already runs a stack in /some/where.`),
  });
  await unlock();
});

test('a lock is free again after it was given back', async () => {
  await (
    await lockData('/some/where', folder)
  )();
  await (
    await lockData('/some/where', folder)
  )();
});

test('of processes that start at once one has it, and it is free again once that one was killed', async () => {
  const starters = Array.from({ length: 4 }, starter);
  for (const { go } of starters) go();
  const said = await Promise.all(starters.map((entry) => entry.said));
  expect(said.toSorted()).toEqual(['mine', 'refused', 'refused', 'refused']);
  const owner = starters[said.indexOf('mine')]?.child;
  owner?.kill('SIGKILL');
  if (owner) await once(owner, 'exit');
  await (
    await lockData('/some/where', folder)
  )();
});
