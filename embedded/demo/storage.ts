/** Where the demo's backup goes: a folder of the demo, or a bucket, of a server that is started for it if need be. */
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { gcsEmulator, s3Endpoint, storageOptions } from '../../config/storage.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { s3Client } from '../../storage/s3/client.ts';
import { s3Error } from '../../storage/s3/errors.ts';
import { makeGcsBucket, startGcsServer } from '../gcs-server.ts';
import type { StackOptions } from '../options.ts';
import { startS3Server } from '../s3-server.ts';
import type { Show } from './show.ts';

export interface DemoStorage extends Pick<StackOptions, 'storage' | 'environment'> {
  /** Ends the server that was started, if one was. */
  stop: () => Promise<void>;
}

const bucket = 'tidemark-demo';

/**
 * @param asked `local`, `s3`, `gcs`, or a location
 * @param folder the demo's own, which is removed with all that is in it
 * @throws invalid_setting for `gcs` where there are Google's credentials: a bucket of theirs has to be named
 */
export async function openDemoStorage(asked: string, folder: string, show: Show): Promise<DemoStorage> {
  if (asked === 's3') return s3Endpoint() === undefined ? ownS3(folder, show) : bucketOfDemo(show);
  if (asked === 'gcs') return openGcs(folder, show);
  return { storage: asked === 'local' ? undefined : asked, environment: {}, stop: async () => undefined };
}

function ownS3(folder: string, show: Show): Promise<DemoStorage> {
  return show.step(
    'Start an S3 server, and make a bucket in it',
    async () => {
      const server = await startS3Server(join(folder, 's3'));
      await server.makeBucket(bucket);
      return {
        storage: `s3://${bucket}/backups`,
        environment: server.environment,
        stop: () => server.stop(),
      };
    },
    ({ storage, environment }) => `${storage} at ${environment['AWS_ENDPOINT_URL_S3']}`,
  );
}

/** At the server that the environment names, with the credentials that are there; what is stored stays. */
function bucketOfDemo(show: Show): Promise<DemoStorage> {
  const location = `s3://${bucket}/${randomUUID()}`;
  return show.step(
    `Make the bucket ${bucket}, if it is not there`,
    async () => {
      const client = await s3Client(storageOptions.parse({}));
      try {
        await client.send(new CreateBucketCommand({ Bucket: bucket }));
      } catch (error) {
        const there = ['BucketAlreadyOwnedByYou', 'BucketAlreadyExists'];
        if (!(error instanceof Error && there.includes(error.name))) {
          throw s3Error(error, `make the bucket ${bucket}`, s3Endpoint() ?? '');
        }
      } finally {
        client.destroy();
      }
      return { storage: location, environment: {}, stop: async () => undefined };
    },
    () => `${location} at ${s3Endpoint() ?? ''}`,
  );
}

/** Credentials are for Google's own store, where names of buckets are everybody's: none is made there. */
async function openGcs(folder: string, show: Show): Promise<DemoStorage> {
  const emulator = gcsEmulator();
  if (emulator !== undefined) return bucketOfEmulator(emulator, show);
  if (process.env['GOOGLE_APPLICATION_CREDENTIALS'] !== undefined) {
    throw new TidemarkError(
      'invalid_setting',
      'GOOGLE_APPLICATION_CREDENTIALS is set, so "--storage gcs" does not start a server of its own. Name a bucket ' +
        'that they may write to: --storage gs://bucket/prefix.',
    );
  }
  return show.step(
    'Start a server of Google Cloud Storage, and make a bucket in it',
    async () => {
      const server = await startGcsServer(join(folder, 'gcs'));
      await makeGcsBucket(server.endpoint, bucket);
      const { environment } = server;
      return { storage: `gs://${bucket}/backups`, environment, stop: () => server.stop() };
    },
    ({ storage, environment }) => `${storage} at ${environment['STORAGE_EMULATOR_HOST']}`,
  );
}

/** What is stored stays. */
function bucketOfEmulator(endpoint: string, show: Show): Promise<DemoStorage> {
  const location = `gs://${bucket}/${randomUUID()}`;
  return show.step(
    `Make the bucket ${bucket}, if it is not there`,
    async () => {
      await makeGcsBucket(endpoint, bucket);
      return { storage: location, environment: {}, stop: async () => undefined };
    },
    () => `${location} at ${endpoint}`,
  );
}
