/** Counts the requests to a store, their bytes and their time, for whoever collects metrics. */
import type { StoreOperation } from '../passing-on.ts';
import type { ObjectStore } from '../store.ts';
import { observed } from './observed.ts';

/** Where measurements go. The tags are few and fixed, so that they can be labels of a time series. */
export interface StoreMeter {
  /**
   * @param tags `outcome` is `ok` or the stable name of the error
   * @param seconds how long the request took
   * @param bytes that were stored or read
   */
  request(tags: { operation: StoreOperation; outcome: string }, seconds: number, bytes: number): void;
}

export function measured(store: ObjectStore, meter: StoreMeter): ObjectStore {
  return observed(store, ({ operation, seconds, bytes, error }) => {
    meter.request({ operation, outcome: error?.code ?? 'ok' }, seconds, bytes);
  });
}
