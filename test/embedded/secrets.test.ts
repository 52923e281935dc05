/** What a stack keeps of its own: the token that scripts have, and the key that seals. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keptToken, makeSealingKey } from '../../embedded/secrets.ts';

let folder: string;
let tokens: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'secrets-'));
  tokens = join(folder, 'tokens');
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const modeOf = async (file: string): Promise<number> => (await stat(file)).mode & 0o777;

test('the token stays the same from start to start, with what somebody added, for its owner alone', async () => {
  const token = await keptToken(tokens);
  expect(token).toMatch(/^[\w-]{32}$/);
  expect(await modeOf(tokens)).toBe(0o600);
  const text = `# mine\n${await readFile(tokens, 'utf8')}abc acme viewer somebody\n`;
  await writeFile(tokens, text);
  await chmod(tokens, 0o644);
  expect(await keptToken(tokens)).toBe(token);
  expect(await readFile(tokens, 'utf8')).toBe(text);
  expect(await modeOf(tokens)).toBe(0o600);
});

test('without its file, or its line in it, there is another one', async () => {
  const first = await keptToken(tokens);
  await rm(tokens);
  const second = await keptToken(tokens);
  expect(second).not.toBe(first);
  await writeFile(tokens, 'abc default administrator somebody\n');
  const third = await keptToken(tokens);
  expect([first, second]).not.toContain(third);
  expect(await readFile(tokens, 'utf8')).toBe(`${third} default administrator npm-start\n`);
});

test('the key that seals is made once', async () => {
  const file = join(folder, 'sealing-key');
  await makeSealingKey(file);
  const key = await readFile(file, 'utf8');
  await makeSealingKey(file);
  expect(await readFile(file, 'utf8')).toBe(key);
  expect(await modeOf(file)).toBe(0o600);
});
