/** Where the benchmark of the stores stores: a folder, or a bucket of a server that is started for it; and how curl gets there. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { storageOptions } from '../config/storage.ts';
import { makeGcsBucket, startGcsServer } from '../embedded/gcs-server.ts';
import { startS3Server } from '../embedded/s3-server.ts';
import { runProgram } from '../mariadb/processes/run.ts';
import { openStore } from '../storage/open.ts';
import type { ObjectStore } from '../storage/store.ts';

export const placeNames = ['local', 's3', 'gcs'] as const;
export type PlaceName = (typeof placeNames)[number];

export interface Place {
  /** As in the settings. */
  storage: string;
  /** What the processes of a stack need in their environment to reach it. */
  environment: Record<string, string>;
  /** The store, for this process. */
  open: () => Promise<ObjectStore>;
  /** The file with curl's options: the account among them, which is nobody else's to see. */
  curlConfig: string;
  /** From where curl reads what {@link upload} wrote. */
  address: string;
  /** One `curl -T` of a file, to an object beside the backups. */
  upload: (file: string) => Promise<void>;
  /** Ends the server, if there is one. */
  stop: () => Promise<void>;
}

const bucket = 'tidemark-bench';
const object = 'one-file';

/** @param folder of the place alone, with everything that it holds */
export async function openPlace(name: PlaceName, folder: string): Promise<Place> {
  await mkdir(folder, { mode: 0o700 });
  return await { local: openFolder, s3: openS3, gcs: openGcs }[name](folder);
}

async function openFolder(folder: string): Promise<Place> {
  const storage = pathToFileURL(join(folder, 'store')).href;
  const file = join(folder, object);
  const curl = await curlIn(folder, []);
  return {
    storage,
    environment: {},
    open: () => openStore(storage),
    ...curl.to({ write: ['-T'], target: pathToFileURL(file).href, address: pathToFileURL(file).href }),
    stop: async () => undefined,
  };
}

async function openS3(folder: string): Promise<Place> {
  const server = await startS3Server(join(folder, 'server'));
  await server.makeBucket(bucket);
  const { environment, endpoint } = server;
  const {
    AWS_ACCESS_KEY_ID: accessKeyId = '',
    AWS_SECRET_ACCESS_KEY: secretAccessKey = '',
    AWS_REGION: region = '',
  } = environment;
  const curl = await curlIn(folder, [
    `user = "${accessKeyId}:${secretAccessKey}"`,
    `aws-sigv4 = "aws:amz:${region}:s3"`,
    'header = "x-amz-content-sha256: UNSIGNED-PAYLOAD"',
  ]);
  const storage = `s3://${bucket}/backups`;
  const options = storageOptions.parse({ endpoint });
  const address = `${endpoint}/${bucket}/${object}`;
  return {
    storage,
    environment,
    open: () => openStore(storage, { options, credentials: { accessKeyId, secretAccessKey } }),
    ...curl.to({ write: ['-T'], target: address, address }),
    stop: () => server.stop(),
  };
}

async function openGcs(folder: string): Promise<Place> {
  const server = await startGcsServer(join(folder, 'server'));
  const { environment, endpoint } = server;
  await makeGcsBucket(endpoint, bucket);
  const curl = await curlIn(folder, []);
  const storage = `gs://${bucket}/backups`;
  const options = storageOptions.parse({ endpoint });
  return {
    storage,
    environment,
    open: () => openStore(storage, { options }),
    ...curl.to({
      write: ['-X', 'POST', '-T'],
      target: `${endpoint}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${object}`,
      address: `${endpoint}/storage/v1/b/${bucket}/o/${object}?alt=media`,
    }),
    stop: () => server.stop(),
  };
}

interface CurlTarget {
  /** Options before the file. */
  write: string[];
  target: string;
  address: string;
}

/** @param lines of curl's own file of options */
async function curlIn(
  folder: string,
  lines: string[],
): Promise<{ to: (given: CurlTarget) => Pick<Place, 'curlConfig' | 'address' | 'upload'> }> {
  const config = join(folder, 'curl.conf');
  await writeFile(config, `${lines.join('\n')}\n`, { mode: 0o600 });
  return {
    to: ({ write, target, address }) => ({
      curlConfig: config,
      address,
      upload: async (file) => {
        const args = ['-sSf', '-K', config, '-o', '/dev/null', ...write, file, target];
        const { code, stderr } = await runProgram('curl', args);
        if (code !== 0) throw new Error(`curl ended with ${code}: ${stderr}`);
      },
    }),
  };
}
