import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { keyRing } from '../../sealing/key-ring.ts';
import { newKeyLine, parseKeys } from '../../sealing/keys.ts';

const old = newKeyLine();
const young = newKeyLine();

describe('the file of keys', () => {
  test('a key is 32 random bytes in base64, as the usual tools write it', () => {
    expect(Buffer.from(newKeyLine(), 'base64')).toHaveLength(32);
    expect(newKeyLine()).not.toBe(newKeyLine());
    expect(parseKeys(`${randomBytes(32).toString('base64')}\n`, 'keys')).toHaveLength(1);
  });

  test('blank lines and comments are skipped, and the first key is the first', () => {
    const text = `# since May\r\n${young}\r\n\r\n  # before\n  ${old}  \n`;
    expect(parseKeys(text, 'keys').map(({ id }) => id)).toEqual(
      [young, old].map((line) => parseKeys(line, 'keys')[0].id),
    );
  });

  test.each([
    ['', 'has no key'],
    ['# none', 'has no key'],
    ['c2VzYW1l', 'Line 1'],
    [`${old}\nsesame`, 'Line 2'],
    [old.replace('=', ''), 'Line 1'],
    [`${old}${old}`, 'Line 1'],
    [randomBytes(33).toString('base64'), 'Line 1'],
    [`${old}\n${old}`, 'Line 2 of the sealing key file keys has the same key as line 1'],
  ])('%j is refused, and not repeated', (text, hint) => {
    let message = '';
    try {
      parseKeys(text, 'keys');
    } catch (error) {
      expect(error).toMatchObject({ code: 'invalid_setting' });
      message = (error as Error).message;
    }
    expect(message).toContain(hint);
    for (const secret of ['c2VzYW1l', 'sesame', old.slice(0, 20)]) expect(message).not.toContain(secret);
  });

  test("a key's id tells nothing of the key", () => {
    const [{ id }] = parseKeys(old, 'keys');
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(Buffer.from(old, 'base64').toString('hex')).not.toContain(id);
  });
});

describe('an envelope', () => {
  const ring = keyRing(young, 'keys');

  test('opens to what was sealed, and only where it belongs', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), fc.string(), (plain, context, other) => {
        const envelope = ring.seal(plain, context);
        expect(envelope).toMatch(/^v1\.[0-9a-f]{16}\.[\w-]{16}\.[\w-]+$/);
        expect(ring.open(envelope, context)).toBe(plain.toWellFormed());
        if (other !== context) expect(() => ring.open(envelope, other)).toThrow('changed, or moved');
      }),
    );
  });

  test('is another one each time, and shows nothing of what is in it', () => {
    const envelope = ring.seal('sesame', 'here');
    expect(ring.seal('sesame', 'here')).not.toBe(envelope);
    expect(envelope).not.toContain('sesame');
    expect(Buffer.from(envelope.split('.')[3] ?? '', 'base64url').toString('latin1')).not.toContain('sesame');
  });

  test('with any changed character does not open', () => {
    const envelope = ring.seal('sesame', 'here');
    for (let at = 0; at < envelope.length; at += 1) {
      const changed = envelope.slice(0, at) + (envelope[at] === 'A' ? 'B' : 'A') + envelope.slice(at + 1);
      // The last character of base64 has bits that stand for nothing.
      if (at === envelope.length - 1) continue;
      expect(() => ring.open(changed, 'here')).toThrow();
    }
    expect(() => ring.open('', 'here')).toThrow('not one of ours');
  });

  test('opens under an older key of the file, and without it names the key that is missing', () => {
    const envelope = keyRing(old, 'keys').seal('sesame', 'here');
    expect(keyRing(`${young}\n${old}`, 'keys').open(envelope, 'here')).toBe('sesame');
    const [{ id }] = parseKeys(old, 'keys');
    expect(() => ring.open(envelope, 'here')).toThrow(`under the key ${id}, which is not in`);
  });

  test('is sealed under the first key alone', () => {
    const both = keyRing(`${young}\n${old}`, 'keys');
    expect(ring.open(both.seal('sesame', 'here'), 'here')).toBe('sesame');
  });
});

test('a digest is the same for the same text at the same place, and tells nothing without the key', () => {
  const ring = keyRing(`${young}\n${old}`, 'keys');
  const digest = ring.digest('sesame', 'here');
  expect(digest).toBe(ring.digest('sesame', 'here'));
  expect(ring.matches(digest, 'sesame', 'here')).toBe(true);
  expect(ring.matches(digest, 'sesam', 'here')).toBe(false);
  expect(ring.matches(digest, 'sesame', 'there')).toBe(false);
  expect(ring.matches(digest.slice(0, -2), 'sesame', 'here')).toBe(false);
  const byOld = keyRing(old, 'keys').digest('sesame', 'here');
  expect(byOld).not.toBe(digest);
  expect(ring.matches(byOld, 'sesame', 'here')).toBe(true);
  expect(() => keyRing(young, 'keys').matches(byOld, 'sesame', 'here')).toThrow('put its line back');
});
