/** Servers that speak S3 in part, or refuse: played by a server of the test's own, where no real one does so. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { hash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { storageOptions, type StorageOptions } from '../../config/storage.ts';
import { probeBucket } from '../../storage/bucket-probe.ts';
import { openStore } from '../../storage/open.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { storeFaults, type StoreFault } from '../../storage/store.ts';
import { failure } from './support.ts';

type Answer = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;

let server: Server;
let answer: Answer;
/** Method and path of each request, with the headers that matter. */
let asked: IncomingMessage[];
beforeEach(async () => {
  asked = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      asked.push(request);
      answer(request, response, Buffer.concat(chunks));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

const credentials = { accessKeyId: 'key', secretAccessKey: 'the secret of the test' };

function open(changes: Partial<StorageOptions> = {}): Promise<ObjectStore> {
  const { port } = server.address() as AddressInfo;
  const options = {
    ...storageOptions.parse({ endpoint: `http://127.0.0.1:${port}` }),
    retry_for: 0,
    ...changes,
  };
  return openStore('s3://bucket/prefix', { options, credentials });
}

function refuse(response: ServerResponse, status: number, code: string, headers = {}, fields = ''): void {
  response.writeHead(status, { 'content-type': 'application/xml', ...headers });
  response.end(
    `<?xml version="1.0"?><Error><Code>${code}</Code><Message>So it is.</Message>${fields}</Error>`,
  );
}

/** A small server of the protocol; `conditional` is what it makes of If-None-Match. */
function objects(conditional: 'ignored' | 'refused' | 'honoured', ranges = true): Answer {
  const held = new Map<string, { body: Buffer; headers: Record<string, string> }>();
  return (request, response, body) => {
    const name = request.url?.split('?')[0] ?? '';
    const found = held.get(name);
    if (request.method === 'PUT') {
      const only = request.headers['if-none-match'] === '*';
      if (only && conditional === 'refused') return refuse(response, 501, 'NotImplemented');
      if (only && conditional === 'honoured' && found) return refuse(response, 412, 'PreconditionFailed');
      const headers = Object.entries(request.headers).filter(([key]) => key.startsWith('x-amz-meta-'));
      held.set(name, { body, headers: Object.fromEntries(headers) as Record<string, string> });
      response.end();
      return undefined;
    }
    if (!found) return refuse(response, 404, 'NoSuchKey');
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? [];
    if (!ranges || start === undefined) {
      response.writeHead(200, { ...found.headers, 'content-length': found.body.length });
      response.end(found.body);
      return undefined;
    }
    const part = found.body.subarray(Number(start), Number(end) + 1);
    if (part.length === 0) return refuse(response, 416, 'InvalidRange');
    response.writeHead(206, {
      ...found.headers,
      'content-length': part.length,
      'content-range': `bytes ${start}-${Number(start) + part.length - 1}/${found.body.length}`,
    });
    response.end(part);
    return undefined;
  };
}

describe('a server without writes that only create', () => {
  test.each(['ignored', 'refused'] as const)(
    'by which the condition is %s, is refused',
    async (conditional) => {
      answer = objects(conditional);
      const put = (await open()).put('key', Buffer.from('x'));
      await expect(put).rejects.toEqual(failure('storage_refused'));
      await expect(put).rejects.toThrow('storage_options.conditional_writes: checked');
    },
  );

  test.each(['ignored', 'refused'] as const)(
    'by which it is %s, is used where the settings allow it',
    async (conditional) => {
      answer = objects(conditional);
      const store = await open({ conditional_writes: 'checked' });
      await store.put('key', Buffer.from('first'));
      await expect(store.put('key', Buffer.from('second'))).rejects.toEqual(failure('object_exists'));
      expect((await store.get('key')).toString()).toBe('first');
    },
  );

  test('is told from one that refuses what the settings ask for', async () => {
    answer = (_, response) => refuse(response, 400, 'InvalidStorageClass');
    const store = await open({ storage_class: 'COLDEST' });
    await expect(store.put('key', Buffer.from('x'))).rejects.toThrow(/400 InvalidStorageClass/);
  });
});

test('a server that does not know ranges gives what was asked for all the same', async () => {
  answer = objects('honoured', false);
  const store = await open();
  await store.put('key', Buffer.from('0123456789'));
  expect((await store.get('key', { start: 4, length: 3 })).toString()).toBe('456');
  expect((await store.get('key', { start: 8, length: 5 })).toString()).toBe('89');
  expect(await store.get('key', { start: 20, length: 5 })).toHaveLength(0);
  expect(await store.stat('key')).toEqual({ bytes: 10 });
});

test.each(['"tag-1"', 'tag-1'])(
  'a server that does not know If-Match is seen through by its %s',
  async (tag) => {
    let now = tag;
    answer = (_, response) =>
      response.writeHead(206, { etag: now, 'content-range': 'bytes 0-0/7', 'content-length': 1 }).end('x');
    const store = await open();
    const { version } = await store.stat('key');
    const range = { start: 0, length: 1, version };
    expect((await store.get('key', range)).toString()).toBe('x');
    expect(asked.at(-1)?.headers).toMatchObject({ 'if-match': '"tag-1"' });
    now = '"tag-2"';
    await expect(store.get('key', range)).rejects.toEqual(failure('source_changed'));
  },
);

test('a weak tag is no version: nothing is asked for by it, and nothing refused for it', async () => {
  let now = 'W/"tag-1"';
  answer = (_, response) =>
    response.writeHead(206, { etag: now, 'content-range': 'bytes 0-0/7', 'content-length': 1 }).end('x');
  const store = await open();
  expect(await store.stat('key')).toEqual({ bytes: 7 });
  expect((await store.get('key', { start: 0, length: 1 })).toString()).toBe('x');
  expect(asked.at(-1)?.headers).not.toHaveProperty('if-match');
  now = 'W/"tag-2"';
  expect((await store.get('key', { start: 0, length: 1, version: 'tag-1' })).toString()).toBe('x');
});

test('a server that does not know ranges, with an object larger than any memory, is read no further than asked', async () => {
  const piece = Buffer.alloc(100_000, 'x');
  answer = (_, response) => {
    response.writeHead(200, { 'content-length': 50 * 1024 ** 3 });
    const more = (): void => {
      if (!response.destroyed && response.write(piece)) setImmediate(more);
    };
    response.on('drain', more);
    more();
  };
  const store = await open();
  expect(await store.get('key', { start: 0, length: 1_000_000 })).toEqual(Buffer.alloc(1_000_000, 'x'));
  expect(await store.get('key', { start: 500_000, length: 1_000 })).toEqual(Buffer.alloc(1_000, 'x'));
});

test('a digest that the caller has of a body is the one that the request is signed with', async () => {
  answer = objects('honoured');
  const store = await open();
  const known = 'ab'.repeat(32);
  const content = Buffer.from('content');
  await store.put('known', content, undefined, known);
  await store.put('unknown', content);
  const puts = asked.filter(({ method, url }) => method === 'PUT' && /known\b/.test(url ?? ''));
  const sent = puts.map(({ headers }) => headers['x-amz-content-sha256']);
  expect(sent).toEqual([known, hash('sha256', content)]);
});

describe('credentials that may only read', () => {
  test('open a bucket and read from it; only a write is refused', async () => {
    answer = objects('honoured');
    await (await open()).put('key', Buffer.from('content'));
    const usual = answer;
    answer = (request, response, body) =>
      request.method === 'PUT' ? refuse(response, 403, 'AccessDenied') : usual(request, response, body);
    const store = await open();
    expect((await store.get('key')).toString()).toBe('content');
    await expect(store.put('other', Buffer.from('x'))).rejects.toEqual(failure('storage_forbidden'));
    await expect(probeBucket(store)).rejects.toEqual(failure('storage_forbidden'));
  });

  test.each(['AWS_USE_FIPS_ENDPOINT', 'AWS_USE_DUALSTACK_ENDPOINT'])(
    'that were given with a bucket go where that says, whatever %s is in the environment',
    async (variable) => {
      answer = objects('honoured');
      process.env[variable] = 'true';
      try {
        await expect((await open()).get('key')).rejects.toEqual(failure('object_missing'));
      } finally {
        delete process.env[variable];
      }
    },
  );
});

describe('a probe of a bucket', () => {
  const methods = (): (string | undefined)[] => asked.map(({ method }) => method);

  test('removes what a put left whose answer was lost, and says what was wrong', async () => {
    const usual = objects('honoured');
    answer = (request, response, body) => {
      const own = request.method === 'PUT' && request.url?.includes('probes');
      if (request.method === 'DELETE') refuse(response, 403, 'AccessDenied');
      else if (own) refuse(response, 500, 'InternalError');
      else usual(request, response, body);
    };
    await expect(probeBucket(await open())).rejects.toEqual(failure('storage_unavailable'));
    expect(methods().at(-1)).toBe('DELETE');
  });
});

test('bytes that come wrong twice alike are damage of the object; twice in other ways, of the way', async () => {
  let gets = 0;
  let alike = true;
  answer = (_, response) => {
    gets += 1;
    response.writeHead(200, { 'content-length': 4, 'x-amz-meta-tidemark-crc32': 'cbf43926' });
    response.end(alike ? 'same' : String(1000 + gets));
  };
  const store = await open({ retry_for: 2_000 });
  const damaged = store.get('key');
  await expect(damaged).rejects.toEqual(failure('object_damaged'));
  await expect(damaged).rejects.toThrow(
    'The object key in s3://bucket/prefix is damaged: expected CRC-32 cbf43926',
  );
  expect(gets).toBe(2);
  alike = false;
  const spoilt = store.get('key');
  await expect(spoilt).rejects.toEqual(failure('transfer_damaged'));
  await expect(spoilt).rejects.toThrow('sent of key was changed on its way');
  expect(gets).toBeGreaterThan(4);
});

describe('settings reach the server', () => {
  test('with each object that is written', async () => {
    answer = objects('honoured');
    const store = await open({
      storage_class: 'STANDARD_IA',
      server_side_encryption: 'aws:kms',
      kms_key_id: 'alias/backups',
      checksums: 'when_required',
    });
    await store.put('key', Buffer.from('x'));
    const { headers, url } = asked.at(-1) ?? {};
    expect(url).toMatch(/^\/bucket\/prefix\/key/);
    expect(headers).toMatchObject({
      'x-amz-storage-class': 'STANDARD_IA',
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'alias/backups',
      'if-none-match': '*',
    });
    expect(Object.keys(headers ?? {}).filter((name) => name.startsWith('x-amz-checksum'))).toEqual([]);
    // The digest that signs the request is the body's, so that the server can see that it came whole.
    expect(headers?.['x-amz-content-sha256']).toMatch(/^[0-9a-f]{64}$/);
  });

  test('with the checksums of newer clients, unless they are switched off', async () => {
    answer = objects('honoured');
    await (await open()).put('key', Buffer.from('x'));
    expect(asked.at(-1)?.headers).toHaveProperty('x-amz-checksum-crc32');
  });
});

describe('a refusal has its name', () => {
  const refusals: [number, string, StoreFault, object?, string?][] = [
    [404, 'NoSuchKey', 'object_missing'],
    [404, 'NoSuchBucket', 'bucket_missing'],
    [404, 'SomeProxysOwn', 'storage_refused'],
    [403, 'AccessDenied', 'storage_forbidden'],
    [403, 'InvalidAccessKeyId', 'storage_credentials_refused'],
    [403, 'SignatureDoesNotMatch', 'storage_credentials_refused'],
    [400, 'ExpiredToken', 'storage_credentials_refused'],
    [301, 'PermanentRedirect', 'bucket_region_wrong', { 'x-amz-bucket-region': 'eu-north-1' }],
    [400, 'AuthorizationHeaderMalformed', 'bucket_region_wrong', {}, '<Region>eu-north-1</Region>'],
    [503, 'SlowDown', 'storage_throttled', { 'retry-after': '7' }],
    [429, 'TooManyRequests', 'storage_throttled', { 'retry-after': '7' }],
    [500, 'InternalError', 'storage_unavailable'],
    [503, 'ServiceUnavailable', 'storage_unavailable', { 'retry-after': '7' }],
    [409, 'ConditionalRequestConflict', 'storage_unavailable'],
    [400, 'BadDigest', 'transfer_damaged'],
    [400, 'RequestTimeout', 'storage_timeout'],
    [507, 'InsufficientStorage', 'storage_full'],
    [400, 'InvalidArgument', 'storage_refused'],
    [403, 'InvalidObjectState', 'storage_refused'],
  ];

  test.each(refusals)('%s %s is %s', async (status, code, fault, headers = {}, fields = '') => {
    answer = objects('honoured');
    const store = await open();
    answer = (_, response) => refuse(response, status, code, headers, fields);
    const thrown: unknown = await store.get('key').catch((error: unknown) => error);
    expect(thrown).toEqual(failure(fault));
    expect(storeFaults).toHaveProperty(fault);
    const { message, retryAfterSeconds } = thrown as { message: string; retryAfterSeconds?: number };
    expect(message).toMatch(/^Could not read key in s3:\/\/bucket\/prefix: /);
    expect(message).not.toContain(credentials.secretAccessKey);
    if ('retry-after' in headers) expect(retryAfterSeconds).toBe(7);
    if (fault === 'bucket_region_wrong') expect(message).toContain('eu-north-1');
  });

  test('in a write that only creates, too, where 412 says that the key is taken', async () => {
    answer = objects('honoured');
    const store = await open();
    answer = (_, response) => refuse(response, 412, 'PreconditionFailed');
    await expect(store.put('key', Buffer.from('x'))).rejects.toEqual(failure('object_exists'));
  });
});

describe('an answer that is not what was stored', () => {
  const served =
    (change: (response: ServerResponse) => void): Answer =>
    (_, response) =>
      change(response);

  test.each<[string, Answer, StoreFault]>([
    [
      'with a byte changed',
      served((response) => {
        response.writeHead(200, { 'content-length': 4, 'x-amz-meta-tidemark-crc32': 'cbf43926' });
        response.end('1234');
      }),
      'transfer_damaged',
    ],
    [
      'cut short, the connection closed',
      served((response) => {
        response.writeHead(200, { 'content-length': 100 });
        response.write('1234', () => response.destroy());
      }),
      'storage_unavailable',
    ],
    [
      'longer than what was asked for',
      served((response) => {
        response.writeHead(206, { 'content-length': 20, 'content-range': 'bytes 0-19/20' });
        response.end('x'.repeat(20));
      }),
      'transfer_damaged',
    ],
    [
      'from another place in the object',
      served((response) => {
        response.writeHead(206, { 'content-length': 4, 'content-range': 'bytes 2-5/20' });
        response.end('1234');
      }),
      'transfer_damaged',
    ],
    ['that never comes', () => undefined, 'storage_timeout'],
    [
      'that stops in the middle',
      served((response) => {
        response.writeHead(200, { 'content-length': 100 });
        response.write('1234');
      }),
      'storage_timeout',
    ],
  ])('%s: nothing is handed out', async (_, odd, fault) => {
    answer = objects('honoured');
    const store = await open({ request_timeout: 500 });
    answer = odd;
    await expect(store.get('key', { start: 0, length: 10 })).rejects.toEqual(failure(fault));
  });
});
