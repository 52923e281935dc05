/** The file of sealing keys on the deployment's host. */
import { expect, test } from '@jest/globals';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { keyRing } from '../../sealing/key-ring.ts';
import { CommandLine } from '../support/command-line.ts';

const tidemark = new CommandLine();
const folder = mkdtempSync(path.join(tmpdir(), 'keys-'));
const file = path.join(folder, 'sealing-key');

test('make writes a file with one key that only its owner can read, and never over another', async () => {
  const { code, stdout, stderr } = await tidemark.run('sealing-key', 'make', file);
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  expect(stderr).toMatch(/ has the key [0-9a-f]{16}\./);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const before = readFileSync(file, 'utf8');
  expect(stderr).not.toContain(before.trim());
  const again = await tidemark.run('sealing-key', 'make', file);
  expect(again.code).toBe(2);
  expect(again.stderr).toContain(`${file} cannot be made: EEXIST`);
  expect(readFileSync(file, 'utf8')).toBe(before);
});

test('rotate puts a new key first, and what the older one sealed is still opened', async () => {
  chmodSync(file, 0o640);
  const envelope = keyRing(readFileSync(file, 'utf8'), file).seal('hunter2', 'here');
  const { code, stderr } = await tidemark.run('sealing-key', 'rotate', file);
  expect(code).toBe(0);
  expect(stderr).toMatch(/ has the new key [0-9a-f]{16}; [0-9a-f]{16} open what was sealed before\.\n/);
  const ring = keyRing(readFileSync(file, 'utf8'), file);
  expect(ring.open(envelope, 'here')).toBe('hunter2');
  expect(ring.seal('x', 'here').split('.')[1]).not.toBe(envelope.split('.')[1]);
  expect(statSync(file).mode & 0o777).toBe(0o640);
  expect(readdirSync(folder)).toEqual(['sealing-key']);
});

test('a file that is not one of keys is left as it is', async () => {
  const other = path.join(folder, 'notes');
  writeFileSync(other, 'hunter2\n');
  const { code, stderr } = await tidemark.run('sealing-key', 'rotate', other);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^Line 1 of the sealing key file .+ has to be 32 random bytes in base64/);
  expect(stderr).not.toContain('hunter2');
  expect(readFileSync(other, 'utf8')).toBe('hunter2\n');
});
