/** What is tried again where the old data is gone. */
import type { ErrorName } from '../../domain/errors.ts';
import { mayPass } from '../failures.ts';
import type { HostRestoreInput } from './contract.ts';

/**
 * What a store says for good. In place the data is gone when the backup is fetched, and the store had it all a moment
 * before: credentials are renewed and rights given back, so it is asked again for as long as one that is away.
 */
const storeVerdicts: readonly ErrorName[] = [
  'storage_forbidden',
  'storage_credentials_refused',
  'storage_refused',
  'bucket_missing',
  'bucket_region_wrong',
  'endpoint_refused',
  'copy_location_unknown',
];

/** A step of a restore that is tried again, in place, also when the store refuses. */
export async function patiently<T>({ mode }: HostRestoreInput, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw mode === 'in-place' ? mayPass(error, storeVerdicts) : error;
  }
}
