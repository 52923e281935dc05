/** An S3 server on this machine, for the demo and the tests: objects are files, buckets are folders. */
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { findCachedProgram } from './programs.ts';

const version = '1.8.0';

/** The `versitygw` program. @throws tool_missing */
export function findS3Program(): Promise<string> {
  return findCachedProgram('versitygw', version, 'scripts/setup --dev builds it');
}

/** How one is started and reached. */
export interface S3Server {
  args: string[];
  /** What the server has to be told, its root account among it. */
  environment: Record<string, string>;
  /** `http://127.0.0.1:7070` */
  endpoint: string;
  /** By the names of AWS's own tools: what whoever is to reach it needs in its environment. */
  clientEnvironment: Record<string, string>;
}

/**
 * Makes the folders of a server and a root account for it, which is of no use once the server has ended.
 *
 * @param folder of this server alone
 */
export async function prepareS3Server(folder: string, port: number): Promise<S3Server> {
  const [objects, attributes] = [join(folder, 'objects'), join(folder, 'attributes')];
  for (const each of [objects, attributes]) await mkdir(each, { recursive: true, mode: 0o700 });
  const [accessKey, secretKey] = [randomBytes(10).toString('hex'), randomBytes(20).toString('hex')];
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    args: [
      '--port',
      `127.0.0.1:${port}`,
      '--quiet',
      '--keep-alive',
      'posix',
      '--sidecar',
      attributes,
      objects,
    ],
    environment: { ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey },
    endpoint,
    clientEnvironment: {
      AWS_ACCESS_KEY_ID: accessKey,
      AWS_SECRET_ACCESS_KEY: secretKey,
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_S3: endpoint,
    },
  };
}

/** Makes a bucket, as the server keeps it: a folder among the objects. */
export async function makeBucket(folder: string, bucket: string): Promise<void> {
  await mkdir(join(folder, 'objects', bucket), { mode: 0o700, recursive: true });
}

/** Whether the server answers at all; what it answers to somebody without a name does not matter. */
export async function s3Answers(endpoint: string): Promise<boolean> {
  try {
    const answer = await fetch(endpoint, { signal: AbortSignal.timeout(2_000) });
    await answer.arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
