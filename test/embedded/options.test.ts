/** What `npm start` and `npm run demo` can be told. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { resolve } from 'node:path';
import { parseDemoOptions } from '../../embedded/demo/options.ts';
import { parseStartOptions } from '../../embedded/options.ts';

let said: string;
beforeEach(() => {
  said = '';
  const listen = (text: unknown): boolean => {
    said += String(text);
    return true;
  };
  jest.spyOn(process.stderr, 'write').mockImplementation(listen);
  jest.spyOn(process.stdout, 'write').mockImplementation(listen);
});
afterEach(() => {
  jest.restoreAllMocks();
});

test('without options there is one sample, in .tidemark, on the usual ports', () => {
  expect(parseStartOptions([])).toEqual({
    data: resolve('.tidemark'),
    samples: 1,
    agents: [],
    json: false,
    port: 8080,
    temporalPort: 7233,
    uiPort: 8233,
    storage: undefined,
    movedFrom: undefined,
    environment: {},
    copies: [],
    externalEndpoints: [],
    recipients: [],
    identity: undefined,
    logLevel: 'info',
    nightly: 'on',
    readyTimeoutMs: 120_000,
  });
});

test('named agents take the place of the samples', () => {
  const options = parseStartOptions(['--agent', 'one.yaml', 'two.yaml', '--agent', '/etc/three.yaml']);
  expect(options).toMatchObject({
    samples: 0,
    agents: [resolve('one.yaml'), resolve('two.yaml'), '/etc/three.yaml'],
  });
});

test.each([
  [['--port', '70000'], '65535'],
  [['--port', '80 80'], '65535'],
  [['--samples', '-1'], '0 to 16'],
  [['--samples', '1.5'], '0 to 16'],
  [['--recipient', 'age1abc'], 'has a wrong checksum'],
  [['--storage', 'ftp://bucket'], 'file:///path'],
  [['--copy', 'ftp://bucket'], 'file:///path'],
  [['--external-endpoints', 'http://host/path'], 'a host, or a host and a port'],
  [['--log-level', 'loud'], 'trace, debug, info'],
  [['--samples', '2', '--agent', 'one.yaml'], '--samples'],
  [['--prot', '1'], '--port'],
  [['surplus'], 'too many arguments'],
])('%j is refused, saying what is allowed', (args, allowed) => {
  expect(() => parseStartOptions(args)).toThrow();
  expect(said).toContain(allowed);
  // What a validator draws for a list of faults is no part of a sentence.
  expect(said).not.toContain('✖');
});

test('hosts of endpoints may be given one by one, or several in one word', () => {
  const args = [
    '--external-endpoints',
    '127.0.0.1:7070,s3.example.com',
    '--external-endpoints',
    '[fd00::7]:9000',
  ];
  expect(parseStartOptions([...args, '127.0.0.1:7070']).externalEndpoints).toEqual([
    '127.0.0.1:7070',
    's3.example.com',
    '[fd00::7]:9000',
  ]);
});

test('help names every option', () => {
  expect(() => parseStartOptions(['--help'])).toThrow(expect.objectContaining({ exitCode: 0 }));
  for (const option of [
    '--data',
    '--samples',
    '--agent',
    '--json',
    '--port',
    '--temporal-port',
    '--ui-port',
    '--storage',
    '--copy',
    '--moved-from',
    '--external-endpoints',
  ])
    expect(said).toContain(option);
});

test('the demo loads 100 MB, less with --fast, and what --size says', () => {
  expect(parseDemoOptions([])).toMatchObject({ size: 100 * 1024 ** 2, keep: false });
  expect(parseDemoOptions(['--fast', '--keep'])).toMatchObject({ size: 10 * 1024 ** 2, keep: true });
  expect(parseDemoOptions(['--fast', '--size', '1G']).size).toBe(1024 ** 3);
  expect(() => parseDemoOptions(['--size', 'much'])).toThrow();
  expect(said).toContain('16M');
});
