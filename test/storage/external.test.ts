/** Customers' buckets as a store: where their credentials lead, and what their errors tell. */
import { randomBytes } from 'node:crypto';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type ClientRequest, createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HeadBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { storageOptions } from '../../config/storage.ts';
import { gcsClient } from '../../storage/gcs/client.ts';
import { openExternalStore } from '../../storage/external.ts';
import { guardedLookup, requireAllowed } from '../../storage/guarded-lookup.ts';
import { withoutSecrets } from '../../storage/decorators/discreet.ts';
import { s3Error } from '../../storage/s3/errors.ts';
import { s3Client } from '../../storage/s3/client.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { googleKey } from '../support/google-key.ts';

/** A server that repeats everything it was asked with, as a careless or curious one might. */
let parrot: Server;
let endpoint: string;
const heard: string[] = [];

beforeAll(async () => {
  parrot = createServer((request, response) => {
    heard.push(`${request.method} ${request.url}`);
    const said = `${request.headers.authorization ?? ''} ${String(request.headers['x-amz-security-token'])}`;
    response.writeHead(403, { 'content-type': 'application/xml' });
    response.end(`<Error><Code>AccessDenied</Code><Message>You said ${said}</Message></Error>`);
  });
  await new Promise<void>((resolve) => parrot.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(parrot.address() as AddressInfo).port}`;
});

afterAll(() => {
  parrot.close();
});

/** Sends whoever asks to the parrot, as a store could to reach what only we can. */
async function sendingAway(status: number): Promise<{ url: string; close: () => void }> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(status, { location: `${endpoint}/latest/meta-data/` }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

/** Every way to ask a store; what comes of it does not matter. */
async function askEverything(store: ObjectStore): Promise<void> {
  await Promise.allSettled([
    store.put('a', Buffer.from('x')),
    store.replace('a', Buffer.from('x')),
    store.get('a'),
    store.stat('a'),
    store.list('')[Symbol.asyncIterator]().next(),
    store.delete('a'),
  ]);
}

const credentials = {
  scheme: 's3',
  accessKeyId: 'AKIACANARY',
  secretAccessKey: 'canary-secret-0123456789',
  sessionToken: 'canary-token-0123456789',
} as const;

const options = storageOptions.parse({ retry_for: '0s' });

test('no secret that a server repeats gets into an error', async () => {
  const lines: string[] = [];
  const write = (fields: object, message: string): number => lines.push(JSON.stringify([fields, message]));
  const log = { debug: write, info: write, warn: write, error: write };
  const store = await openExternalStore(
    {
      location: 's3://mine/folder',
      credentials: { ...credentials, endpointUrl: endpoint },
      endpoints: [new URL(endpoint).host],
    },
    { options, log },
  );
  const error = await store.put('key', Buffer.from('x')).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  expect(error).toMatchObject({ code: 'storage_forbidden' });
  // In the path: a bucket's name before the host would be another host.
  expect(heard[0]).toMatch(/^PUT \/mine\/folder\//);
  expect(error?.message).toContain('You said');
  for (const text of [error?.message, String(error?.stack), JSON.stringify(error?.cause ?? ''), ...lines]) {
    expect(text).not.toMatch(/canary/i);
  }
});

test('an endpoint that is not listed is not asked', async () => {
  const before = heard.length;
  const bucket = {
    location: 's3://mine',
    credentials: { ...credentials, endpointUrl: endpoint },
    endpoints: [],
  };
  await expect(openExternalStore(bucket, { options })).rejects.toMatchObject({ code: 'endpoint_refused' });
  expect(heard).toHaveLength(before);
});

test('a connection to a name goes to its allowed addresses, and to no others', async () => {
  const ask = async (named: string, listed: string[]): Promise<unknown> =>
    await new Promise((resolve) => {
      guardedLookup(named, listed)(new URL(named).hostname, { all: true }, (error, addresses) =>
        resolve(error ?? addresses),
      );
    });
  expect(await ask('http://localhost:9000', ['localhost:9000'])).toContainEqual({
    address: '127.0.0.1',
    family: 4,
  });
  // As when the name was given another address after it was checked.
  expect(await ask('http://localhost:9000', ['10.0.0.7:9000'])).toMatchObject({ code: 'endpoint_refused' });
});

test('a name that is not resolved at the moment is no reason to refuse for good', async () => {
  let code = '';
  const failing = async (host: string): Promise<string[]> => {
    if (host !== 's3.example.com') return ['10.0.0.7'];
    throw Object.assign(new Error(code), { code });
  };
  const listed = ['s3.example.com', '10.0.0.7'];
  const checked = (): Promise<string[]> => requireAllowed('https://s3.example.com', listed, failing);
  const connected = async (): Promise<unknown> =>
    await new Promise((resolve) => {
      const lookup = guardedLookup('https://s3.example.com', listed, failing);
      lookup('s3.example.com', { all: true }, (error, addresses) => resolve(error ?? addresses));
    });
  for (const passing of ['EAI_AGAIN', 'ETIMEOUT', 'ESERVFAIL']) {
    code = passing;
    await expect(checked()).rejects.toMatchObject({ code: 'storage_unavailable' });
    expect(await connected()).toMatchObject({ code: 'storage_unavailable', retryable: true });
  }
  code = 'ENOTFOUND';
  await expect(checked()).rejects.toMatchObject({ code: 'endpoint_refused' });
  // It was there when it was checked.
  expect(await connected()).toMatchObject({ code: 'storage_unavailable' });
});

test('of a secret that a server repeats in pieces, or cut short, no piece gets into an error', () => {
  const { email: clientEmail, privateKey } = googleKey();
  const said = (secrets: string[], text: string): string =>
    (withoutSecrets(s3Error(new Error(text), 'read a', 's3://mine'), secrets) as Error).message;
  const lines = privateKey.split('\n');
  const whole = said([privateKey], `Bad key ${privateKey} of ${clientEmail}`);
  for (const line of lines.filter((one) => one !== '')) expect(whole).not.toContain(line);
  expect(whole).toContain('Bad key ***');
  const token = randomBytes(300).toString('hex');
  const cut = said([token], `The token ${token} is bad`);
  expect(cut).toMatch(/The token \*\*\*…/);
  expect(cut).not.toContain(token.slice(0, 12));
  // Cut off after its first few characters.
  for (const before of [100, 130, 139, 140, 142]) {
    const few = said([token], `${'x '.repeat(before)}The token ${token} is bad`);
    expect(few).not.toContain(token.slice(0, 4));
  }
  expect(said(['pass'], 'a pass here')).toContain('a *** here');
});

describe('a store that sends us elsewhere', () => {
  test.each([301, 302, 303, 307, 308])('of S3, by a %s, is not followed', async (status) => {
    const store = await sendingAway(status);
    const before = heard.length;
    const bucket = {
      location: 's3://mine',
      credentials: { ...credentials, endpointUrl: store.url },
      endpoints: [new URL(store.url).host],
    };
    const opened = await openExternalStore(bucket, { options });
    await askEverything(opened);
    // S3 says by these that the bucket is in another region.
    if ([301, 307].includes(status))
      await expect(opened.stat('a')).rejects.toMatchObject({ code: 'bucket_region_wrong' });
    expect(heard.slice(before)).toEqual([]);
    store.close();
  });

  test.each([301, 302, 303, 307, 308])('of Google, by a %s, is not followed', async (status) => {
    const store = await sendingAway(status);
    const before = heard.length;
    process.env['STORAGE_EMULATOR_HOST'] = store.url;
    try {
      const { email: clientEmail, privateKey } = googleKey();
      const bucket = {
        location: 'gs://mine',
        credentials: { scheme: 'gs', clientEmail, privateKey },
      } as const;
      const opened = await openExternalStore({ ...bucket, endpoints: [] }, { options });
      await askEverything(opened);
      await expect(opened.stat('a')).rejects.toMatchObject({ code: 'storage_unavailable' });
      expect(heard.slice(before)).toEqual([]);
    } finally {
      delete process.env['STORAGE_EMULATOR_HOST'];
      store.close();
    }
  });
});

describe('without an endpoint of its own', () => {
  test.each([
    'mine',
    'my_bucket',
    '169.254.169.254',
    'metadata.google.internal',
    'a.b.c.',
    '-x',
    'x--usw2-az1--x-s3',
    'mine--op-s3',
    'MINE',
  ])('the bucket %j leads to Amazon alone, over TLS', async (bucket) => {
    const asked: string[] = [];
    const client = await s3Client(options, { accessKeyId: 'AKIACANARY', secretAccessKey: 'canary-secret' });
    client.middlewareStack.add(
      () => (given) => {
        const { protocol, hostname } = given.request as { protocol: string; hostname: string };
        asked.push(`${protocol}//${hostname}`);
        throw new Error('far enough');
      },
      { step: 'finalizeRequest', priority: 'low' },
    );
    // Some names the client refuses by itself.
    await client.send(new HeadBucketCommand({ Bucket: bucket })).catch(() => undefined);
    for (const address of asked) expect(address).toMatch(/^https:\/\/([^/]+\.)?amazonaws\.com$/);
    if (bucket === 'mine') expect(asked).toEqual(['https://mine.s3.us-east-1.amazonaws.com']);
  });

  test('a token for a Google key is asked for at Google, and the key goes nowhere else', async () => {
    const { email: client_email, privateKey: private_key } = googleKey();
    const { storage, authenticated } = gcsClient({ credentials: { client_email, private_key } });
    expect([authenticated, storage.baseUrl]).toEqual([true, 'https://storage.googleapis.com/storage/v1']);
    const asked: unknown[] = [];
    const onRequest = (message: unknown): void => {
      const { request } = message as { request: ClientRequest };
      asked.push(`${request.protocol}//${request.host}`);
      request.destroy();
    };
    subscribe('http.client.request.created', onRequest);
    await storage.authClient.getAccessToken().catch(() => undefined);
    unsubscribe('http.client.request.created', onRequest);
    expect([...new Set(asked)]).toEqual(['https://www.googleapis.com']);
  });
});

test('no line of a key that a server repeats gets into an error', async () => {
  const { email: clientEmail, privateKey } = googleKey();
  const [, line = ''] = privateKey.split('\n');
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(403, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { code: 403, message: `Wrong: ${line}.` } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env['STORAGE_EMULATOR_HOST'] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const bucket = { location: 'gs://mine', credentials: { scheme: 'gs', clientEmail, privateKey } } as const;
    const store = await openExternalStore({ ...bucket, endpoints: [] }, { options });
    await expect(store.put('key', Buffer.from('x'))).rejects.toMatchObject({
      code: 'storage_forbidden',
      message: expect.stringContaining('Wrong: ***'),
    });
  } finally {
    delete process.env['STORAGE_EMULATOR_HOST'];
    server.close();
  }
});
