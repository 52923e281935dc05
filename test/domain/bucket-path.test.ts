/** Addresses of customers' buckets: letter by letter, and never a way out of their folder. */
import { expect, test } from '@jest/globals';
import { parseBucketPath } from '../../domain/bucket-path.ts';
import { parseBucket } from '../../storage/location.ts';

test.each([
  ['s3://mine', 'mine', ''],
  ['s3://mine/', 'mine', ''],
  ['gs://my_bucket.1/tidemark/', 'my_bucket.1', 'tidemark'],
  ['s3://mine/a folder/ä/100%', 'mine', 'a folder/ä/100%'],
  ['s3://mine/%2e%2e/x', 'mine', '%2e%2e/x'],
  ['s3://mine/..x/...', 'mine', '..x/...'],
  ['s3://mine/%2E./%252e%252e', 'mine', '%2E./%252e%252e'],
  ['s3://mine/a%00b%5c..%2f', 'mine', 'a%00b%5c..%2f'],
  ['s3://mine/．．/‥/∕', 'mine', '．．/‥/∕'],
  ['s3://169.254.169.254/latest', '169.254.169.254', 'latest'],
])('%j is the bucket %j with the folder %j, also for the store', (path, bucket, prefix) => {
  const parsed = parseBucketPath(path);
  expect(parsed).toMatchObject({ scheme: path.slice(0, 2), bucket });
  expect(parseBucket('location' in parsed ? parsed.location : '')).toEqual({ bucket, prefix });
});

test.each([
  'mine',
  'file:///srv',
  's3://',
  's3://..',
  's3://a b',
  's3://mine/../theirs',
  's3://mine/a/../../theirs',
  's3://mine/./a',
  's3://mine//a',
  's3://mine/a//b',
  's3://mine/a?versionId=1',
  's3://mine/a#b',
  's3://mine/a\\b',
  's3://mine/a\nb',
  's3://mine/a\0b',
  's3://mine/..\\..\\theirs',
  's3://mine/..',
  's3://mine/a/..',
  's3://mine/a/../',
  's3://mine%2ftheirs/a',
  's3://mine\0/a',
  's3://mïne/a',
  's3://[::1]/a',
  `s3://${'a'.repeat(223)}`,
  `gs://mine/${'a/'.repeat(351)}`,
  's3://user@mine/a',
  's3://mine:9000/a',
  `s3://mine/${'a'.repeat(256)}`,
  `s3://mine/${'ä'.repeat(500)}`,
  's3://mine/\ud800',
])('%j is refused', (path) => {
  expect(parseBucketPath(path)).toEqual({ wrong: expect.stringContaining('s3://name/folder') });
});

test.each(['s3://AKIA:secret@bucket/x', 's3://AKIA:secret/x', 'gs://secret@bucket'])(
  'the store refuses %s without showing what may be a key',
  (location) => {
    expect(() => parseBucket(location)).toThrow('does not name a bucket');
    expect(() => parseBucket(location)).not.toThrow('secret');
  },
);
