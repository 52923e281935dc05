/** Google Cloud Storage behind a hostile network, for the suites that every store across a network passes. */
import { openGcsStore } from '../../storage/gcs/gcs-store.ts';
import { startGcs, type TestGcs } from '../support/gcs.ts';
import type { NetworkUnderTest } from './hostile-drawn.ts';

export function gcsBehind(): NetworkUnderTest {
  let gcs: TestGcs | undefined;
  const started = async (): Promise<TestGcs> => (gcs ??= await startGcs());
  return {
    // Ranges, too: in the clear they are cut from the whole object.
    covered: ({ url }) => url.includes('alt=media'),
    make: async () => {
      const { bucket: newBucket, endpoint: server, options } = await started();
      const bucket = await newBucket();
      return {
        server,
        open: (endpoint) => openGcsStore({ bucket, prefix: 'some/where', options: options({ endpoint }) }),
      };
    },
    worker: async () => {
      const { bucket, endpoint } = await started();
      return { args: ['gcs', await bucket()], server: endpoint, environment: {} };
    },
    remove: async () => gcs?.stop(),
  };
}
