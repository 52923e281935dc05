/** Where mariadb-backup looks for the keys of an encrypted server when it prepares a copy. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import { keyOptions } from '../server/keys.ts';
import { optionGroup } from '../server/option-files.ts';
import { isMissing, writeDurably } from './files.ts';

/** As the tool notes it of the server that it backs up, and reads it again when it prepares. */
const noted = 'backup-my.cnf';
const optionRule = /^[ \t]*(?:loose[-_])?([a-z]+[-_]key[-_]management)[-_]\w+/;

/**
 * The tool would look for the keys where the server had them that was backed up. They are this host's: where its option
 * files say of the same plugin where they are, that counts. May be called again.
 */
export async function adoptKeyOptions(server: ServerSettings, directory: string): Promise<void> {
  const file = path.join(directory, noted);
  if (await isMissing(file)) return;
  const text = await readFile(file, 'utf8');
  const [, plugin] = /^plugin_load\w*=.*?([a-z]+_key_management)/m.exec(text) ?? [];
  if (plugin === undefined) return;
  const own = [...(await keyOptions(server))].filter(([name]) => name.startsWith(`${plugin}_`));
  if (own.length === 0) return;
  const kept = text.split('\n').filter((line) => !optionRule.test(line) && line !== '');
  await writeDurably(file, `${kept.join('\n')}\n${optionGroup('mysqld', Object.fromEntries(own))}`);
}
