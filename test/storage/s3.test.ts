import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { hash } from 'node:crypto';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { storageOptions } from '../../config/storage.ts';
import { openStore } from '../../storage/open.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { startS3, type TestS3 } from '../support/s3.ts';
import { conformance } from './conformance.ts';
import { failure, keysOf } from './support.ts';

let s3: TestS3;
beforeAll(async () => {
  s3 = await startS3();
});
afterAll(() => s3.remove());

conformance('a bucket of S3', async () => {
  const bucket = await s3.bucket();
  const open = (): Promise<ObjectStore> =>
    openStore(`s3://${bucket}/a/prefix`, { options: s3.options(), credentials: s3.credentials });
  return { store: await open(), again: open, remove: async () => undefined };
});

test('an object whose bytes rotted in the store is told from one that was spoilt on its way, and named', async () => {
  const bucket = await s3.bucket();
  const [options, { credentials }] = [s3.options({ retry_for: 60_000 }), s3];
  const store = await openStore(`s3://${bucket}/a`, { options, credentials });
  await store.put('b/part-000001', Buffer.alloc(1_000, 7));
  const file = path.join(s3.server.folderOf(bucket), 'a/b/part-000001');
  const handle = await open(file, 'r+');
  await handle.write(Buffer.from([6]), 0, 1, 500);
  await handle.close();
  const get = store.get('b/part-000001', { start: 0, length: 1_001 });
  await expect(get).rejects.toEqual(failure('object_damaged'));
  await expect(get).rejects.toThrow(/b\/part-000001 in s3:.* expected CRC-32 [0-9a-f]{8}, found [0-9a-f]{8}/);
});

test('bytes that are not of the digest that came with them are not stored', async () => {
  const bucket = await s3.bucket();
  const options = s3.options({ retry_for: 0 });
  const store = await openStore(`s3://${bucket}/a`, { options, credentials: s3.credentials });
  const [sent, meant] = [Buffer.from('changed on its way'), Buffer.from('as it was meant')];
  const put = store.put('key', sent, undefined, hash('sha256', meant));
  await expect(put).rejects.toEqual(failure('transfer_damaged'));
  expect(await keysOf(store)).toEqual([]);
  await store.put('key', meant, undefined, hash('sha256', meant));
});

describe('opening a bucket', () => {
  test('below different prefixes gives different stores', async () => {
    const bucket = await s3.bucket();
    const open = (prefix: string): Promise<ObjectStore> =>
      openStore(`s3://${bucket}${prefix}`, { options: s3.options(), credentials: s3.credentials });
    const [one, two, whole] = [await open('/one'), await open('/two/'), await open('')];
    await one.put('key', Buffer.from('1'));
    await two.put('key', Buffer.from('2'));
    expect((await one.get('key')).toString()).toBe('1');
    expect(await keysOf(one)).toEqual(['key']);
    expect(two.location).toBe(`s3://${bucket}/two`);
    expect(await keysOf(whole, 'one/k')).toEqual(['one/key']);
  });

  test('that is not there is refused, and says so', async () => {
    const store = await openStore('s3://no-such-bucket/prefix', {
      options: s3.options(),
      credentials: s3.credentials,
    });
    await expect(store.get('key')).rejects.toEqual(failure('bucket_missing'));
    const put = store.put('key', Buffer.from('x'));
    await expect(put).rejects.toEqual(failure('bucket_missing'));
    await expect(put).rejects.toThrow(/s3:\/\/no-such-bucket\/prefix.*no such bucket/);
  });

  test.each([
    ['an unknown key', { accessKeyId: 'nobody' }],
    ['a wrong secret', { secretAccessKey: 'wrong' }],
  ])('with %s is refused, and says so without it', async (_, change) => {
    const credentials = { ...s3.credentials, ...change };
    const store = await openStore(`s3://${await s3.bucket()}`, { options: s3.options(), credentials });
    const asked = store.stat('key');
    await expect(asked).rejects.toEqual(failure('storage_credentials_refused'));
    await expect(asked).rejects.not.toThrow(credentials.secretAccessKey);
  });

  test('whose server is away succeeds, and what is asked of it is tried again for as long as is set', async () => {
    const options = s3.options({ endpoint: 'http://127.0.0.1:9', retry_for: 300 });
    const store = await openStore('s3://bucket', { options, credentials: s3.credentials });
    await expect(store.get('key')).rejects.toEqual(failure('storage_unavailable'));
    await expect(store.put('key', Buffer.from('x'))).rejects.toEqual(failure('storage_unavailable'));
  });

  test.each([
    's3://',
    's3:///prefix',
    's3://..',
    's3://bucket/../other',
    's3://bucket/a/%2e%2e/b',
    's3://bucket//a',
    's3://bucket/a?b',
    's3://user:secret@bucket/a',
    's3://buck et/a',
  ])('%s is no location', async (location) => {
    await expect(openStore(location, { options: storageOptions.parse({}) })).rejects.toEqual(
      failure('invalid_setting'),
    );
  });
});
