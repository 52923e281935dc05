/** Programs that scripts/setup puts into the cache folder, each under its version. */
import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { TidemarkError } from '../domain/errors.ts';

/**
 * The program of this name: the one on the PATH, else the one in the cache folder.
 *
 * @param remedy what brings it, for the message: `scripts/setup fetches it`
 * @throws tool_missing
 */
export async function findCachedProgram(
  name: string,
  version: string,
  remedy: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const cache = environment['TIDEMARK_CACHE'] ?? join(homedir(), '.cache', 'tidemark');
  const folders = (environment['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = [
    ...folders.map((folder) => join(folder, name)),
    join(cache, `${name}-${version}/bin/${name}`),
  ];
  for (const candidate of candidates) {
    const found = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return candidate;
  }
  throw new TidemarkError(
    'tool_missing',
    `There is no ${name} program on the PATH or in ${cache}. ${remedy}.`,
  );
}
