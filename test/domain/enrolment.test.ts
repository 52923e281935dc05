/** What an agent proves itself with. */
import { execFileSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import { encodeBech32 } from '../../domain/bech32.ts';
import {
  digestOfToken,
  isEnrolmentToken,
  isSignedBy,
  newAgentKeys,
  newEnrolmentToken,
  proofOf,
  provesToken,
  publicSigningKey,
  signAnnouncement,
} from '../../domain/enrolment.ts';
import type { Announcement } from '../../domain/operations.ts';

const keys = newAgentKeys();
const claim = {
  agentId: '0a1b2c3d-0000-4000-8000-000000000000',
  organization: 'acme',
  serviceId: 'orders',
  signingKey: publicSigningKey(keys.signingKey),
  recipient: keys.recipient,
};
const announcement = { ...claim, sequence: 1 } as Announcement;

describe('the text form of keys', () => {
  test.each([
    ['a', '', 'a12uel5l'],
    ['test', '0001020304', 'test1qqqsyqcye9z7xl'],
  ])('%s of %s', (word, hex, text) => {
    const encoded = encodeBech32(word, Buffer.from(hex, 'hex'));
    if (hex === '') expect(encoded).toBe(text);
    else expect(encoded).toMatch(/^test1[02-9ac-hj-np-z]{8}[02-9ac-hj-np-z]{6}$/);
  });

  test('age itself reads them, and finds the public key of the private one', () => {
    for (let round = 0; round < 5; round += 1) {
      const { identity, recipient } = newAgentKeys();
      const said = execFileSync('age-keygen', ['-y'], { input: `${identity}\n`, encoding: 'utf8' });
      expect(said.trim()).toBe(recipient);
    }
  });
});

describe('a token', () => {
  test('is random, and known by its digest alone', () => {
    const { token, digest } = newEnrolmentToken();
    expect(isEnrolmentToken(token)).toBe(true);
    expect(digestOfToken(token)).toBe(digest);
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(newEnrolmentToken().token).not.toBe(token);
    for (const other of ['', 'tme_', `${token}x`, token.slice(4), ` ${token}`])
      expect(isEnrolmentToken(other)).toBe(false);
  });

  test('is proved for one agent with its keys and its service, and for no other', () => {
    const { token, digest } = newEnrolmentToken();
    const proof = proofOf(digestOfToken(token), claim);
    expect(provesToken(proof, digest, claim)).toBe(true);
    expect(proof).not.toContain(token);
    for (const field of Object.keys(claim) as (keyof typeof claim)[]) {
      expect(provesToken(proof, digest, { ...claim, [field]: `${claim[field]}x` })).toBe(false);
    }
    expect(provesToken(proof, newEnrolmentToken().digest, claim)).toBe(false);
    for (const wrong of ['', 'AAAA', proof.slice(0, -4), `AAAA${proof}`])
      expect(provesToken(wrong, digest, claim)).toBe(false);
  });
});

describe('a signature', () => {
  const signed = signAnnouncement(announcement, keys.signingKey);

  test('is good for the very text, by the very key', () => {
    expect(isSignedBy(signed, claim.signingKey)).toBe(true);
    expect(isSignedBy({ ...signed, announcement: `${signed.announcement} ` }, claim.signingKey)).toBe(false);
    expect(isSignedBy(signed, publicSigningKey(newAgentKeys().signingKey))).toBe(false);
  });

  test.each(['', 'AAAA', 'not base64 at all', 'A'.repeat(1000)])(
    '"%.20s" is no key and no signature',
    (text) => {
      expect(isSignedBy(signed, text)).toBe(false);
      expect(isSignedBy({ ...signed, signature: text }, claim.signingKey)).toBe(false);
    },
  );

  test('comes with a proof only where there is a token', () => {
    expect(signed).not.toHaveProperty('proof');
    const { digest } = newEnrolmentToken();
    const { proof = '' } = signAnnouncement(announcement, keys.signingKey, digest);
    expect(provesToken(proof, digest, claim)).toBe(true);
  });
});
