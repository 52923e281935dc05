/** A store whose requests meet faults that are drawn by a seed: the conformance suite, and a process of its own. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { retrying } from '../../storage/decorators/retrying.ts';
import { timed } from '../../storage/decorators/timed.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { HostileProxy, type Passing } from '../support/hostile-proxy.ts';
import { longRun } from '../support/long.ts';
import { conformance } from './conformance.ts';
import { mayDraw } from './hostile-cases.ts';
import type { StoreBehindNetwork } from './hostile.ts';
import type { Findings } from './hostile-worker.ts';

/** One kind of store across a network. */
export interface NetworkUnderTest {
  /** Whether a digest covers the whole answer to such a request. */
  covered: (passing: Passing) => boolean;
  /** Makes a new, empty bucket. */
  make: () => Promise<StoreBehindNetwork>;
  /** What hostile-worker.ts is started with before the endpoint, and its environment. */
  worker: () => Promise<{ args: string[]; server: string; environment: Record<string, string> }>;
  /** Ends the server that the others started. */
  remove: () => Promise<void>;
}

/** Enough for 64 MiB on a machine that is busy with other suites. */
const requestMs = 10_000;
const attemptsMs = 60_000;

/** Every promise of a store holds behind a network like this, once what passes is tried again. */
export function conformsBehind(name: string, { covered, make, remove }: NetworkUnderTest): void {
  let proxy: HostileProxy;
  conformance(`${name}, with faults drawn for its requests,`, async () => {
    const under = await make();
    proxy = await HostileProxy.start(under.server);
    const open = async (): Promise<ObjectStore> =>
      retrying(timed(await under.open(proxy.url), requestMs), { deadlineMs: attemptsMs, firstPauseMs: 10 });
    const store = await open();
    proxy.drawFrom(7, longRun ? 0.05 : 0.01, mayDraw(covered));
    return {
      store,
      again: open,
      remove: async () => {
        process.stdout.write(`${name}: ${proxy.met.length} faults in the conformance suite\n`);
        await proxy.close();
        await remove();
      },
    };
  });
}

/** In a process whose end would be an event that nobody listens to. */
export function worksBehind(name: string, { covered, worker, remove }: NetworkUnderTest): void {
  describe(`a process that works on ${name} behind a hostile network`, () => {
    let proxy: HostileProxy;
    let started: Awaited<ReturnType<NetworkUnderTest['worker']>>;
    beforeAll(async () => {
      started = await worker();
      proxy = await HostileProxy.start(started.server);
    });
    afterAll(async () => {
      await proxy?.close();
      await remove();
    });

    const seeds = longRun ? [1, 2, 3, 4] : [1];
    const count = longRun ? 1_000 : 200;
    test.each(seeds)(`does ${count} operations, each right or failed, and lives (seed %i)`, async (seed) => {
      proxy.met.length = 0;
      proxy.drawFrom(seed, 0.2, mayDraw(covered));
      const file = path.join(import.meta.dirname, 'hostile-worker.ts');
      const child = spawn(
        process.execPath,
        [file, ...started.args, proxy.url, String(seed * 100 + 1), String(count)],
        { env: { ...process.env, NODE_OPTIONS: '', ...started.environment } },
      );
      const [out, complaints, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'exit') as Promise<[number | null]>,
      ]);
      expect({ code, complaints }).toEqual({ code: 0, complaints: '' });
      const found = JSON.parse(out) as Findings;
      expect(found.wrong).toEqual([]);
      expect(found.operations).toBe(count);
      expect(found.errors).toBeLessThan(count / 2);
      expect(proxy.met.length).toBeGreaterThan(count / 20);
      expect(found.longestMs).toBeLessThan(15_000);
      process.stdout.write(
        `${name}, seed ${seed}: ${proxy.met.length} faults in ${found.operations} operations, ${found.errors} of them ended in an error\n`,
      );
    });
  });
}
