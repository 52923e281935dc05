/**
 * The object store in a bucket of S3, or of a server that speaks its protocol. An object is written whole in one
 * request, which creates only: `If-None-Match: *`. Every answer has its checks: the store verifies a body by the digest
 * that signs the request, and a body that comes back by its length and the checksum that was put beside it.
 */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type GetObjectCommandOutput,
  type ListObjectsV2CommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import type { StorageOptions } from '../../config/storage.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { Log } from '../../domain/log.ts';
import { cancelledError, throwIfCancelled } from '../cancel.ts';
import { asChange, requireVersion } from '../changed.ts';
import { requireKey, requirePrefix, requireRange } from '../keys.ts';
import { bucketLocation, type BucketPlace } from '../location.ts';
import { createsOnly, proofKey } from '../network/conditional.ts';
import type { ByteRange, ListedObject, ListOptions, ObjectState, ObjectStore, Recognizer } from '../store.ts';
import { contentRange, stateOf, statusOf, versionOf } from './answer.ts';
import { crc32Of, readBody, readWindow } from './body.ts';
import { hasCredentialsService, s3Client, type S3Credentials } from './client.ts';
import { s3Error } from './errors.ts';

export interface S3Options extends BucketPlace {
  options: StorageOptions;
  log?: Log | undefined;
  credentials?: S3Credentials | undefined;
}

/** The name of the checksum among an object's own metadata. */
const checksumName = 'tidemark-crc32';

/**
 * Opens a bucket, of which nothing is asked yet: whoever may only read it can do so. That its server has writes that
 * only create is seen before the first put, which throws storage_refused where it has none.
 */
export async function openS3Store(given: S3Options): Promise<ObjectStore> {
  return new S3Store(await s3Client(given.options, given.credentials), given);
}

class S3Store implements ObjectStore {
  readonly location: string;
  readonly #client: S3Client;
  readonly #bucket: string;
  /** What stands before every key: empty, or with a slash at its end. */
  readonly #root: string;
  readonly #options: StorageOptions;
  readonly #log: Log | undefined;
  /** Whether there are credentials: the machine has a service for them, or a request was signed before. */
  #hasCredentials = hasCredentialsService();
  /** Whether the server's writes can only create; undefined until that was asked. */
  #creates: boolean | undefined;

  constructor(client: S3Client, { bucket, prefix, options, log }: S3Options) {
    this.#client = client;
    this.#bucket = bucket;
    this.#root = prefix === '' ? '' : `${prefix}/`;
    this.#options = options;
    this.#log = log;
    this.location = bucketLocation('s3', { bucket, prefix });
  }

  /** @throws storage_refused when the server has no writes that only create, and the settings insist on them */
  async #prove(signal: AbortSignal | undefined): Promise<boolean> {
    if (this.#creates !== undefined) return this.#creates;
    const creates = await createsOnly((body, only) => this.#write(this.#root + proofKey, body, only, signal));
    if (!creates && this.#options.conditional_writes === 'required') {
      throw new TidemarkError(
        'storage_refused',
        `The server of ${this.location} has no writes that only create (If-None-Match), so two writers could ` +
          'overwrite each other. Use one that has, or accept that by storage_options.conditional_writes: checked.',
      );
    }
    if (!creates) {
      this.#log?.warn(
        { storage: this.location },
        'The server has no writes that only create: two writers at the same moment can overwrite each other.',
      );
    }
    this.#creates = creates;
    return creates;
  }

