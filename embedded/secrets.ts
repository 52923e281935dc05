/** What a stack makes for itself and keeps in its data directory, readable by its owner alone. */
import { randomBytes } from 'node:crypto';
import { chmod, link, readFile, rm, writeFile } from 'node:fs/promises';
import { newKeyLine } from '../sealing/keys.ts';

const line = /^([\w-]{32}) default administrator npm-start$/m;

/**
 * The administrator's token, made at the first start: a script or a profile that has it works after the next start,
 * too. Without the file there is another one, and the one before is worth nothing.
 *
 * @param path of the file of tokens, which is whole or not there
 */
export async function keptToken(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  });
  const kept = line.exec(text)?.[1];
  if (kept !== undefined) {
    // Somebody may have opened it to others.
    await chmod(path, 0o600);
    return kept;
  }
  const token = randomBytes(24).toString('base64url');
  await rm(path, { force: true });
  await makeOnce(path, `${token} default administrator npm-start\n`);
  return token;
}

/** Everything that is sealed is opened with it. */
export async function makeSealingKey(path: string): Promise<void> {
  await makeOnce(path, `${newKeyLine()}\n`);
}

/** Whole or not at all; one that is there stays as it is. */
async function makeOnce(path: string, text: string): Promise<void> {
  const unfinished = `${path}.new`;
  await writeFile(unfinished, text, { mode: 0o600, flush: true });
  try {
    await link(unfinished, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(unfinished, { force: true });
  }
}
