/** A store around another one, in which a test can watch, hold up and spoil what is done. */
import type { ByteRange, ObjectStore, Recognizer } from '../../storage/store.ts';

export interface Watched extends ObjectStore {
  /** Keys in the order in which their puts began. */
  puts: string[];
  gets: string[];
  underWay: number;
  /** The most puts, or gets, that were under way at once. */
  mostUnderWay: number;
  /** Different pieces of memory that puts were given. */
  memories: Set<ArrayBufferLike>;
}

export interface Hooks {
  /** Called as any request begins; what it throws is what the request fails with. */
  before?: (operation: string, key: string, signal: AbortSignal | undefined) => Promise<void> | void;
  /** Called before each key of a listing. */
  beforeListed?: (key: string) => Promise<void> | void;
  beforePut?: (key: string, body: Uint8Array) => Promise<void> | void;
  afterPut?: (key: string) => Promise<void> | void;
  /** May spoil what was read. */
  afterGet?: (key: string, found: Buffer) => Promise<Buffer> | Buffer;
}

export function watch(store: ObjectStore, hooks: Hooks = {}): Watched {
  const watched: Watched = {
    location: store.location,
    puts: [],
    gets: [],
    underWay: 0,
    mostUnderWay: 0,
    memories: new Set(),
    async put(key: string, body: Uint8Array, signal?: AbortSignal) {
      watched.puts.push(key);
      watched.memories.add(body.buffer);
      await counted(async () => {
        await hooks.before?.('put', key, signal);
        await hooks.beforePut?.(key, body);
        await store.put(key, body, signal);
        await hooks.afterPut?.(key);
      });
    },
    async get(key: string, range?: ByteRange, signal?: AbortSignal, into?: Buffer, recognizes?: Recognizer) {
      watched.gets.push(key);
      return counted(async () => {
        await hooks.before?.('get', key, signal);
        const found = await store.get(key, range, signal, into, recognizes);
        return (await hooks.afterGet?.(key, found)) ?? found;
      });
    },
    async replace(key, body, signal) {
      await hooks.before?.('replace', key, signal);
      await store.replace(key, body, signal);
    },
    async stat(key, signal) {
      await hooks.before?.('stat', key, signal);
      return store.stat(key, signal);
    },
    async *list(prefix, options) {
      await hooks.before?.('list', prefix, options?.signal);
      for await (const found of store.list(prefix, options)) {
        await hooks.beforeListed?.(found.key);
        yield found;
      }
    },
    async delete(key, signal) {
      await hooks.before?.('delete', key, signal);
      await store.delete(key, signal);
    },
  };
  async function counted<T>(work: () => Promise<T>): Promise<T> {
    watched.underWay++;
    watched.mostUnderWay = Math.max(watched.mostUnderWay, watched.underWay);
    try {
      return await work();
    } finally {
      watched.underWay--;
    }
  }
  return watched;
}

/** A promise that a test resolves when it wants to. */
export function gate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: resolve };
}
