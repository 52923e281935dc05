/** Secrets come by file: they stand neither in an environment nor in an argument list. */
import { readFile } from 'node:fs/promises';
import { messageOf, TidemarkError } from '../domain/errors.ts';

/**
 * The content of a secret's file without its closing line end; undefined when no file is set.
 *
 * @throws invalid_setting when the file cannot be read
 */
export async function readSecret(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    throw new TidemarkError('invalid_setting', `The secret file ${file} cannot be read: ${messageOf(error)}`);
  }
}
