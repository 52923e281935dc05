/** Whose the server's files are: what is put in its place has to be readable for it. */
import { stat } from 'node:fs/promises';
import type { ServerSettings } from '../../config/agent.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { runProgram } from '../processes/run.ts';
import { readServerOptions } from './options.ts';

/**
 * The user and group that the server runs as: those of an agent that is not root itself; else the user of the
 * settings, the owner of the data directory, the user of the server's own options, `mysql`, whichever is there first.
 * Root is none of them: a server refuses to run as root, so a directory of root's was made by somebody in a hurry.
 *
 * @throws invalid_setting when there is no such user on this host
 */
export async function serverOwner(
  server: ServerSettings,
  dataDirectory: string,
): Promise<{ uid: number; gid: number }> {
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  if (own.uid !== 0) return own;
  const named = server.control.kind === 'direct' ? server.control.user : '';
  if (named !== '') return await idsOf(named);
  const there = await stat(dataDirectory).catch(() => undefined);
  if (there && there.uid !== 0) return { uid: there.uid, gid: there.gid };
  const options = await readServerOptions(server);
  return await idsOf(options.get('user') || 'mysql');
}

async function idsOf(user: string): Promise<{ uid: number; gid: number }> {
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (what) => Number((await runProgram('id', [what, user])).stdout.trim() || NaN)),
  );
  if (Number.isInteger(uid) && Number.isInteger(gid)) return { uid: uid ?? 0, gid: gid ?? 0 };
  throw new TidemarkError(
    'invalid_setting',
    `There is no system user "${user}" for the database server to run as.`,
  );
}
