/** A line in the log for each request to a store: failures that matter as warnings, everything else as detail. */
import type { Log } from '../../domain/log.ts';
import type { ObjectStore } from '../store.ts';
import { observed } from './observed.ts';

/** Answers to a question, not failures. */
const expected = new Set(['object_missing', 'object_exists', 'operation_cancelled']);

export function logged(store: ObjectStore, log: Log): ObjectStore {
  return observed(store, ({ operation, key, seconds, bytes, error }) => {
    const fields = { storage: store.location, operation, key, seconds: Math.round(seconds * 1000) / 1000 };
    if (!error) log.debug({ ...fields, bytes }, 'The object store answered.');
    else if (expected.has(error.code)) log.debug({ ...fields, error: error.code }, error.message);
    else log.warn({ ...fields, error: error.code }, error.message);
  });
}
