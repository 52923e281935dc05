/** An S3 server for one suite, on a free port; the keeper of the run ends it when the suite could not. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { storageOptions, type StorageOptions } from '../../config/storage.ts';
import { findPorts } from '../../embedded/ports.ts';
import {
  findS3Program,
  makeBucket,
  prepareS3Server,
  s3Answers,
  type S3Server,
} from '../../embedded/s3-server.ts';
import type { S3Credentials } from '../../storage/s3/client.ts';

/** How long the server may take to begin. Milliseconds. */
const patienceMs = 30_000;

export interface TestS3 {
  endpoint: string;
  credentials: S3Credentials;
  /** Of the root account and the endpoint, by the names of AWS's own tools. */
  environment: Record<string, string>;
  /** The settings of storage that reach it. */
  options: (changes?: Partial<StorageOptions>) => StorageOptions;
  /** Makes a new bucket; answers its name. */
  bucket: () => Promise<string>;
  /** Where the objects of a bucket lie as files. */
  folderOf: (bucket: string) => string;
  /** Ends the server at once; what it holds stays. */
  kill: () => Promise<void>;
  /** Starts it again, on the same port. */
  start: () => Promise<void>;
  /** Ends it and removes all that it holds. */
  stop: () => Promise<void>;
}

/** Whether there is a server to be started. */
export async function s3Works(): Promise<boolean> {
  return findS3Program().then(
    () => true,
    () => false,
  );
}

export async function startS3(): Promise<TestS3> {
  const folder = await mkdtemp(path.join(tmpdir(), 's3-'));
  const [port = 0] = await findPorts([{ option: 'of the S3 server', port: 0 }]);
  const server = await prepareS3Server(folder, port);
  let child = await run(server);
  let buckets = 0;
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  };
  return {
    endpoint: server.endpoint,
    credentials: {
      accessKeyId: server.clientEnvironment['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: server.clientEnvironment['AWS_SECRET_ACCESS_KEY'] ?? '',
    },
    environment: server.clientEnvironment,
    options: (changes = {}) => ({ ...storageOptions.parse({ endpoint: server.endpoint }), ...changes }),
    bucket: async () => {
      buckets += 1;
      await makeBucket(folder, `bucket-${buckets}`);
      return `bucket-${buckets}`;
    },
    folderOf: (bucket) => path.join(folder, 'objects', bucket),
    kill,
    start: async () => {
      child = await run(server);
    },
    stop: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function run(server: S3Server): Promise<ChildProcess> {
  const child = spawn(await findS3Program(), server.args, {
    env: { ...process.env, ...server.environment },
    stdio: 'ignore',
  });
  const deadline = Date.now() + patienceMs;
  while (!(await s3Answers(server.endpoint))) {
    if (child.exitCode !== null || Date.now() > deadline) throw new Error('The S3 server did not start.');
    await sleep(50);
  }
  return child;
}
