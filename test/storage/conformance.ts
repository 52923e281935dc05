/** What every object store must do: the promises of storage/store.ts, as tests that each kind of store passes. */
import { afterAll, beforeAll, describe } from '@jest/globals';
import type { ObjectStore } from '../../storage/store.ts';
import { readsConform } from './conformance-reads.ts';
import { writesConform } from './conformance-writes.ts';

export interface StoreUnderTest {
  store: ObjectStore;
  /** Another connection to the same objects, as another process would have. */
  again: () => Promise<ObjectStore>;
  remove: () => Promise<void>;
}

/**
 * Declares the suite for one kind of store.
 *
 * @param name of the kind, for the suite's title
 * @param make opens a new, empty store
 */
export function conformance(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`${name} keeps the promises of an object store`, () => {
    let under: StoreUnderTest | undefined;
    const opened = (): StoreUnderTest => {
      if (!under) throw new Error('the store is opened before the first test');
      return under;
    };

    beforeAll(async () => {
      under = await make();
    });
    afterAll(() => under?.remove());

    writesConform(
      () => opened().store,
      () => opened().again(),
    );
    readsConform(() => opened().store);
  });
}
