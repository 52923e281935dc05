import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type OutgoingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CRC32C } from '@google-cloud/storage';
import { download, type Download } from '../../storage/gcs/download.ts';
import { startGcs, type TestGcs } from '../support/gcs.ts';

const body = Buffer.from('0123456789');
const md5 = hash('md5', body, 'base64');
const crc32c = ((): string => {
  const made = new CRC32C();
  made.update(body);
  return made.toString();
})();

/** Answers with what the test says. */
let server: Server;
let answer: { status: number; headers: OutgoingHttpHeaders; body: Buffer };
beforeAll(async () => {
  server = createServer((_, response) => {
    response.writeHead(answer.status, { 'content-length': answer.body.length, ...answer.headers });
    response.end(answer.body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const all: Download = { start: 0, length: Number.MAX_SAFE_INTEGER, into: undefined };
const whole = { status: 200, headers: { 'x-goog-hash': `crc32c=${crc32c},md5=${md5}` }, body };
const alive = new AbortController().signal;

async function fetched(wanted: Partial<Download> = {}, ended = alive): Promise<string> {
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/o?alt=media`);
  return (await download(url, {}, { ...all, ...wanted }, ended)).toString();
}

function damaged(how: RegExp): unknown {
  return expect.objectContaining({
    code: 'transfer_damaged',
    message: expect.stringMatching(how) as unknown as string,
  });
}

describe('a download', () => {
  test('brings the whole object when its digest is right', async () => {
    answer = whole;
    expect(await fetched()).toBe('0123456789');
  });

  test('keeps the wanted bytes of an answer that brings more', async () => {
    answer = whole;
    expect(await fetched({ start: 3, length: 4 })).toBe('3456');
    expect(await fetched({ start: 8, length: 100 })).toBe('89');
    expect(await fetched({ start: 10, length: 1 })).toBe('');
  });

  test('puts them into the memory that is given, and only there', async () => {
    answer = whole;
    const into = Buffer.alloc(6, 'x');
    expect(await fetched({ start: 3, length: 4, into })).toBe('3456');
    expect(into.toString()).toBe('3456xx');
  });

  test('takes a part of the object as it comes, and as it was asked for', async () => {
    const headers = { 'content-range': 'bytes 2-4/10', 'x-goog-hash': `md5=${md5}` };
    answer = { status: 206, headers, body: Buffer.from('234') };
    expect(await fetched({ start: 2, length: 3 })).toBe('234');
    await expect(fetched({ start: 1, length: 3 })).rejects.toEqual(damaged(/bytes 1 to 4 .* 2 to 5/));
    await expect(fetched({ start: 2, length: 4 })).rejects.toEqual(damaged(/bytes 2 to 6/));
  });

  test('checks a part that is the whole', async () => {
    const headers = { 'content-range': 'bytes 0-9/10', 'x-goog-hash': 'md5=AAAAAAAAAAAAAAAAAAAAAA==' };
    answer = { status: 206, headers, body };
    await expect(fetched({ length: 11 })).rejects.toEqual(damaged(/expected MD5 AAAA.* found eB5e/));
  });

  test('takes the word of who recognizes the bytes, and makes a digest of what is not recognized', async () => {
    const wrong = { 'x-goog-hash': 'md5=AAAAAAAAAAAAAAAAAAAAAA==' };
    const asked: string[] = [];
    const recognizes = (bytes: Buffer): Promise<boolean> => {
      asked.push(bytes.toString());
      return Promise.resolve(asked.length === 1);
    };
    answer = { ...whole, headers: wrong };
    expect(await fetched({ length: 11, recognizes })).toBe('0123456789');
    await expect(fetched({ length: 11, recognizes })).rejects.toEqual(damaged(/expected MD5 AAAA/));
    answer = whole;
    expect(await fetched({ length: 11, recognizes })).toBe('0123456789');
    expect(asked).toEqual(['0123456789', '0123456789', '0123456789']);
    // The digest is of more than what was asked for: that is not the caller's to recognize.
    answer = { ...whole, headers: wrong };
    await expect(fetched({ length: 4, recognizes })).rejects.toEqual(damaged(/expected MD5 AAAA/));
    expect(asked).toHaveLength(3);
  });

  test('checks an object without MD5, which was joined from others, by its CRC32C', async () => {
    answer = { ...whole, headers: { 'x-goog-hash': `crc32c=${crc32c}` } };
    expect(await fetched()).toBe('0123456789');
    answer = { ...whole, headers: { 'x-goog-hash': 'crc32c=AAAAAA==' } };
    await expect(fetched()).rejects.toEqual(damaged(/expected CRC32C AAAAAA==/));
  });

  test('is refused without a digest, or with fewer or more bytes than the object has', async () => {
    answer = { ...whole, headers: {} };
    await expect(fetched()).rejects.toEqual(damaged(/without a digest/));
    answer = { ...whole, headers: { ...whole.headers, 'x-goog-stored-content-length': '11' } };
    await expect(fetched()).rejects.toEqual(damaged(/11 bytes were announced, 10 came/));
    answer = { ...whole, headers: { ...whole.headers, 'x-goog-stored-content-length': '9' } };
    await expect(fetched()).rejects.toEqual(damaged(/9 bytes were announced, more came/));
  });

  test('of a range behind the end brings nothing', async () => {
    answer = { status: 416, headers: {}, body: Buffer.from('<Error/>') };
    expect(await fetched({ start: 20, length: 3 })).toBe('');
  });

  test('tells a refusal with its status and what was said, cut short', async () => {
    answer = { status: 403, headers: {}, body: Buffer.alloc(100_000, 'no ') };
    await expect(fetched()).rejects.toMatchObject({
      code: 403,
      message: expect.stringMatching(/^(no )+n?$/),
    });
  });
});

describe('a download of the server', () => {
  let gcs: TestGcs;
  beforeAll(async () => {
    gcs = await startGcs();
  });
  afterAll(() => gcs.stop());

  test('of a range brings the range alone', async () => {
    const bucket = await gcs.bucket();
    const upload = `${gcs.endpoint}/upload/storage/v1/b/${bucket}/o?uploadType=media&name=key`;
    await fetch(upload, { method: 'POST', body });
    const url = new URL(`${gcs.endpoint}/storage/v1/b/${bucket}/o/key?alt=media`);
    const range = (from: number, to: number): Promise<Buffer> =>
      download(
        url,
        { range: `bytes=${from}-${to - 1}` },
        { start: from, length: to - from, into: undefined },
        alive,
      );
    expect((await range(2, 5)).toString()).toBe('234');
    expect((await range(0, 11)).toString()).toBe('0123456789');
    expect((await range(10, 12)).toString()).toBe('');
    const missing = new URL(`${gcs.endpoint}/storage/v1/b/${bucket}/o/none?alt=media`);
    await expect(download(missing, {}, all, alive)).rejects.toMatchObject({ code: 404 });
  });
});
