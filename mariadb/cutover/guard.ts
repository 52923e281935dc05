/**
 * A file that is there while the server's files are being moved or are half there, so that whoever starts the server
 * can be told not to: systemd by `AssertPathExists=!<state directory>/files-are-moving` in the server's unit.
 */
import path from 'node:path';
import { makeDirectory, removeDurably, writeDurably } from '../restore/files.ts';

export const guardName = 'files-are-moving';

/** Once this returns, the guard survives a power cut. May be repeated. */
export async function raiseGuard(stateDirectory: string, restoreId: number): Promise<void> {
  await makeDirectory(stateDirectory, 0o700);
  await writeDurably(
    path.join(stateDirectory, guardName),
    `Restore ${restoreId} is moving the server's files. Start the agent: it brings them back or on, and takes this away.\n`,
  );
}

/** Before the server is started on files that are whole. */
export async function lowerGuard(stateDirectory: string): Promise<void> {
  await removeDurably(path.join(stateDirectory, guardName));
}
