/** Customers' buckets as a store: where their credentials lead, and what their errors tell. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { storageOptions } from '../../config/storage.ts';
import { openExternalStore } from '../../storage/external.ts';
import { guardedLookup } from '../../storage/guarded-lookup.ts';

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
  const opening = openExternalStore(
    {
      location: 's3://mine/folder',
      credentials: { ...credentials, endpointUrl: endpoint },
      endpoints: [new URL(endpoint).host],
    },
    { options, log },
  );
  const error = await opening.then(
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
