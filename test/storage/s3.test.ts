import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
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
    const opened = openStore('s3://no-such-bucket/prefix', {
      options: s3.options(),
      credentials: s3.credentials,
    });
    await expect(opened).rejects.toEqual(failure('bucket_missing'));
    await expect(opened).rejects.toThrow(/s3:\/\/no-such-bucket\/prefix.*no such bucket/);
  });

  test.each([
    ['an unknown key', { accessKeyId: 'nobody' }],
    ['a wrong secret', { secretAccessKey: 'wrong' }],
  ])('with %s is refused, and says so without it', async (_, change) => {
    const credentials = { ...s3.credentials, ...change };
    const opened = openStore(`s3://${await s3.bucket()}`, { options: s3.options(), credentials });
    await expect(opened).rejects.toEqual(failure('storage_credentials_refused'));
    await expect(opened).rejects.not.toThrow(credentials.secretAccessKey);
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
