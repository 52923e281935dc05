/** An S3 server for one suite, on a free port; the keeper of the run ends it when the suite could not. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { storageOptions, type StorageOptions } from '../../config/storage.ts';
import { startS3Server, type S3Server } from '../../embedded/s3-server.ts';
import type { S3Credentials } from '../../storage/s3/client.ts';

export interface TestS3 {
  server: S3Server;
  credentials: S3Credentials;
  /** The settings of storage that reach it. */
  options: (changes?: Partial<StorageOptions>) => StorageOptions;
  /** Makes a new bucket; answers its name. */
  bucket: () => Promise<string>;
  /** Ends it and removes all that it holds. */
  remove: () => Promise<void>;
}

export async function startS3(): Promise<TestS3> {
  const folder = await mkdtemp(path.join(tmpdir(), 's3-'));
  const server = await startS3Server(folder);
  const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } =
    server.environment;
  let buckets = 0;
  return {
    server,
    credentials: { accessKeyId, secretAccessKey },
    options: (changes = {}) => ({ ...storageOptions.parse({ endpoint: server.endpoint }), ...changes }),
    bucket: async () => {
      buckets += 1;
      await server.makeBucket(`bucket-${buckets}`);
      return `bucket-${buckets}`;
    },
    remove: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
