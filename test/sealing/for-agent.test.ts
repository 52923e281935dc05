/** What is sealed for an agent: a file of age, opened by that agent alone. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import { openSealed, sealForAgent } from '../../sealing/for-agent.ts';

const run = promisify(execFile);
const agent = newAgeIdentity();
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'tidemark-for-agent-'));
  await writeFile(path.join(folder, 'key'), `${agent.identity}\n`, { mode: 0o600 });
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

test('any text comes back with the identity of its agent, and no two envelopes are the same', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 2000 }), (plain) => {
      const sealed = sealForAgent(plain, agent.recipient);
      expect(openSealed(sealed, agent.identity)).toBe(plain);
      expect(sealForAgent(plain, agent.recipient)).not.toBe(sealed);
    }),
    { numRuns: 30 },
  );
});

test('the age program opens it, and what the age program makes is opened', async () => {
  const sealed = path.join(folder, 'sealed');
  await writeFile(sealed, Buffer.from(sealForAgent('a secret of some length', agent.recipient), 'base64'));
  const { stdout } = await run('age', ['-d', '-i', path.join(folder, 'key'), sealed]);
  expect(stdout).toBe('a secret of some length');

  const plain = path.join(folder, 'plain');
  await writeFile(plain, 'made by age');
  const made = await run('age', ['-r', agent.recipient, plain], { encoding: 'buffer' });
  // A stanza of age's own, which means nothing, may stand beside ours: then there is nothing to compare.
  const text = made.stdout.toString('latin1');
  if (!text.includes('-grease')) {
    expect(openSealed(made.stdout.toString('base64'), agent.identity)).toBe('made by age');
  }
});

test('another agent does not open it, nor this one when a single bit was changed; the error tells nothing of it', () => {
  const sealed = sealForAgent('AKIACANARY', agent.recipient);
  const expected = expect.objectContaining({
    code: 'sealed_for_another',
    message: expect.not.stringContaining('CANARY'),
  });
  expect(() => openSealed(sealed, newAgeIdentity().identity)).toThrow(expected);
  const bytes = Buffer.from(sealed, 'base64');
  for (let index = 0; index < bytes.length; index += 1) {
    const changed = Buffer.from(bytes);
    changed[index] = (changed[index] ?? 0) ^ 1;
    expect(() => openSealed(changed.toString('base64'), agent.identity)).toThrow(expected);
  }
  expect(() => openSealed('', agent.identity)).toThrow(expected);
});
