/**
 * The object store in a bucket of Google Cloud Storage. An object is written whole in one request, which creates only:
 * `ifGenerationMatch=0`. The store refuses a body whose MD5 is not the one that is announced before it, and what comes
 * back is checked by the digest that the store keeps.
 */
import { createHash } from 'node:crypto';
import type { Bucket, File, SaveOptions } from '@google-cloud/storage';
import type { StorageOptions } from '../../config/storage.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { throwIfCancelled } from '../cancel.ts';
import { asChange } from '../changed.ts';
import { digested } from '../digest.ts';
import { requireKey, requirePrefix, requireRange } from '../keys.ts';
import { bucketLocation, type BucketPlace } from '../location.ts';
import { createsOnly, proofKey } from '../network/conditional.ts';
import type { ByteRange, ListedObject, ListOptions, ObjectState, ObjectStore, Recognizer } from '../store.ts';
import { GcsAccess } from './access.ts';
import { call } from './call.ts';
import { gcsClient, type GcsClient, type GcsCredentials } from './client.ts';
import { download } from './download.ts';
import { credentialsError, gcsError, isUnexplained } from './errors.ts';

export interface GcsOptions extends BucketPlace {
  options: StorageOptions;
  credentials?: GcsCredentials | undefined;
  /** How long the service that hands out tokens is waited for. Milliseconds; default: 20 s. */
  tokenTimeoutMs?: number;
}

/** The most that a page can have. */
const pageSize = 1000;

/**
 * Opens a bucket, of which nothing is asked yet: whoever may only read it can do so. That its server has writes that
 * only create is seen before the first put, which throws storage_refused where it has none.
 */
export function openGcsStore(given: GcsOptions): Promise<ObjectStore> {
  return Promise.resolve(new GcsStore(given));
}

/** A page of a listing, as the API gives it. */
interface Page {
  items?: { name: string; size?: string; generation?: string }[];
  nextPageToken?: string;
}

class GcsStore implements ObjectStore {
  readonly location: string;
  readonly #access: GcsAccess;
  readonly #bucketName: string;
  /** What stands before every key: empty, or with a slash at its end. */
  readonly #root: string;
  readonly #options: StorageOptions;
  /** Credentials came with the bucket. */
  readonly #given: boolean;
  /** The server's writes can only create. */
  #proven = false;

