/** Whose a file is that this process may not use: the system's own EACCES says neither. */
import { access, constants, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { TidemarkError } from '../domain/errors.ts';

/**
 * Says so when a lock cannot be taken because the file, or the folder that it is or would be in, belongs to another
 * user.
 *
 * @throws lock_forbidden naming it and its owner
 */
export async function refuseForeignLock(file: string): Promise<void> {
  for (const place of [file, `${file}.owner`, path.dirname(file), path.dirname(path.dirname(file))]) {
    const found = await stat(place).catch(() => undefined);
    if (!found || found.uid === process.getuid?.()) continue;
    const wanted = found.isDirectory() ? constants.W_OK | constants.X_OK : constants.R_OK | constants.W_OK;
    const usable = await access(place, wanted).then(
      () => true,
      () => false,
    );
    if (usable) continue;
    const [owner, self] = await Promise.all([nameOf(found.uid), nameOf(process.getuid?.() ?? 0)]);
    throw new TidemarkError(
      'lock_forbidden',
      `The lock ${file} cannot be taken: ${place === file ? 'it' : place} belongs to the user ${owner}, and this process ` +
        `runs as ${self}. Run it as ${owner}; or, once nothing runs as that user any more, give ${place} to ${self}.`,
    );
  }
}

/** As the system's own list has it, with the number. @example 'mysql (uid 107)' */
async function nameOf(uid: number): Promise<string> {
  const list = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const name = list
    .split('\n')
    .map((line) => line.split(':'))
    .find((entry) => Number(entry[2]) === uid)?.[0];
  return name === undefined ? `with the uid ${uid}` : `${name} (uid ${uid})`;
}
