/** The agent's account for the program that reads binlogs: among arguments every user of the host would see it. */
import { rm, writeFile } from 'node:fs/promises';
import type { ServerSettings } from '../../config/agent.ts';
import { optionGroup } from '../server/option-files.ts';
import { readClientAccount } from '../server/options.ts';

/** Writes an option file, to be given as --defaults-file. @throws invalid_setting */
export async function writeAccount(server: ServerSettings, optionFile: string): Promise<void> {
  const { user, password, socket, host, port } = await readClientAccount(server);
  const place: Record<string, string | number> = host === '' ? { socket } : { host, port };
  // After the include, so that these are the ones that count.
  const account = optionGroup('client', { user, password, ...place });
  const included = `!include ${server.client_file ?? server.defaults_file}`;
  await rm(optionFile, { force: true });
  await writeFile(optionFile, `${included}\n${account}`, { mode: 0o600 });
}
