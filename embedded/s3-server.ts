/** An S3 server on this machine, for the demo and the tests: buckets are folders, objects are files. */
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TidemarkError } from '../domain/errors.ts';
import { startChild, type Child } from '../mariadb/processes/child.ts';
import { findPorts } from './ports.ts';
import { findCachedProgram } from './programs.ts';

const version = '1.8.0';
/** How long it may take until it answers. Milliseconds. */
const patienceMs = 30_000;

export interface S3Server {
  /** `http://127.0.0.1:7070` */
  readonly endpoint: string;
  /** By the names of AWS's own tools: what a process needs in its environment to reach it as its root account. */
  readonly environment: Record<string, string>;
  /** Makes a bucket. */
  makeBucket(bucket: string): Promise<void>;
  /** Where the objects of a bucket lie as files. */
  folderOf(bucket: string): string;
  /** Ends the server at once; what it holds stays. May be called twice. */
  stop(): Promise<void>;
  /** Starts it again on the same port, with the same root account. */
  start(): Promise<void>;
}

/** The `versitygw` program. @throws tool_missing */
export function findS3Program(): Promise<string> {
  return findCachedProgram('versitygw', version, 'scripts/setup --dev builds it');
}

/**
 * Starts a server on a free port, with a root account that is of no use once it has ended.
 *
 * @param folder of this server alone; everything that it holds is in it
 * @throws tool_missing; storage_unavailable when it does not start
 */
export async function startS3Server(folder: string): Promise<S3Server> {
  const server = new LocalS3(folder, await findS3Program());
  await server.begin();
  return server;
}

class LocalS3 implements S3Server {
  endpoint = '';
  readonly #folder: string;
  readonly #program: string;
  readonly #account = { key: randomBytes(10).toString('hex'), secret: randomBytes(20).toString('hex') };
  #port = 0;
  #child: Child | undefined;

  constructor(folder: string, program: string) {
    this.#folder = folder;
    this.#program = program;
  }

  get environment(): Record<string, string> {
    return {
      AWS_ACCESS_KEY_ID: this.#account.key,
      AWS_SECRET_ACCESS_KEY: this.#account.secret,
      AWS_REGION: 'us-east-1',
      AWS_ENDPOINT_URL_S3: this.endpoint,
    };
  }

  async begin(): Promise<void> {
    await mkdir(join(this.#folder, 'objects'), { recursive: true, mode: 0o700 });
    [this.#port = 0] = await findPorts([{ option: 'the port of the S3 server', port: 0 }]);
    this.endpoint = `http://127.0.0.1:${this.#port}`;
    await this.start();
  }

  async makeBucket(bucket: string): Promise<void> {
    await mkdir(this.folderOf(bucket), { recursive: true, mode: 0o700 });
  }

  folderOf(bucket: string): string {
    return join(this.#folder, 'objects', bucket);
  }

  async stop(): Promise<void> {
    await this.#child?.end();
  }

  async start(): Promise<void> {
    const objects = join(this.#folder, 'objects');
    if (await this.#run(objects)) return;
    // What it knows of an object stands in the file's attributes, or, where a file system has none, in files beside.
    const attributes = join(this.#folder, 'attributes');
    await rm(attributes, { recursive: true, force: true });
    await mkdir(attributes, { mode: 0o700 });
    if (await this.#run('--sidecar', attributes, objects)) return;
    throw new TidemarkError('storage_unavailable', `${this.#program} did not start in ${this.#folder}.`);
  }

  /** @returns whether it answers */
  async #run(...args: string[]): Promise<boolean> {
    const port = ['--port', `127.0.0.1:${this.#port}`];
    const child = startChild(this.#program, [...port, '--quiet', '--keep-alive', 'posix', ...args], {
      env: { ROOT_ACCESS_KEY: this.#account.key, ROOT_SECRET_KEY: this.#account.secret },
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    this.#child = child;
    let ended = false;
    void child.exited.then(() => (ended = true));
    for (const deadline = Date.now() + patienceMs; !ended && Date.now() < deadline; await sleep(50)) {
      if (await answers(this.endpoint)) return !ended;
    }
    await child.end();
    return false;
  }
}

/** Whether there is a server at all; what it answers to somebody without a name does not matter. */
async function answers(endpoint: string): Promise<boolean> {
  try {
    const answer = await fetch(endpoint, { signal: AbortSignal.timeout(2_000) });
    await answer.arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
