/** Who may call: tokens from a file, kept and compared as digests only. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type ErrorItem, messageOf, TidemarkError } from '../../domain/errors.ts';
import { parseRole, roleNames } from '../../domain/roles.ts';
import type { Caller } from './caller.ts';

export interface Tokens {
  /** The subject is what the file calls the token; its line's number when it has no name. */
  find(token: string): Caller | undefined;
}

/**
 * The tokens of a file: a line each with token, organization, role and, if wanted, a name, separated by blanks.
 * Empty lines and comments, from `#` at a line's beginning, are skipped.
 *
 * @throws invalid_setting naming every wrong line by its number, never by its content
 */
export function loadTokens(path: string): Tokens {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new TidemarkError('invalid_setting', `The tokens file ${path} cannot be read: ${messageOf(error)}`);
  }
  return parseTokens(text, path);
}

/** As {@link loadTokens}, from the file's text. */
export function parseTokens(text: string, path: string): Tokens {
  const entries: { digest: Buffer; caller: Caller; line: number }[] = [];
  const findings: ErrorItem[] = [];
  const refuse = (line: number, why: string): void => {
    findings.push({ error: 'invalid_setting', message: `Line ${line} of the tokens file ${path} ${why}.` });
  };
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    const [token = '', organization, roleName, ...name] = content.trim().split(/\s+/);
    if (token === '' || token.startsWith('#')) continue;
    const role = roleName === undefined ? undefined : parseRole(roleName);
    const digest = digestOf(token);
    const twin = entries.find((entry) => entry.digest.equals(digest));
    if (organization === undefined || roleName === undefined) {
      refuse(line, 'has to be: token, organization, role and, if wanted, a name');
    } else if (role === undefined) {
      refuse(line, `has an unknown role; there are ${roleNames}`);
    } else if (twin) {
      refuse(line, `has the same token as line ${twin.line}`);
    } else {
      const subject = name.join(' ') || `line ${line}`;
      entries.push({ digest, line, caller: { organization, role, subject, how: 'tokens_file' } });
    }
  }
  if (entries.length === 0 && findings.length === 0) {
    findings.push({ error: 'invalid_setting', message: `The tokens file ${path} has no token.` });
  }
  if (findings.length > 0) {
    throw new TidemarkError('invalid_setting', findings.map(({ message }) => message).join('\n'), {
      items: findings,
    });
  }
  return {
    find(token) {
      const digest = digestOf(token);
      // Every entry is compared, so that the time taken does not tell which one matched.
      return entries.filter((entry) => timingSafeEqual(entry.digest, digest))[0]?.caller;
    },
  };
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
