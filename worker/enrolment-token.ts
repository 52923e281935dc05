/** The token that an agent was given to be enrolled with: read anew each time, so that a new one helps at once. */
import { readFile } from 'node:fs/promises';
import { digestOfToken, isEnrolmentToken } from '../domain/enrolment.ts';
import { messageOf } from '../domain/errors.ts';

export interface TokenFile {
  /** SHA-256 of the token, in hex digits; undefined when there is none to be used. */
  digest?: string;
  /** Why there is none, as a sentence. */
  obstacle: string;
}

export async function readTokenFile(file: string | undefined): Promise<TokenFile> {
  if (file === undefined) return { obstacle: 'The setting enrolment_token_file names no token.' };
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    return { obstacle: `The enrolment token cannot be read: ${messageOf(error)}.` };
  }
  const token = text.trim();
  if (!isEnrolmentToken(token)) {
    return { obstacle: `The file ${file} does not hold an enrolment token: one line that begins with tme_.` };
  }
  return { digest: digestOfToken(token), obstacle: '' };
}
