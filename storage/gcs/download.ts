/** The body of a download into memory, checked by the digest that the store keeps of the object. */
import { createHash, type Hash } from 'node:crypto';
import http, { type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import https from 'node:https';
import { CRC32C } from '@google-cloud/storage';
import { TidemarkError } from '../../domain/errors.ts';
import { letGo } from '../let-go.ts';
import { thriftyAgents } from '../network/agents.ts';
import { WrongDigest } from '../network/wrong-digest.ts';
import type { Recognizer } from '../store.ts';
import { GcsRefusal } from './errors.ts';

export interface Download {
  /** First byte and how many of the object are wanted; the end of the object may come before. */
  start: number;
  length: number;
  /** Used when the wanted bytes fit. */
  into: Buffer | undefined;
  /** As in the call of the store. */
  recognizes?: Recognizer | undefined;
  /** The generation that is wanted. */
  version?: string | undefined;
}

/** A refusal says more than this only by mistake. */
const longestRefusal = 4096;

/** Connections are kept for the next part; a proxy that the environment names is used, as the client does. */
const proxied = Object.keys(process.env).some((name) => /^https?_proxy$/i.test(name));
const throughProxy = { keepAlive: true, proxyEnv: process.env };
const agents = proxied
  ? { http: new http.Agent(throughProxy), https: new https.Agent(throughProxy) }
  : thriftyAgents({ keepAlive: true });

/**
 * Asks for an object and keeps what is wanted of it; the rest is only checked. Every chunk is copied to its place and
 * let go at once, so that the memory of a part is all that it takes. The client's own streams, five of them in a row,
 * take three times the processor's time for that.
 *
 * @param ended once aborted, `into` is not touched any more
 * @throws transfer_damaged when length or digest are not what was announced; GcsRefusal, also of another generation
 */
export async function download(
  url: URL,
  headers: Record<string, string>,
  wanted: Download,
  ended: AbortSignal,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const attempt = (work: () => void): void => {
    if (ended.aborted) return;
    try {
      work();
    } catch (error) {
      reject(error);
    }
  };
  const secure = url.protocol === 'https:';
  const request = (secure ? https : http).get(url, { headers, agent: agents[secure ? 'https' : 'http'] });
  request.on('error', reject);
  request.on('response', (answer) => {
    answer.on('error', reject);
    attempt(() => {
      const sink = sinkFor(answer, wanted);
      answer.on('data', (chunk: Buffer) => attempt(() => sink.add(chunk)));
      answer.on('end', () => attempt(() => void sink.finish().then(resolve, reject)));
    });
  });
  return promise;
}

interface Sink {
  add: (chunk: Buffer) => void;
  /** The wanted bytes. @throws transfer_damaged, GcsRefusal */
  finish: () => Promise<Buffer>;
}

function sinkFor({ statusCode: status = 0, headers }: IncomingMessage, wanted: Download): Sink {
  if (status === 200 || status === 206) return new Keeper(status, headers, wanted);
  const said: Buffer[] = [];
  let bytes = 0;
  return {
    add: (chunk) => {
      if (bytes < longestRefusal) said.push(chunk);
      bytes += chunk.length;
    },
    finish: async () => {
      // The object ends before the range begins.
      if (status === 416) return Buffer.alloc(0);
      throw new GcsRefusal(status, headers, Buffer.concat(said).toString('utf8', 0, longestRefusal));
    },
  };
}

class Keeper implements Sink {
  readonly #kept: Buffer;
  /** Of the object: the first byte of the body, the next to come, the one behind the last. */
  readonly #first: number;
  #next: number;
  readonly #end: number;
  readonly #start: number;
  readonly #check: Check | undefined;
  /** Asked at the end, when all that comes is kept; the digest is made only of what it does not recognize. */
  readonly #recognizes: Recognizer | undefined;

  constructor(status: number, headers: IncomingHttpHeaders, wanted: Download) {
    requireGeneration(wanted.version, textOf(headers['x-goog-generation']));
    const { first, end, total } = extent(status, headers);
    this.#first = first;
    this.#next = first;
    this.#end = end;
    this.#start = wanted.start;
    const wantedEnd = Math.min(wanted.start + wanted.length, total);
    const length = Math.max(0, wantedEnd - wanted.start);
    if (length > 0 && (first > wanted.start || end < wantedEnd)) {
      throw damaged(`bytes ${wanted.start} to ${wantedEnd} were asked for, ${first} to ${end} came`);
    }
    const { into } = wanted;
    this.#kept = into && into.length >= length ? into.subarray(0, length) : Buffer.allocUnsafeSlow(length);
    this.#check = first === 0 && end === total ? checkFor(textOf(headers['x-goog-hash'])) : undefined;
    if (length === total) this.#recognizes = wanted.recognizes;
  }

  add(chunk: Buffer): void {
    const at = this.#next - this.#start;
    this.#next += chunk.length;
    if (this.#next > this.#end) throw damaged(`${this.#end - this.#first} bytes were announced, more came`);
    if (!this.#recognizes) this.#check?.update(chunk);
    // The part of the chunk that lies in what is wanted.
    const from = Math.max(0, -at);
    const to = Math.min(chunk.length, this.#kept.length - at);
    if (from < to) this.#kept.set(chunk.subarray(from, to), at + from);
    letGo(chunk.length);
  }

  async finish(): Promise<Buffer> {
    if (this.#next < this.#end) {
      throw damaged(`${this.#end - this.#first} bytes were announced, ${this.#next - this.#first} came`);
    }
    if (this.#recognizes) {
      if (await this.#recognizes(this.#kept)) return this.#kept;
      this.#check?.update(this.#kept);
    }
    this.#check?.finish();
    return this.#kept;
  }
}

/** A server that does not know the condition says of what object the bytes are; it is as if it had refused. */
function requireGeneration(wanted: string | undefined, found: string | undefined): void {
  if (wanted === undefined || found === undefined || found === wanted) return;
  throw new GcsRefusal(412, {}, `generation ${wanted} was asked for, ${found} came`);
}

/** Which bytes of the object an answer brings, and how many the object has. */
function extent(status: number, headers: IncomingHttpHeaders): { first: number; end: number; total: number } {
  if (status === 206) {
    const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers['content-range'] ?? '') ?? [];
    if (total === undefined) throw damaged('the answer does not say which bytes of the object it brings');
    return { first: Number(first), end: Number(last) + 1, total: Number(total) };
  }
  const length = Number(headers['x-goog-stored-content-length'] ?? headers['content-length'] ?? Number.NaN);
  if (!Number.isSafeInteger(length)) throw damaged('the answer does not say how long it is');
  return { first: 0, end: length, total: length };
}

/** A header that came more than once is given as several. */
function textOf(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(',') : header;
}

interface Check {
  update: (chunk: Buffer) => void;
  finish: () => void;
}

/** `crc32c=…,md5=…`, in base64: what the store kept when the object was made. */
function checkFor(header: string | undefined): Check {
  const digests = new Map(
    (header ?? '').split(',').map((pair): [string, string] => {
      const equals = pair.indexOf('=');
      return [pair.slice(0, equals).trim(), pair.slice(equals + 1)];
    }),
  );
  const md5 = digests.get('md5');
  // An object that was joined from others has no MD5. Its CRC32C is slower to make.
  const crc32c = digests.get('crc32c');
  if (md5 !== undefined) return new DigestCheck('MD5', md5, createHash('md5'));
  if (crc32c !== undefined) return new DigestCheck('CRC32C', crc32c, new CRC32C());
  throw damaged('it came without a digest');
}

class DigestCheck implements Check {
  readonly #name: string;
  readonly #expected: string;
  readonly #made: Hash | CRC32C;

  constructor(name: string, expected: string, made: Hash | CRC32C) {
    this.#name = name;
    this.#expected = expected;
    this.#made = made;
  }

  update(chunk: Buffer): void {
    this.#made.update(chunk);
  }

  finish(): void {
    const found = this.#made instanceof CRC32C ? this.#made.toString() : this.#made.digest('base64');
    if (found === this.#expected) return;
    const expected = `${this.#name} ${this.#expected}`;
    throw new WrongDigest(changed(`expected ${expected}, found ${found}`), { expected, found });
  }
}

function damaged(how: string): TidemarkError {
  return new TidemarkError('transfer_damaged', changed(how));
}

function changed(how: string): string {
  return `what the store sent was changed on its way: ${how}`;
}
