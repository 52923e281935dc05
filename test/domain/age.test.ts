/** age's keys as texts, held against the program itself. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { recipientFault, withoutSecretKeys } from '../../domain/age.ts';
import { newAgeIdentity, parseIdentities, recipientOf } from '../../domain/age-identity.ts';
import { decodeBech32, encodeBech32 } from '../../domain/bech32.ts';

const { identity, recipient } = newAgeIdentity();

describe('bech32', () => {
  test('gives back what was put in, and notices one changed character', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(), (bytes, place) => {
        const text = encodeBech32('age', bytes);
        expect(decodeBech32(text)).toEqual({ word: 'age', bytes: Buffer.from(bytes) });
        const at = 'age1'.length + (place % (text.length - 4));
        const other = text[at] === 'q' ? 'p' : 'q';
        expect(decodeBech32(text.slice(0, at) + other + text.slice(at + 1))).toBeUndefined();
      }),
    );
  });

  test.each(['', '1', 'age', 'age1', '1qqqqqqq', 'Age12uel5l', 'a12uel5b'])('%j is none', (text) => {
    expect(decodeBech32(text)).toBeUndefined();
  });
});

describe('a recipient', () => {
  test('of age-keygen is one', () => {
    const made = execFileSync('age-keygen', { stdio: ['ignore', 'pipe', 'ignore'], encoding: 'utf8' });
    const secret = made.trim().split('\n').at(-1) ?? '';
    expect(recipientFault(recipientOf(secret) ?? '')).toBeUndefined();
    expect(made).toContain(`# public key: ${recipientOf(secret)}`);
  });

  test.each([
    ['', 'does not begin with age1'],
    ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI', 'does not begin with age1'],
    [recipient.toUpperCase(), 'does not begin with age1'],
    [recipient.slice(0, -1), 'has a wrong checksum'],
    [`${recipient} `, 'has a wrong checksum'],
    [encodeBech32('age', Buffer.alloc(31)), 'not one of age'],
    [encodeBech32('age1yubikey', Buffer.alloc(33)), 'not one of age'],
    [identity, 'is a secret key'],
  ])('%j is not: it %s', (text, fault) => {
    expect(recipientFault(text)).toContain(fault);
    expect(recipientFault(text)).not.toContain(identity);
  });
});

describe('a file of identities', () => {
  test('may have several, comments, and line ends of any system', () => {
    const second = newAgeIdentity();
    const text = `# made for the tests\r\n${identity}\r\n\n  ${second.identity.toLowerCase()}  \n`;
    expect(parseIdentities(text)).toEqual({ identities: [{ identity, recipient }, second] });
  });

  test.each([
    ['', 'holds no age identity'],
    ['# nothing\n', 'holds no age identity'],
    [recipient, 'has in line 1 something else'],
    [`${identity}\n${identity.slice(0, -1)}`, 'has in line 2 something else'],
    ['AGE-PLUGIN-YUBIKEY-1QQQ', 'has in line 1 something else'],
    ['-----BEGIN OPENSSH PRIVATE KEY-----\n', 'SSH'],
    ['age-encryption.org/v1\n-> scrypt', 'is itself encrypted'],
    ['-----BEGIN AGE ENCRYPTED FILE-----\n', 'is itself encrypted'],
  ])('%j is none: it %s', (text, fault) => {
    const result = parseIdentities(text);
    expect(result).toEqual({ fault: expect.stringContaining(fault) });
    expect(JSON.stringify(result)).not.toContain(identity.slice(16, 40));
  });
});

test('secret keys are taken out of texts, in capitals or not', () => {
  const text = `age: error: ${identity}, ${identity.toLowerCase()} and ${recipient}`;
  expect(withoutSecretKeys(text)).toBe(`age: error: AGE-SECRET-KEY-***, age-secret-key-*** and ${recipient}`);
});
