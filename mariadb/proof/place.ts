/** Where a prover makes a copy of another service, and removes it again. */
import { chown, mkdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { TidemarkError } from '../../domain/errors.ts';
import { isMissing, namesIn } from '../restore/files.ts';
import type { Owner } from '../restore/staging.ts';

const prefix = 'tidemark-proof-';

/**
 * Whose drill a folder is of: agents may share a directory, and each removes its own folders alone.
 */
export interface ProofOwner {
  directory: string;
  agentId: string;
}

/** The folders of one drill, all of the server's user. */
export interface ProofPlace {
  data: string;
  incremental: string;
  binlogs: string;
}

/**
 * Makes the place of a drill. What others left goes first: a prover works on one at a time.
 *
 * @throws invalid_setting when the server's user could not get there
 */
export async function makeProofPlace(of: ProofOwner, proofId: number, owner: Owner): Promise<ProofPlace> {
  await removeProofPlaces(of);
  const { directory, agentId } = of;
  await mkdir(directory, { recursive: true, mode: 0o711 });
  await refuseClosed(directory, owner);
  const folder = path.join(directory, `${prefix}${agentId}-${proofId}`);
  const place = {
    data: path.join(folder, 'data'),
    incremental: path.join(folder, 'incremental'),
    binlogs: path.join(folder, 'binlogs'),
  };
  for (const one of [folder, place.data]) {
    await mkdir(one, { mode: 0o700 });
    await chown(one, owner.uid, owner.gid);
  }
  return place;
}

/** Removes whatever drills of this agent have left. */
export async function removeProofPlaces({ directory, agentId }: ProofOwner): Promise<void> {
  const own = `${prefix}${agentId}-`;
  if (await isMissing(directory)) return;
  for (const name of await namesIn(directory)) {
    if (name.startsWith(own) && /^\d+$/.test(name.slice(own.length)))
      await rm(path.join(directory, name), { recursive: true, force: true });
  }
}

/** The private server runs as another user than the agent, where that is root. */
async function refuseClosed(directory: string, { uid, gid }: Owner): Promise<void> {
  if (process.getuid?.() !== 0) return;
  for (let place = directory; ; place = path.dirname(place)) {
    const { mode, uid: ofUser, gid: ofGroup } = await stat(place);
    const bit = ofUser === uid ? 0o100 : ofGroup === gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) {
      throw new TidemarkError(
        'invalid_setting',
        `prover.directory = ${directory}: the system user of the database server may not enter ${place}. Allow it, or ` +
          'name another directory.',
      );
    }
    if (place === path.dirname(place)) return;
  }
}
