/** What the store makes of single answers, from a server of the test's own. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { crc32 } from 'node:zlib';
import { storageOptions } from '../../config/storage.ts';
import { openS3Store } from '../../storage/s3/s3-store.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { failure, keysOf } from './support.ts';

const sockets = new Set<Socket>();
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const server = createServer((request, response) => {
  sockets.add(request.socket);
  request.resume();
  if (request.method === 'PUT') response.writeHead(412).end('<Error><Code>PreconditionFailed</Code></Error>');
  else answer(request, response);
});
let store: ObjectStore;

beforeAll(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  store = await openS3Store({
    bucket: 'bucket',
    prefix: '',
    options: storageOptions.parse({ endpoint }),
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function page(key: string, rest: string): string {
  return `<ListBucketResult><Contents><Key>${key}</Key><Size>1</Size></Contents>${rest}</ListBucketResult>`;
}

function more(token: string): string {
  return `<IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken>`;
}

test('a listing of three pages has every key, once', async () => {
  answer = ({ url = '' }, response) => {
    const token = new URL(url, 'http://server').searchParams.get('continuation-token');
    if (token === null) response.end(page('a', more('second')));
    else if (token === 'second') response.end(page('b', more('third')));
    else response.end(page('c', '<IsTruncated>false</IsTruncated>'));
  };
  expect(await keysOf(store)).toEqual(['a', 'b', 'c']);
});

test('a listing that is cut short without a way to go on is no listing', async () => {
  answer = (_, response) => response.end(page('a', '<IsTruncated>true</IsTruncated>'));
  await expect(keysOf(store)).rejects.toEqual(failure('storage_unavailable'));
});

test('looking at an object keeps the connection for the next request', async () => {
  answer = (_, response) =>
    response.writeHead(206, { 'content-range': 'bytes 0-0/7', 'content-length': 1 }).end('x');
  sockets.clear();
  for (let time = 0; time < 5; time++) {
    expect(await store.stat('key')).toEqual({ bytes: 7 });
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(sockets.size).toBe(1);
});

test('who recognizes the bytes is believed; what is not recognized is held against the checksum of the store', async () => {
  const checksum = (value: string) => (_: IncomingMessage, response: ServerResponse) => {
    const headers = { 'content-length': '5', 'x-amz-meta-tidemark-crc32': value };
    response.writeHead(200, headers).end('bytes');
  };
  const read = async (recognized: boolean): Promise<string> =>
    (await store.get('part', undefined, undefined, undefined, () => Promise.resolve(recognized))).toString();
  const right = crc32('bytes').toString(16).padStart(8, '0');
  answer = checksum('00000000');
  expect(await read(true)).toBe('bytes');
  await expect(read(false)).rejects.toEqual(failure('transfer_damaged'));
  await expect(store.get('part')).rejects.toEqual(failure('transfer_damaged'));
  answer = checksum(right);
  expect(await read(false)).toBe('bytes');
});
