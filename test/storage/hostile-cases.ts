/** What is asked of a store while its network is hostile, and what may come of it. */
import { randomBytes } from 'node:crypto';
import { TidemarkError } from '../../domain/errors.ts';
import type { ObjectStore } from '../../storage/store.ts';
import type { Fault, Passing } from '../support/hostile-proxy.ts';
import { keysOf } from './support.ts';

/** One request of a case's own, and what is right afterwards. */
export interface Case {
  name: string;
  /** Bodies of requests, or of answers, that a digest covers: only of those it can be told that a byte was changed. */
  covers: 'request' | 'answer' | 'none';
  /** @param key of the case alone; `prepare` has a connection without faults */
  prepare: (calm: ObjectStore, key: string) => Promise<void>;
  /** The request that meets the fault. @returns what came, to be compared with `right` */
  ask: (store: ObjectStore, key: string) => Promise<unknown>;
  right: unknown;
  /** What the key may hold afterwards; undefined: nothing. */
  leaves: readonly (Buffer | undefined)[];
}

const large = randomBytes(300_000);
const small = Buffer.from('a small object');
const other = Buffer.from('what another writer put there');
const nothing = Buffer.alloc(0);
const free = async (): Promise<void> => {};
const holding =
  (body: Buffer) =>
  (calm: ObjectStore, key: string): Promise<void> =>
    calm.put(key, body);

/** What is thrown by its name, so that it can be compared. */
async function nameOf(work: Promise<unknown>): Promise<unknown> {
  return work.catch((error: unknown) => {
    if (error instanceof TidemarkError && /^object_/.test(error.code)) return error.code;
    throw error;
  });
}

export const cases: readonly Case[] = [
  ...[small, large, nothing].map((body): Case => ({
    name: `a put of ${body.length} bytes`,
    covers: 'request',
    prepare: free,
    ask: (store, key) => store.put(key, body),
    right: undefined,
    leaves: [undefined, body],
  })),
  {
    name: 'a put of a key that is taken',
    covers: 'request',
    prepare: holding(other),
    ask: (store, key) => nameOf(store.put(key, large)),
    right: 'object_exists',
    leaves: [other],
  },
  {
    name: 'a replace',
    covers: 'request',
    prepare: holding(other),
    ask: (store, key) => store.replace(key, large),
    right: undefined,
    leaves: [other, large],
  },
  ...[small, large, nothing].map((body): Case => ({
    name: `a get of ${body.length} bytes`,
    covers: 'answer',
    prepare: holding(body),
    ask: (store, key) => store.get(key),
    right: body,
    leaves: [body],
  })),
  {
    name: 'a get into memory, of a byte more than there is',
    covers: 'answer',
    prepare: holding(large),
    ask: (store, key) =>
      store.get(key, { start: 0, length: large.length + 1 }, undefined, Buffer.alloc(large.length + 1)),
    right: large,
    leaves: [large],
  },
  {
    name: 'a get of a range',
    covers: 'none',
    prepare: holding(large),
    ask: (store, key) => store.get(key, { start: 100_000, length: 100_000 }),
    right: large.subarray(100_000, 200_000),
    leaves: [large],
  },
  {
    name: 'a get of what is not there',
    covers: 'none',
    prepare: free,
    ask: (store, key) => nameOf(store.get(key)),
    right: 'object_missing',
    leaves: [undefined],
  },
  {
    name: 'a stat',
    covers: 'none',
    prepare: holding(large),
    ask: async (store, key) => (await store.stat(key)).bytes,
    right: large.length,
    leaves: [large],
  },
  {
    name: 'a listing',
    covers: 'none',
    prepare: holding(small),
    ask: async (store, key) => (await keysOf(store, key)).map((found) => found.slice(key.length)),
    right: [''],
    leaves: [small],
  },
  {
    name: 'a delete',
    covers: 'none',
    prepare: holding(small),
    ask: (store, key) => store.delete(key),
    right: undefined,
    leaves: [small, undefined],
  },
];

/** A changed byte is only ordered where a digest covers the body; elsewhere TLS alone can tell. */
export function canHappen({ covers }: Case, fault: Fault): boolean {
  if (fault.kind === 'flip-upload') return covers === 'request';
  if (fault.kind === 'flip-download') return covers === 'answer';
  return true;
}

/** The same for a drawn fault. @param covered whether a digest covers the whole answer to such a request */
export function mayDraw(covered: (passing: Passing) => boolean): (passing: Passing, fault: Fault) => boolean {
  return (passing, { kind }) => {
    if (kind === 'flip-upload') return passing.method === 'PUT' || passing.method === 'POST';
    if (kind === 'flip-download') return covered(passing);
    return true;
  };
}