  constructor({ bucket, prefix, options, credentials, tokenTimeoutMs = 20_000 }: GcsOptions) {
    this.#access = new GcsAccess(
      () => gcsClient({ endpoint: options.endpoint, credentials }),
      tokenTimeoutMs,
    );
    this.#given = credentials !== undefined;
    this.#bucketName = bucket;
    this.#root = prefix === '' ? '' : `${prefix}/`;
    this.#options = options;
    this.location = bucketLocation('gs', { bucket, prefix });
  }

  /** @throws storage_refused when the server has no writes that only create */
  async #prove(signal: AbortSignal | undefined): Promise<void> {
    if (this.#proven) return;
    const creates = await createsOnly((body, only) => this.#write(proofKey, body, only, signal));
    this.#proven = creates;
    if (creates) return;
    throw new TidemarkError(
      'storage_refused',
      `The server of ${this.location} has no writes that only create (ifGenerationMatch), so two writers could ` +
        'overwrite each other. Use one that has.',
    );
  }

  async put(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    this.#require(key);
    throwIfCancelled(signal);
    await this.#prove(signal);
    await this.#write(key, body, true, signal);
  }

  async replace(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    this.#require(key);
    await this.#write(key, body, false, signal);
  }

  async get(
    key: string,
    range?: ByteRange,
    signal?: AbortSignal,
    into?: Buffer,
    recognizes?: Recognizer,
  ): Promise<Buffer> {
    requireRange(range);
    const file = this.#file(key);
    if (range?.length === 0) {
      await this.stat(key, signal);
      return Buffer.alloc(0);
    }
    const start = range?.start ?? 0;
    const version = range?.version;
    const wanted = { start, length: range?.length ?? Number.MAX_SAFE_INTEGER, into, recognizes, version };
    const end = Math.min(start + wanted.length, Number.MAX_SAFE_INTEGER) - 1;
    // The digest is the whole object's. In the clear nothing else tells that a byte was changed on its way.
    const ranged = range && this.#client.encrypted ? { range: `bytes=${start}-${end}` } : undefined;
    const url = new URL(this.#client.storage.baseUrl);
    url.pathname += `/b/${encodeURIComponent(this.#bucketName)}/o/${encodeURIComponent(file.name)}`;
    url.search = 'alt=media';
    if (version !== undefined) url.searchParams.set('ifGenerationMatch', version);
    const read = this.#call(`read ${key}`, signal, async (ended) => {
      const headers = { ...(await this.#authorization(url)), ...ranged, 'cache-control': 'no-store' };
      try {
        return await download(url, headers, wanted, ended);
      } catch (error) {
        // Whether the object is gone is said in the name of the store where it is looked at, and by nobody else.
        if (isUnexplained(error)) await file.getMetadata({ fields: 'size' });
        throw error;
      }
    });
    return read.catch((error: unknown) => {
      throw asChange(error, range, { key, location: this.location });
    });
  }

  async stat(key: string, signal?: AbortSignal): Promise<ObjectState> {
    const file = this.#file(key);
    return this.#call(`look at ${key}`, signal, async () => {
      const [found] = await file.getMetadata({ fields: 'size,generation' });
      return stateOf(found, key);
    });
  }

  async *list(prefix: string, { after, signal }: ListOptions = {}): AsyncGenerator<ListedObject> {
    requirePrefix(prefix);
    const query = {
      prefix: this.#root + prefix,
      fields: 'items(name,size,generation),nextPageToken',
      autoPaginate: false,
      maxResults: pageSize,
      ...(after !== undefined && { startOffset: this.#root + after }),
    };
    let pageToken: string | undefined;
    do {
      const [, , page] = await this.#call(
        `list ${prefix || 'the objects'}`,
        signal,
        () => this.#bucket.getFiles(pageToken === undefined ? query : { ...query, pageToken }),
        'bucket_missing',
      );
      const { items = [], nextPageToken } = page as Page;
      for (const { name, ...item } of items) {
        const key = name.slice(this.#root.length);
        // What a console shows as folders are objects, too, with names that are no keys of ours.
        if (key === proofKey || key === after || key === '' || key.endsWith('/')) continue;
        yield { key, ...stateOf(item, key) };
      }
      pageToken = nextPageToken;
    } while (pageToken !== undefined);
  }

  async delete(key: string, signal?: AbortSignal): Promise<void> {
    const file = this.#file(key);
    try {
      await this.#call(`delete ${key}`, signal, () => file.delete());
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'object_missing') throw error;
    }
  }

  async #write(
    key: string,
    body: Uint8Array,
    createOnly: boolean,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    throwIfCancelled(signal);
    const md5Hash = (await digested(body, createHash('md5'), signal)).digest('base64');
    const { storage_class: storageClass, kms_key_id: kmsKeyName } = this.#options;
    const file = this.#bucket.file(this.#root + key, kmsKeyName === undefined ? {} : { kmsKeyName });
    const options: SaveOptions = {
      resumable: false,
      // What the client would do of its own is a slower digest, compared when the object is there already.
      validation: false,
      contentType: 'application/octet-stream',
      metadata: { md5Hash, ...(storageClass !== undefined && { storageClass }) },
      ...(createOnly && { preconditionOpts: { ifGenerationMatch: 0 } }),
    };
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    const write = async (): Promise<void> => {
      await file.save(bytes, options);
      const { name, size, md5Hash: stored } = file.metadata;
      if (name === file.name && Number(size) === bytes.length && stored === md5Hash) return;
      throw new TidemarkError(
        'transfer_damaged',
        `the store wrote ${String(size)} bytes with MD5 ${String(stored)} as ${String(name)}; ${bytes.length} bytes with ${md5Hash} were sent`,
      );
    };
    await this.#call(`write ${key}`, signal, write, 'bucket_missing');
  }

  /** @param absent what it means when there is nothing to do it to */
  async #call<T>(
    doing: string,
    signal: AbortSignal | undefined,
    work: (ended: AbortSignal) => Promise<T>,
    absent: 'object_missing' | 'bucket_missing' = 'object_missing',
  ): Promise<T> {
    if (this.#client.authenticated) await this.#authenticate(signal);
    try {
      return await call(work, signal);
    } catch (error) {
      throw gcsError(error, doing, this.location, { absent, signal });
    }
  }

  /** A token is for all calls together, so none of them may take it along when it ends. */
  async #authenticate(signal: AbortSignal | undefined): Promise<void> {
    const token = this.#access.token();
    token.catch(() => undefined);
    try {
      await call(() => token, signal);
    } catch (error) {
      throw credentialsError(error, this.location, this.#given, signal);
    }
  }

  async #authorization(url: URL): Promise<Record<string, string>> {
    if (!this.#client.authenticated) return {};
    return this.#client.storage.authClient.getRequestHeaders(url.href);
  }

  get #client(): GcsClient {
    return this.#access.client;
  }

  get #bucket(): Bucket {
    return this.#client.storage.bucket(this.#bucketName);
  }

  #file(key: string): File {
    this.#require(key);
    return this.#bucket.file(this.#root + key);
  }

  #require(key: string): void {
    requireKey(key);
    if (key === proofKey) {
      throw new TidemarkError('internal', `The key ${key} is a name that the store keeps for itself.`);
    }
  }
}

/** As the API gives it: digits. */
function stateOf(
  { size, generation }: { size?: unknown; generation?: string | number | undefined },
  key: string,
): ObjectState {
  const bytes = sizeOf(size, key);
  return { bytes, ...(bytes > 0 && generation !== undefined && { version: String(generation) }) };
}

function sizeOf(size: unknown, key: string): number {
  const bytes = Number(size);
  if (size !== undefined && Number.isSafeInteger(bytes)) return bytes;
  throw new TidemarkError('storage_unavailable', `the server did not say how large ${key} is`);
}