  async put(key: string, body: Uint8Array, signal?: AbortSignal, sha256?: string): Promise<void> {
    const name = this.#name(key);
    throwIfCancelled(signal);
    const creates = await this.#prove(signal);
    if (!creates && (await this.#exists(key, signal))) {
      throw new TidemarkError('object_exists', `There is already an object ${key} in ${this.location}.`);
    }
    await this.#write(name, body, creates, signal, sha256);
  }

  async replace(key: string, body: Uint8Array, signal?: AbortSignal): Promise<void> {
    await this.#write(this.#name(key), body, false, signal);
  }

  async get(
    key: string,
    range?: ByteRange,
    signal?: AbortSignal,
    into?: Buffer,
    recognizes?: Recognizer,
  ): Promise<Buffer> {
    requireRange(range);
    const name = this.#name(key);
    if (range?.length === 0) {
      await this.stat(key, signal);
      return Buffer.alloc(0);
    }
    const answer = await this.#fetch(name, range, signal);
    if (!answer) return Buffer.alloc(0);
    const { start, whole } = contentRange(answer);
    const wanted = range?.start ?? 0;
    const most = range?.length ?? Number.MAX_SAFE_INTEGER;
    // A server that does not know ranges answers with the whole object, which may be larger than any memory.
    const ignored = range !== undefined && answer.ContentRange === undefined;
    const window = ignored && (wanted > 0 || (answer.ContentLength ?? Infinity) > most);
    try {
      // A server that does not know the condition says of what object the bytes are.
      requireVersion(range, versionOf(answer.ETag), { key, location: this.location });
      if (window) {
        const object = { key, length: answer.ContentLength };
        return await readWindow(answer.Body as Readable, object, { start: wanted, length: most }, signal);
      }
      if (start !== wanted) {
        throw new TidemarkError(
          'transfer_damaged',
          `${key} was asked for from byte ${wanted}, and came from ${start}.`,
        );
      }
      const expected = {
        key,
        length: answer.ContentLength,
        most,
        crc32: whole ? answer.Metadata?.[checksumName] : undefined,
      };
      return await readBody(answer.Body as Readable, expected, { into, recognizes, signal });
    } catch (error) {
      throw s3Error(error, `read ${key}`, this.location, signal);
    } finally {
      (answer.Body as Readable).destroy();
    }
  }

  /** One byte is fetched instead of the headers alone: a refusal without a body would not say what is wrong. */
  async stat(key: string, signal?: AbortSignal): Promise<ObjectState> {
    const answer = await this.#fetch(this.#name(key), { start: 0, length: 1 }, signal);
    if (!answer) return { bytes: 0 };
    const body = answer.Body as Readable;
    // Read to its end, so that its connection serves the next request, unless more than the byte comes.
    if ((answer.ContentLength ?? Infinity) <= 1) body.resume();
    else body.destroy();
    const bytes = contentRange(answer).total;
    if (bytes === undefined) {
      throw new TidemarkError(
        'storage_unavailable',
        `The server of ${this.location} did not say how large ${key} is.`,
      );
    }
    return stateOf(bytes, answer.ETag);
  }

  async *list(prefix: string, { after, signal }: ListOptions = {}): AsyncGenerator<ListedObject> {
    requirePrefix(prefix);
    let from: { StartAfter?: string; ContinuationToken?: string } =
      after === undefined ? {} : { StartAfter: this.#root + after };
    for (;;) {
      const page: ListObjectsV2CommandOutput = await this.#send(
        `list ${prefix || 'the objects'}`,
        signal,
        () =>
          this.#client.send(
            new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: this.#root + prefix, ...from }),
            { abortSignal: signal },
          ),
      );
      for (const { Key: name = '', Size: bytes = 0, ETag: tag } of page.Contents ?? []) {
        const key = name.slice(this.#root.length);
        // A server that shows folders has names that are no keys of ours.
        if (key !== proofKey && key !== '' && !key.endsWith('/')) yield { key, ...stateOf(bytes, tag) };
      }
      if (page.IsTruncated !== true) return;
      if (page.NextContinuationToken === undefined) {
        throw new TidemarkError(
          'storage_unavailable',
          `Could not list ${prefix || 'the objects'} in ${this.location}: the server has more of them, and does not say how to ask for it.`,
        );
      }
      from = { ContinuationToken: page.NextContinuationToken };
    }
  }

  async delete(key: string, signal?: AbortSignal): Promise<void> {
    const command = new DeleteObjectCommand({ Bucket: this.#bucket, Key: this.#name(key) });
    try {
      await this.#send(`delete ${key}`, signal, () => this.#client.send(command, { abortSignal: signal }));
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== 'object_missing') throw error;
    }
  }

  async #write(
    name: string,
    body: Uint8Array,
    createOnly: boolean,
    signal: AbortSignal | undefined,
    sha256?: string,
  ): Promise<void> {
    const {
      storage_class: storageClass,
      server_side_encryption: encryption,
      kms_key_id: keyId,
    } = this.#options;
    const checksum = await crc32Of(body, signal);
    const command = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: name,
      Body: body,
      ContentLength: body.length,
      Metadata: { [checksumName]: checksum },
      // The client would compute the same once more.
      ...(this.#options.checksums === 'when_supported' && {
        ChecksumCRC32: Buffer.from(checksum, 'hex').toString('base64'),
      }),
      ...(createOnly && { IfNoneMatch: '*' }),
      ...(storageClass !== undefined && { StorageClass: storageClass as 'STANDARD' }),
      ...(encryption !== undefined && { ServerSideEncryption: encryption }),
      ...(keyId !== undefined && { SSEKMSKeyId: keyId }),
    });
    if (sha256 !== undefined) signWith(command, sha256);
    await this.#send(`write ${name.slice(this.#root.length)}`, signal, () =>
      this.#client.send(command, { abortSignal: signal }),
    );
  }

  async #exists(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      await this.stat(key, signal);
      return true;
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'object_missing') return false;
      throw error;
    }
  }

  /** Undefined when the object ends before the range begins. */
  async #fetch(
    name: string,
    range: ByteRange | undefined,
    signal: AbortSignal | undefined,
  ): Promise<GetObjectCommandOutput | undefined> {
    const end = range && Math.min(range.start + range.length, Number.MAX_SAFE_INTEGER) - 1;
    const command = new GetObjectCommand({
      Bucket: this.#bucket,
      Key: name,
      ...(range && { Range: `bytes=${range.start}-${end}` }),
      ...(range?.version !== undefined && { IfMatch: `"${range.version}"` }),
    });
    try {
      const answer = await this.#send(`read ${name.slice(this.#root.length)}`, signal, () =>
        this.#client.send(command, { abortSignal: signal }),
      );
      // It may fail while nobody reads it: that must not be an event that nobody listens to.
      (answer.Body as Readable).on('error', () => undefined);
      return answer;
    } catch (error) {
      if (error instanceof OutOfRange) return undefined;
      throw asChange(error, range, { key: name.slice(this.#root.length), location: this.location });
    }
  }

  /**
   * One request. It settles once the signal is aborted, whatever the client is waiting for: credentials are asked for
   * in ways that no signal reaches.
   */
  async #send<T>(doing: string, signal: AbortSignal | undefined, send: () => Promise<T>): Promise<T> {
    throwIfCancelled(signal);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(signal && cancelledError(signal));
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      const sent = send();
      sent.catch(() => undefined);
      const answer = await Promise.race([sent, aborted]);
      this.#hasCredentials = true;
      return answer;
    } catch (error) {
      if (statusOf(error) === 416) throw new OutOfRange();
      throw s3Error(error, doing, this.location, signal, this.#hasCredentials);
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #name(key: string): string {
    requireKey(key);
    if (key === proofKey) {
      throw new TidemarkError('internal', `The key ${key} is a name that the store keeps for itself.`);
    }
    return this.#root + key;
  }
}

/** The client would make the digest that it signs once more, in one go, while every pipe of the process waits. */
function signWith(command: PutObjectCommand, sha256: string): void {
  command.middlewareStack.add(
    (next) => async (args) => {
      (args.request as { headers: Record<string, string> }).headers['x-amz-content-sha256'] = sha256;
      return await next(args);
    },
    { step: 'build' },
  );
}

/** The answer to a range that begins at or beyond the end. */
class OutOfRange extends Error {}
