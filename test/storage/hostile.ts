/**
 * A store behind a hostile network: whatever happens to a request, it ends in the right bytes or in one of a store's
 * own errors, within its deadline, and never leaves half an object.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { performance } from 'node:perf_hooks';
import { retrying } from '../../storage/decorators/retrying.ts';
import { timed } from '../../storage/decorators/timed.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { faults } from '../support/hostile-faults.ts';
import { HostileProxy, type Fault } from '../support/hostile-proxy.ts';
import { longRun } from '../support/long.ts';
import { canHappen, cases, type Case } from './hostile-cases.ts';
import { contentOf, isClosed } from './hostile-check.ts';

export interface StoreBehindNetwork {
  /** Where the server is: `http://127.0.0.1:9000`. */
  server: string;
  /** A store of the same new bucket by way of an endpoint: the server, or a proxy before it. */
  open: (endpoint: string) => Promise<ObjectStore>;
}

/** Of one request, and of all attempts at one. Milliseconds. */
const requestMs = 1_500;
const attemptsMs = 15_000;
/** What a busy machine may take longer. Milliseconds. */
const slackMs = 8_000;

interface Outcome {
  result: unknown;
  error: unknown;
  ms: number;
  /** Whether the fault happened. */
  met: boolean;
  left: Buffer | undefined;
}

/** Declares the suite for one kind of store. @param given `make` makes a new, empty bucket */
export function hostile(
  name: string,
  { make, remove }: { make: () => Promise<StoreBehindNetwork>; remove: () => Promise<void> },
): void {
  describe(`${name} behind a hostile network`, () => {
    let proxy: HostileProxy;
    let calm: ObjectStore;
    let raw: ObjectStore;
    beforeAll(async () => {
      const under = await make();
      proxy = await HostileProxy.start(under.server);
      calm = await under.open(under.server);
      raw = await under.open(proxy.url);
      // The first put asks for more than itself.
      await calm.put('first/calm', Buffer.from('x'));
      await raw.put('first/raw', Buffer.from('x'));
    });
    afterAll(async () => {
      await proxy?.close();
      await remove();
    });

    /** On a machine that is busy a request may be given up before it has reached the fault: then it is asked anew. */
    const meet = async (given: Case, fault: Fault, store: ObjectStore, key: string): Promise<Outcome> => {
      for (let time = 1; ; time += 1) {
        const outcome = await ask(given, fault, store, `${key}-${time}`);
        if (outcome.met || time === 5) return outcome;
      }
    };

    const ask = async (given: Case, fault: Fault, store: ObjectStore, key: string): Promise<Outcome> => {
      await given.prepare(calm, key);
      // Each case has requests of its own, so that all of them can be made at the same time.
      proxy.order(fault, ({ url }) => decodeURIComponent(url).includes(key));
      const began = performance.now();
      const outcome = await given.ask(store, key).then(
        (result) => ({ result, error: undefined }),
        (error: unknown) => ({ result: undefined, error }),
      );
      const ms = performance.now() - began;
      const met = proxy.met.some(({ url }) => decodeURIComponent(url).includes(key));
      return { ...outcome, ms, met, left: await contentOf(calm, key) };
    };

    describe.each(faults)('with $name', ({ name: faultName, fault }) => {
      const possible = cases.filter((given) => canHappen(given, fault)).filter(inSample(faultName));
      const outcomes = new Map<Case, { once: Outcome; again: Outcome }>();
      beforeAll(async () => {
        const once = timed(raw, requestMs);
        const again = retrying(timed(raw, requestMs), { deadlineMs: attemptsMs, firstPauseMs: 10 });
        await Promise.all(
          possible.map(async (given) => {
            const key = `${faultName.replaceAll(/\W/g, '-')}/${given.name.replaceAll(/\W/g, '-')}`;
            outcomes.set(given, {
              once: await meet(given, fault, once, `once/${key}/`.slice(0, -1)),
              again: await meet(given, fault, again, `again/${key}/`.slice(0, -1)),
            });
          }),
        );
      });

      test.each(possible)('$name ends right or in an error, in time', (given) => {
        const { once } = outcomes.get(given) ?? {};
        expect(once?.met).toBe(true);
        expect(once?.ms).toBeLessThan(requestMs + slackMs);
        if (once?.error === undefined) expect(once?.result).toEqual(given.right);
        else expect({ error: once.error, closed: isClosed(once.error) }).toMatchObject({ closed: true });
        expect(given.leaves.some((body) => same(body, once?.left))).toBe(true);
      });

      test.each(possible)('$name ends right when it is tried again', (given) => {
        const { again } = outcomes.get(given) ?? {};
        expect(again?.met).toBe(true);
        expect(again?.ms).toBeLessThan(requestMs + slackMs + 2_000);
        expect(again?.error).toBeUndefined();
        expect(again?.result).toEqual(given.right);
        expect(same(given.leaves.at(-1), again?.left)).toBe(true);
      });
    });
  });
}

/** In full with `npm run test:long`; otherwise of every fault some cases, of every case some faults. */
function inSample(faultName: string): (given: Case, index: number) => boolean {
  const shift = faults.findIndex(({ name }) => name === faultName);
  const spoils = faultName.includes('flipped');
  return (_, index) => longRun || spoils || (index + shift) % 3 === 0;
}

function same(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other);
}
