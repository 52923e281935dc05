/**
 * A program of its own that works on a store behind a hostile network, as an agent does: an event that nobody listens
 * to would be its end. Prints what it found as one line of JSON.
 *
 *   node hostile-worker.ts s3|gcs BUCKET ENDPOINT SEED COUNT
 */
import { createHash } from 'node:crypto';
import { storageOptions } from '../../config/storage.ts';
import { retrying } from '../../storage/decorators/retrying.ts';
import { timed } from '../../storage/decorators/timed.ts';
import { openGcsStore } from '../../storage/gcs/gcs-store.ts';
import { openS3Store } from '../../storage/s3/s3-store.ts';
import { isPassing, type ObjectStore } from '../../storage/store.ts';
import { randomBelow } from '../support/hostile-faults.ts';
import { contentOf, isClosed } from './hostile-check.ts';

export interface Findings {
  operations: number;
  /** How many ended in an error of the closed set. */
  errors: number;
  /** What must not be, a sentence each. */
  wrong: string[];
  /** Of the slowest operation. */
  longestMs: number;
}

const requestMs = 1_000;
const attemptsMs = 3_000;
const lanes = 8;

const [kind = '', bucket = '', endpoint = '', seed = '', count = ''] = process.argv.slice(2);
const options = storageOptions.parse({ endpoint, request_timeout: '1s' });
const open = kind === 's3' ? openS3Store : openGcsStore;
const store = retrying(timed(await open({ bucket, prefix: `worker-${seed}`, options }), requestMs), {
  deadlineMs: attemptsMs,
  firstPauseMs: 10,
});
const findings: Findings = { operations: 0, errors: 0, wrong: [], longestMs: 0 };
await Promise.all(Array.from({ length: lanes }, (_, lane) => work(lane)));
process.stdout.write(`${JSON.stringify(findings)}\n`);

/** What a key may hold; undefined: nothing. */
interface Held {
  now: (Buffer | undefined)[];
  /** What writes left that failed: on a busy machine the server may do one after its client has given it up. */
  ghosts: (Buffer | undefined)[];
}

/** Keys of the lane's own, so that it knows what each of them may hold. */
async function work(lane: number): Promise<void> {
  const next = randomBelow(Number(seed) * lanes + lane);
  const keys = new Map<string, Held>();
  for (let done = 0; done < Number(count) / lanes; done++) {
    const key = `lane-${lane}/${Math.floor(next() * 10)}`;
    const held = keys.get(key) ?? { now: [undefined], ghosts: [] };
    keys.set(key, held);
    const began = performance.now();
    await one(store, key, held, next);
    findings.operations += 1;
    findings.longestMs = Math.max(findings.longestMs, performance.now() - began);
  }
}

/** One operation, drawn. */
async function one(on: ObjectStore, key: string, held: Held, next: () => number): Promise<void> {
  const choice = next();
  const body = bodyOf(next);
  try {
    if (choice < 0.5) await change(on, key, held, choice, body);
    else if (choice < 0.6) await list(on, key);
    else await read(on, key, held);
  } catch (error) {
    findings.errors += 1;
    if (!isClosed(error)) findings.wrong.push(`${key}: ${String(error)}`);
    // A change that failed may have been done; what was refused was not.
    if (choice < 0.5 && isPassing(error)) held.ghosts.push(choice < 0.4 ? body : undefined);
  }
}

async function change(on: ObjectStore, key: string, held: Held, choice: number, body: Buffer): Promise<void> {
  if (choice < 0.3) await on.put(key, body);
  else if (choice < 0.4) await on.replace(key, body);
  else await on.delete(key);
  held.now = [choice < 0.4 ? body : undefined];
}

async function list(on: ObjectStore, key: string): Promise<void> {
  for await (const { key: found } of on.list(key)) {
    if (found !== key) findings.wrong.push(`${found} was listed below ${key}`);
  }
}

async function read(on: ObjectStore, key: string, held: Held): Promise<void> {
  const found = await contentOf(on, key);
  const right = [...held.now, ...held.ghosts].filter((each) => digest(each) === digest(found));
  if (right.length === 0) findings.wrong.push(`${key} has ${found?.length ?? 'no'} bytes that nobody wrote`);
}

function bodyOf(next: () => number): Buffer {
  const size = next() < 0.1 ? 0 : Math.floor(next() * 100_000);
  return Buffer.alloc(size, `${next()}`);
}

function digest(body: Buffer | undefined): string {
  return body === undefined ? 'nothing' : createHash('sha256').update(body).digest('hex');
}
