/**
 * The file of sealing keys: 32 random bytes in base64 a line. The first key seals; the others only open what was
 * sealed before, so that a key is replaced by putting a new line above it. Empty lines and comments, from `#` at a
 * line's beginning, are skipped.
 */
import { hkdfSync, randomBytes } from 'node:crypto';
import { type ErrorItem, TidemarkError } from '../domain/errors.ts';

const keyBytes = 32;

/** What is derived from one line; the line itself is not kept. */
export interface SealingKey {
  /** 16 hex digits that name the key and tell nothing of it. */
  id: string;
  /** Where it stands in the file, from 1. */
  line: number;
  /** For AES-256-GCM. */
  encryption: Buffer;
  /** For digests of what must not be guessed from them. */
  digest: Buffer;
}

/** A new line for the file, without its line end. */
export function newKeyLine(): string {
  return randomBytes(keyBytes).toString('base64');
}

/**
 * @param text of the file
 * @param path for messages
 * @throws invalid_setting naming every wrong line by its number, never by its content
 */
export function parseKeys(text: string, path: string): [SealingKey, ...SealingKey[]] {
  const keys: SealingKey[] = [];
  const findings: ErrorItem[] = [];
  const refuse = (line: number, why: string): void => {
    findings.push({
      error: 'invalid_setting',
      message: `Line ${line} of the sealing key file ${path} ${why}.`,
    });
  };
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const written = content.trim();
    if (written === '' || written.startsWith('#')) continue;
    const secret = bytesOf(written);
    if (!secret) {
      refuse(line, `has to be ${keyBytes} random bytes in base64 (44 characters), and nothing else`);
      continue;
    }
    const key = derive(secret, line);
    const twin = keys.find((other) => other.id === key.id);
    if (twin) refuse(line, `has the same key as line ${twin.line}`);
    else keys.push(key);
  }
  const [first, ...others] = keys;
  if (findings.length === 0 && first) return [first, ...others];
  if (findings.length === 0) {
    const message = `The sealing key file ${path} has no key: write ${keyBytes} random bytes in base64 into it.`;
    findings.push({ error: 'invalid_setting', message });
  }
  throw new TidemarkError('invalid_setting', findings.map(({ message }) => message).join('\n'), {
    items: findings,
  });
}

function bytesOf(written: string): Buffer | undefined {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(written)) return undefined;
  const bytes = Buffer.from(written, 'base64');
  return bytes.length === keyBytes ? bytes : undefined;
}

/** One key for each use: what is known of one tells nothing of the others. */
function derive(secret: Buffer, line: number): SealingKey {
  const part = (use: string, length: number): Buffer =>
    Buffer.from(hkdfSync('sha256', secret, '', `tidemark ${use}`, length));
  return {
    id: part('key id', 8).toString('hex'),
    line,
    encryption: part('encryption', keyBytes),
    digest: part('digest', keyBytes),
  };
}
