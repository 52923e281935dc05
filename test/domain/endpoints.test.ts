/** Which endpoints customers may name: what the deployment lists, after resolving, and never a machine's own services. */
import { describe, expect, test } from '@jest/globals';
import { allowedAddresses, isEndpointEntry } from '../../domain/endpoints.ts';

const names: Record<string, string[]> = {
  's3.example.com': ['10.0.0.7', '10.0.0.8'],
  'alias.example.net': ['10.0.0.8'],
  'neighbour.example.com': ['10.0.0.9'],
  'half.example.net': ['10.0.0.7', '10.0.0.9'],
  'metadata.example.net': ['169.254.169.254'],
  localhost: ['127.0.0.1', '::1'],
};

async function resolve(host: string): Promise<string[]> {
  if (/^[\d.]+$|:/.test(host)) return [host];
  const found = names[host];
  if (host === 'silent.example.com') throw Object.assign(new Error('EAI_AGAIN'), { code: 'EAI_AGAIN' });
  if (!found) throw Object.assign(new Error('ENOTFOUND'), { code: 'ENOTFOUND' });
  return found;
}

const ask = (endpoint: string, listed: string[]): ReturnType<typeof allowedAddresses> =>
  allowedAddresses(endpoint, listed, resolve);

describe('an endpoint', () => {
  test.each([
    ['https://s3.example.com', ['s3.example.com'], ['10.0.0.7', '10.0.0.8']],
    ['https://S3.example.com.', ['s3.EXAMPLE.com'], ['10.0.0.7', '10.0.0.8']],
    ['http://s3.example.com:9000/', ['s3.example.com:9000'], ['10.0.0.7', '10.0.0.8']],
    ['https://alias.example.net', ['s3.example.com'], ['10.0.0.8']],
    ['http://10.0.0.7:9000', ['10.0.0.7:9000'], ['10.0.0.7']],
    ['http://0x0a.0.0.7:9000', ['10.0.0.7:9000'], ['10.0.0.7']],
    ['http://[::ffff:10.0.0.7]:9000', ['10.0.0.7:9000'], ['10.0.0.7']],
    ['https://[fd00:0::7]', ['[fd00::7]'], ['fd00::7']],
  ])('%s is allowed by %j', async (endpoint, listed, addresses) => {
    expect(await ask(endpoint, listed)).toEqual({ addresses });
  });

  test.each([
    ['https://s3.example.com', [], 'external_endpoints'],
    ['https://neighbour.example.com', ['s3.example.com'], 'external_endpoints'],
    ['https://half.example.net', ['s3.example.com'], 'external_endpoints'],
    ['http://s3.example.com', ['s3.example.com:443'], 'external_endpoints'],
    ['https://s3.example.com:8443', ['s3.example.com'], 'external_endpoints'],
    ['https://unknown.example.com', ['s3.example.com'], 'has no address'],
    ['https://unknown.example.com', ['unknown.example.com'], 'has no address'],
    ['http://169.254.169.254', ['169.254.169.254'], 'the machine itself'],
    ['http://metadata.example.net', ['metadata.example.net'], 'the machine itself'],
    ['http://[::ffff:a9fe:a9fe]', ['[::ffff:a9fe:a9fe]'], 'the machine itself'],
    ['http://2852039166', ['2852039166'], 'the machine itself'],
    ['http://[fe80::1]', ['[fe80::1]'], 'the machine itself'],
    ['http://[fd00:ec2::254]', ['[fd00:ec2::254]'], 'the machine itself'],
    ['http://0.0.0.0:9000', ['0.0.0.0:9000'], 'the machine itself'],
    ['http://0:9000', ['0:9000'], 'the machine itself'],
    ['http://[::]:9000', ['[::]:9000'], 'the machine itself'],
    ['http://[::ffff:0.0.0.0]:9000', ['[::ffff:0:0]:9000'], 'the machine itself'],
    ['http://169.254.169.254.', ['169.254.169.254'], 'the machine itself'],
    ['http://0xa9.0xfe.43518', ['169.254.169.254'], 'the machine itself'],
    ['http://0251.0376.0251.0376', ['169.254.169.254'], 'the machine itself'],
    ['http://１６９.254.169.254', ['169.254.169.254'], 'the machine itself'],
    ['http://[64:ff9b::169.254.169.254]', ['[64:ff9b::a9fe:a9fe]'], 'the machine itself'],
    ['http://[64:ff9b:1::a9fe:a9fe]', ['[64:ff9b:1::a9fe:a9fe]'], 'the machine itself'],
    ['http://[::169.254.169.254]', ['[::a9fe:a9fe]'], 'the machine itself'],
    ['http://[::ffff:0:a9fe:a9fe]', ['[::ffff:0:a9fe:a9fe]'], 'the machine itself'],
    ['http://[2002:a9fe:a9fe::1]', ['[2002:a9fe:a9fe::1]'], 'the machine itself'],
    ['http://metadata.example.net.', ['metadata.example.net'], 'the machine itself'],
    ['http://neighbour.example.com\\.s3.example.com', ['s3.example.com'], 'external_endpoints'],
    ['http://s3.example.com\\@neighbour.example.com', ['neighbour.example.com'], 'external_endpoints'],
    ['http://[::1]:9000', ['10.0.0.7:9000'], 'external_endpoints'],
    ['http://127.1:9000', ['10.0.0.7:9000'], 'external_endpoints'],
    ['http://localhost:9000', ['10.0.0.7:9000'], 'external_endpoints'],
    ['file:///etc/passwd', ['etc'], 'no'],
    ['http://user:word@s3.example.com', ['s3.example.com'], 'no'],
  ])('%s is refused beside %j', async (endpoint, listed, why) => {
    expect(await ask(endpoint, listed)).toEqual({ refused: expect.stringContaining(why) });
  });
});

test.each([
  ['https://silent.example.com', ['silent.example.com']],
  ['https://alias.example.net', ['silent.example.com']],
])('%s beside %j is not known while the resolver is silent', async (endpoint, listed) => {
  expect(await ask(endpoint, listed)).toEqual({
    refused: expect.stringContaining('silent.example.com was not resolved'),
    unknown: true,
  });
  // What does not hang on that name is known all the same.
  expect(await ask('https://alias.example.net', ['s3.example.com', ...listed])).toHaveProperty('addresses');
});

test.each([
  ['s3.example.com', true],
  ['10.0.0.7:9000', true],
  ['[fd00::7]:9000', true],
  ['https://s3.example.com', false],
  ['s3.example.com/x', false],
  ['*.example.com', false],
  ['s3.example.com:99999', false],
  ['a@b', false],
  ['', false],
])('%j may stand in the list: %s', (entry, right) => {
  expect(isEndpointEntry(entry)).toBe(right);
});
