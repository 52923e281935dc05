/** S3 behind a hostile network, for the suites that every store across a network passes. */
import { openS3Store } from '../../storage/s3/s3-store.ts';
import { startS3, type TestS3 } from '../support/s3.ts';
import type { NetworkUnderTest } from './hostile-drawn.ts';

export function s3Behind(): NetworkUnderTest {
  let s3: TestS3 | undefined;
  const started = async (): Promise<TestS3> => (s3 ??= await startS3());
  return {
    // The checksum that lies beside an object is the whole object's; of a range TLS alone tells.
    covered: ({ method, url, ranged }) => method === 'GET' && !ranged && !url.includes('list-type'),
    make: async () => {
      const { bucket: newBucket, server, options, credentials } = await started();
      const bucket = await newBucket();
      return {
        server: server.endpoint,
        open: (endpoint) =>
          openS3Store({ bucket, prefix: 'some/where', options: options({ endpoint }), credentials }),
      };
    },
    worker: async () => {
      const { bucket, server } = await started();
      return { args: ['s3', await bucket()], server: server.endpoint, environment: server.environment };
    },
    remove: async () => s3?.remove(),
  };
}
