/** The keys of a server's encryption at rest, as its option files name them. The keys themselves are not looked at. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import type { HostKeys } from '../../domain/at-rest.ts';
import { readGivenOptions } from './options.ts';

/** Plugins that give a server its keys are called so, and so begin their options. */
export const keyPluginRule = /(?:^|[^a-z])([a-z]+_key_management)(?![a-z])/;
const fileOption = 'file_key_management_filename';
const fileKeyOption = 'file_key_management_filekey';

/** Works with the server down. @throws invalid_setting, tool_missing */
export async function inspectKeys(server: ServerSettings): Promise<HostKeys> {
  const options = await keyOptions(server);
  const plugin = pluginOf(options);
  if (plugin !== 'file_key_management') return { plugin };
  const file = options.get(fileOption) ?? '';
  if (file === '') return { plugin, fault: `The target's option files name no ${fileOption}.` };
  try {
    const text = await readFile(path.resolve('/', file), 'utf8');
    return options.has(fileKeyOption) || text.startsWith('Salted__')
      ? { plugin }
      : { plugin, keyIds: idsOf(text) };
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOENT') return { plugin };
    return {
      plugin,
      fault: `The file ${file}, which ${fileOption} names on the target's host, is not there.`,
    };
  }
}

/** What the option files say of plugins for keys, without `loose_`; of several lines with one name the last one counts. */
export async function keyOptions(server: ServerSettings): Promise<Map<string, string>> {
  const given = await readGivenOptions(server);
  const named = given.map(([name, value]) => [name.replace(/^loose_/, ''), value] as const);
  return new Map(
    named.filter(([name, value]) => keyPluginRule.test(/^plugin_load/.test(name) ? value : name)),
  );
}

function pluginOf(options: ReadonlyMap<string, string>): string {
  for (const [name, value] of options) {
    const [, plugin] = keyPluginRule.exec(/^plugin_load/.test(name) ? value : name) ?? [];
    if (plugin !== undefined) return plugin;
  }
  return '';
}

/** `1;770A8A65DA156D24EE2A093277530142`, a line each; what stands behind `#` is a remark. */
function idsOf(text: string): number[] {
  const ids = text.split('\n').flatMap((line) => /^\s*(\d+)\s*;\s*[0-9A-Fa-f]+/.exec(line)?.[1] ?? []);
  return ids.map(Number).toSorted((a, b) => a - b);
}
