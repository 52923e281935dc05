/** Who may call: tokens from a file, kept and compared as digests only. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type ErrorItem, messageOf, TidemarkError } from '../domain/errors.ts';
import { type Role, roles } from '../domain/operations.ts';

/** Whose request it is. */
export interface Caller {
  organization: string;
  role: Role;
  /** For the log: what the file calls this token; its line's number when it has no name. */
  name: string;
}

export interface Tokens {
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
      refuse(line, `has an unknown role; there are ${roles.join(', ')} and member (the same as operator)`);
    } else if (twin) {
      refuse(line, `has the same token as line ${twin.line}`);
    } else {
      entries.push({ digest, line, caller: { organization, role, name: name.join(' ') || `line ${line}` } });
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

/** Role names are compared without case; `member` is another name of `operator`. */
function parseRole(name: string): Role | undefined {
  const lower = name.toLowerCase();
  return lower === 'member' ? 'operator' : roles.find((role) => role === lower);
}
