/**
 * Ends a test run. Whatever the tests themselves left running is an error, named; the keeper ends it.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { processesOfRun, type RunProcess } from './leftovers.ts';
import { runFolder } from './run.ts';

declare global {
  var tidemarkKeeper: ChildProcessByStdio<Writable, Readable, null>;
}

/** What is still running once ends that are under way had 5 s. The keeper and its servers do not count. */
async function leftByTests(keeper: number | undefined): Promise<RunProcess[]> {
  for (let tries = 0; ; tries += 1) {
    const left = withoutDescendants(processesOfRun(runFolder()), keeper);
    if (left.length === 0 || tries === 50) return left;
    await sleep(100);
  }
}

/** Those that the keeper has not started, nor any child of its. */
function withoutDescendants(all: readonly RunProcess[], keeper: number | undefined): RunProcess[] {
  const parents = new Map(all.map(({ pid, parent }) => [pid, parent]));
  const isKeepers = (pid: number | undefined): boolean =>
    pid !== undefined && (pid === keeper || isKeepers(parents.get(pid)));
  return all.filter(({ pid }) => !isKeepers(pid));
}

export default async function globalTeardown(): Promise<void> {
  const keeper = globalThis.tidemarkKeeper;
  const left = await leftByTests(keeper.pid);
  const ended = once(keeper, 'exit');
  keeper.stdin.end();
  await ended;
  if (left.length > 0) {
    const list = left.map(({ pid, command }) => `  ${String(pid)} ${command}`).join('\n');
    throw new Error(`The tests left processes running, which have been ended now:\n${list}`);
  }
}
