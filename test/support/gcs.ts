/** A server of Google Cloud Storage for one suite, on a free port; the keeper of the run ends it when the suite could not. */
import { storageOptions, type StorageOptions } from '../../config/storage.ts';
import { makeGcsBucket, startGcsServer } from '../../embedded/gcs-server.ts';

export interface TestGcs {
  endpoint: string;
  /** The settings of storage that reach it. */
  options: (changes?: Partial<StorageOptions>) => StorageOptions;
  /** Makes a new bucket; answers its name. */
  bucket: () => Promise<string>;
  /** Ends it, with all that it holds. */
  stop: () => Promise<void>;
}

/** Its objects are in memory: as files they could not have every name that a bucket takes. */
export async function startGcs(): Promise<TestGcs> {
  const server = await startGcsServer(undefined);
  const { endpoint } = server;
  let buckets = 0;
  return {
    endpoint,
    options: (changes = {}) => ({ ...storageOptions.parse({ endpoint }), ...changes }),
    bucket: async () => {
      buckets += 1;
      await makeGcsBucket(endpoint, `bucket-${buckets}`);
      return `bucket-${buckets}`;
    },
    stop: () => server.stop(),
  };
}
