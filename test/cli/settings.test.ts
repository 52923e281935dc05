/** Where the command line finds the API and its token, and which place wins. */
import { beforeEach, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ConnectionFlags } from '../../cli/options.ts';
import { type ConnectionSettings, connectionSettings } from '../../cli/settings.ts';

let home: string;
let file: string;

beforeEach(() => {
  home = mkdtempSync(path.join(tmpdir(), 'home-'));
  file = path.join(home, '.config', 'tidemark', 'config.toml');
  mkdirSync(path.dirname(file), { recursive: true });
});

const write = (text: string, to = file, mode = 0o600): void => writeFileSync(to, text, { mode });

async function settings(flags: ConnectionFlags, env: object = {}): Promise<ConnectionSettings> {
  return connectionSettings(flags, { HOME: home, ...env });
}

async function wrong(flags: ConnectionFlags, env: object = {}): Promise<string> {
  return settings(flags, env).then(
    () => 'nothing is wrong',
    ({ message }: Error) => message,
  );
}

const profiles = `
[profile.default]
url = "http://default:1"
token = "of-default"

[profile.production]
url = "https://production"
token_file = "production-token"
`;

test('the command line wins over the environment, and that over the settings file', async () => {
  write(profiles);
  write('of-flag\n', path.join(home, 'flag'), 0o600);
  const env = { TIDEMARK_URL: 'http://environment:1', TIDEMARK_TOKEN: 'of-environment' };
  expect(await settings({})).toMatchObject({ address: 'http://default:1/skybackup/v1', token: 'of-default' });
  expect(await settings({}, env)).toMatchObject({
    address: 'http://environment:1/skybackup/v1',
    token: 'of-environment',
  });
  expect(await settings({ url: 'http://flag:1', tokenFile: path.join(home, 'flag') }, env)).toMatchObject({
    address: 'http://flag:1/skybackup/v1',
    token: 'of-flag',
  });
});

test('a profile that the command line names wins over the environment; one of TIDEMARK_PROFILE does not', async () => {
  write(profiles);
  write('of-production\n', path.join(path.dirname(file), 'production-token'));
  const env = { TIDEMARK_URL: 'http://environment:1', TIDEMARK_TOKEN: 'of-environment' };
  expect(await settings({ profile: 'production' }, env)).toMatchObject({
    address: 'https://production/skybackup/v1',
    token: 'of-production',
  });
  expect(await settings({}, { ...env, TIDEMARK_PROFILE: 'production' })).toMatchObject({
    address: 'http://environment:1/skybackup/v1',
    token: 'of-environment',
  });
  expect(await settings({}, { TIDEMARK_PROFILE: 'production' })).toMatchObject({ token: 'of-production' });
});

test('the token of a profile is never sent to another address', async () => {
  write(profiles);
  const place = `[profile.default] in ${file}`;
  expect(await wrong({ url: 'http://elsewhere' })).toBe(
    `There is no token: set TIDEMARK_TOKEN, name a file with --token-file, or write one into the settings file. The token of ${place} is for http://default:1/skybackup/v1 and was not sent to http://elsewhere/skybackup/v1.`,
  );
  expect(await settings({ url: 'http://default:1/' })).toMatchObject({ token: 'of-default' });
});

test('without any word the API is on this machine', async () => {
  const { address, timeoutMs, warnings } = await settings({}, { TIDEMARK_TOKEN: 't' });
  expect({ address, timeoutMs, warnings }).toEqual({
    address: 'http://127.0.0.1:8080/skybackup/v1',
    timeoutMs: 30_000,
    warnings: [],
  });
});

test('XDG_CONFIG_HOME says where the settings file is, when it is absolute', async () => {
  const folder = path.join(home, 'elsewhere', 'tidemark');
  mkdirSync(folder, { recursive: true });
  write('[profile.default]\ntoken = "of-xdg"\n', path.join(folder, 'config.toml'));
  write('[profile.default]\ntoken = "of-home"\n');
  expect(await settings({}, { XDG_CONFIG_HOME: path.dirname(folder) })).toMatchObject({ token: 'of-xdg' });
  expect(await settings({}, { XDG_CONFIG_HOME: 'elsewhere' })).toMatchObject({ token: 'of-home' });
});

test('a file with a token that others can read is warned of', async () => {
  write(profiles, file);
  write('t', path.join(home, 'token'), 0o644);
  const { warnings } = await settings({ tokenFile: path.join(home, 'token'), url: 'http://x' });
  expect(warnings).toEqual([
    `${path.join(home, 'token')} holds a token and is open to others: chmod 600 ${path.join(home, 'token')}`,
  ]);
});

test.each([
  ['[profile.default]\nurl = 5', /^"url" of \[profile\.default\] in \S+ has to be a text in quotes\.$/],
  ['[profile.default]\npassword = "x"', /^"password" of .+ is unknown\. There are url, token, token_file\.$/],
  ['url = "http://x"', /^"url" in \S+ is unknown: write sections \[profile\.NAME\]/],
  ['[profile.default]\ntoken = "a"\ntoken_file = "b"', /has both token and token_file: keep one\.$/],
  ['[profile.default]\nurl = "ftp://x"', /^url of .+ is neither http:\/\/ nor https:\/\//],
  ['[profile.default]\nurl = "http://u:hunter2@x"', /has an account in it: the API takes a token/],
  [
    '[profile.default]\ntoken = "hunter2\n',
    /^The settings file \S+ is not TOML: look at line 2, column \d+\.$/,
  ],
])('%j is refused without a word of what it holds', async (text, expected) => {
  write(text);
  const message = await wrong({});
  expect(message).toMatch(expected);
  expect(message).not.toContain('hunter2');
});

test('a profile that is not there is named, with those that are', async () => {
  write(profiles);
  expect(await wrong({ profile: 'test' })).toBe(
    `--profile names the profile "test"; ${file} has default, production.`,
  );
});

test('a token that no header can carry is refused without being shown', async () => {
  for (const token of ['two words', 'hunter2\nInjected: yes', 'hünter2', '  ']) {
    const message = await wrong({}, { TIDEMARK_TOKEN: token });
    expect(message).toMatch(
      /^The token (has blanks or characters that no token has|is empty) \(TIDEMARK_TOKEN\)\.$/,
    );
  }
});
