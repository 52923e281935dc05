/**
 * How an agent proves who it is. It has a token once, good for one enrolment, and keys of its own ever after:
 *
 * - The catalog keeps the token's digest (SHA-256). The agent never sends the token: it sends an HMAC, keyed with that
 *   digest, over its id, its service and its public keys. What stands in Temporal is worth nothing afterwards.
 * - Every announcement is signed (Ed25519), and has a sequence number that grows: an old one that somebody sends
 *   again is refused. So is what a follower tells of archived binlogs.
 */
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { type AgeIdentity, newAgeIdentity } from './age-identity.ts';
import type { SignedReport, ToldReport } from './archive/following.ts';
import type { Announcement, SignedAnnouncement } from './operations.ts';

/** What an agent is bound to when it is enrolled. */
export type EnrolmentClaim = Pick<
  Announcement,
  'agentId' | 'organization' | 'serviceId' | 'signingKey' | 'recipient'
>;

/** What an agent keeps to itself. Its age identity opens what the control worker seals for it, and no backup. */
export interface AgentKeys extends AgeIdentity {
  /** Ed25519, PKCS #8 in DER, base64. */
  signingKey: string;
}

/** Longest time between the making of a token and its use. Milliseconds. */
export const tokenLifetimeMs = 24 * 3_600_000;

const tokenRule = /^tme_[A-Za-z0-9_-]{43}$/;

/** A token of 256 random bits, to be shown once, and the digest that is kept of it. */
export function newEnrolmentToken(): { token: string; digest: string } {
  const token = `tme_${randomBytes(32).toString('base64url')}`;
  return { token, digest: digestOfToken(token) };
}

export function isEnrolmentToken(text: string): boolean {
  return tokenRule.test(text);
}

/** SHA-256, in hex digits. */
export function digestOfToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/** The proof of a token for one agent with these keys and this service; base64. */
export function proofOf(digest: string, claim: EnrolmentClaim): string {
  const { agentId, organization, serviceId, signingKey, recipient } = claim;
  return createHmac('sha256', Buffer.from(digest, 'hex'))
    .update('tidemark enrolment 1\n')
    .update(JSON.stringify([agentId, organization, serviceId, signingKey, recipient]))
    .digest('base64');
}

/** Whether a proof was made with the token of this digest, for this claim. */
export function provesToken(proof: string, digest: string, claim: EnrolmentClaim): boolean {
  const expected = Buffer.from(proofOf(digest, claim), 'base64');
  const given = Buffer.from(proof, 'base64');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

export function newAgentKeys(): AgentKeys {
  const { privateKey } = generateKeyPairSync('ed25519');
  return {
    signingKey: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
    ...newAgeIdentity(),
  };
}

/** The public half: 32 bytes, base64. @throws Error when the signing key is none */
export function publicSigningKey(signingKey: string): string {
  const { x = '' } = createPublicKey(privateKeyOf(signingKey)).export({ format: 'jwk' });
  return Buffer.from(x, 'base64url').toString('base64');
}

/** An announcement as it is signalled. @param digest of the token, while the agent is not known to be enrolled */
export function signAnnouncement(
  announcement: Announcement,
  signingKey: string,
  digest?: string,
): SignedAnnouncement {
  const text = JSON.stringify(announcement);
  return {
    announcement: text,
    signature: signatureOf('announcement', text, signingKey),
    ...(digest !== undefined && { proof: proofOf(digest, announcement) }),
  };
}

/** Whether a signature over an announcement's text is of this public key. */
export function isSignedBy({ announcement, signature }: SignedAnnouncement, signingKey: string): boolean {
  return isSignatureOf('announcement', { text: announcement, signature }, signingKey);
}

/** What a follower tells, as it is signalled. @param signingKey the agent's own */
export function signReport(told: ToldReport, signingKey: string): SignedReport {
  const text = JSON.stringify(told);
  return { report: text, signature: signatureOf('report', text, signingKey) };
}

/** Whether a signature over a report's text is of this public key. */
export function isReportOf({ report, signature }: SignedReport, signingKey: string): boolean {
  return isSignatureOf('report', { text: report, signature }, signingKey);
}

type Purpose = 'announcement' | 'report';

/** Begins with what it is, so that a signature for one purpose is none for another. */
function signedBytes(purpose: Purpose, text: string): Buffer {
  return Buffer.from(`tidemark ${purpose} 1\n${text}`);
}

function signatureOf(purpose: Purpose, text: string, signingKey: string): string {
  return sign(null, signedBytes(purpose, text), privateKeyOf(signingKey)).toString('base64');
}

function isSignatureOf(
  purpose: Purpose,
  { text, signature }: { text: string; signature: string },
  publicKey: string,
): boolean {
  const x = Buffer.from(publicKey, 'base64').toString('base64url');
  try {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    return verify(null, signedBytes(purpose, text), key, Buffer.from(signature, 'base64'));
  } catch {
    return false;
  }
}

function privateKeyOf(signingKey: string): ReturnType<typeof createPrivateKey> {
  return createPrivateKey({ key: Buffer.from(signingKey, 'base64'), format: 'der', type: 'pkcs8' });
}
