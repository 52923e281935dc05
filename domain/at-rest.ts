/**
 * Encryption at rest: what a server keeps encrypted on its own disks. A physical backup has the files as they are, and no
 * backup has the keys: whoever restores it has to have them. Pure.
 */
import { TidemarkError } from './errors.ts';

/** What a server had encrypted when it was backed up. */
export interface AtRest {
  /** The plugin that gives it its keys, by its name: `file_key_management`. */
  plugin: string;
  /** Which of its settings were on: {@link atRestSettings}. */
  settings: string[];
  /** Of the keys that its data is encrypted with, ascending. */
  keyIds: number[];
}

/** Settings of a server that encrypt what it keeps. */
export const atRestSettings = [
  'innodb_encrypt_tables',
  'innodb_encrypt_log',
  'aria_encrypt_tables',
  'encrypt_binlog',
] as const;

/** Binlogs are no part of a physical backup, and are archived as a replica is sent them, in the clear. */
const beside: readonly string[] = ['encrypt_binlog'];

/** What the option files of a host say of keys. */
export interface HostKeys {
  /** The plugin that they name; empty: none. */
  plugin: string;
  /** Of the keys that the host has; left out where that cannot be seen. */
  keyIds?: number[];
  /** Why it has no keys in spite of the plugin, a sentence; left out where it has some, or that cannot be seen. */
  fault?: string;
}

/** Of a backup with all that it builds on. */
export function joinedAtRest(links: readonly (AtRest | undefined)[]): AtRest | undefined {
  const known = links.filter((link) => link !== undefined);
  const last = known.at(-1);
  if (!last) return undefined;
  const settings = [...new Set(known.flatMap((link) => link.settings))];
  const keyIds = [...new Set(known.flatMap((link) => link.keyIds))].toSorted((a, b) => a - b);
  return { plugin: last.plugin, settings, keyIds };
}

/** Whether its files cannot be read without keys. */
function isSealed({ settings, keyIds }: AtRest): boolean {
  return keyIds.length > 0 || settings.some((name) => !beside.includes(name));
}

/** The key of the redo log and of Aria's tables; and of InnoDB's tables that name no other. */
export const systemKeyId = 1;

/**
 * What a person has to see to before files are restored.
 *
 * @param keys of the target; left out by an agent of an earlier version
 * @returns warnings, each a sentence
 * @throws server_keys_missing
 */
export function planKeys(backup: AtRest | undefined, keys: HostKeys | undefined): string[] {
  if (!backup || !isSealed(backup)) return [];
  const what = introduced(backup);
  if (!keys) {
    return [
      `${what} The agent is of a version that does not say what keys its host has: see that it has those.`,
    ];
  }
  requireKeys(backup, keys);
  const ids = listOf(backup.keyIds);
  if (keys.keyIds) {
    return [`${what} The target has keys of the same ids (${ids}): they have to be the very same keys.`];
  }
  return [
    `${what} The target has to have the very same keys (${ids}), which cannot be seen from its settings.`,
  ];
}

/** @throws server_keys_missing where the keys of a host are surely not those of a backup */
export function requireKeys(backup: AtRest, keys: HostKeys): void {
  const lacking = lackOf(backup, keys);
  if (lacking === undefined) return;
  throw new TidemarkError(
    'server_keys_missing',
    `${introduced(backup)} ${lacking} Bring the plugin's settings and the keys of the old server (${listOf(backup.keyIds)}) to ` +
      "the target's host, and order this again.",
  );
}

function introduced(backup: AtRest): string {
  return `The backup is of a server with encryption at rest (${whatOf(backup)}), whose keys are in no backup.`;
}

/** The same for a dump, which has no files: only its statements may ask for encrypted tables. */
export function planKeysOfDump(backup: AtRest | undefined, keys: HostKeys | undefined): string[] {
  if (!backup || !isSealed(backup) || !keys || keys.plugin !== '') return [];
  return [
    `The dump is of a server with encryption at rest (${whatOf(backup)}), and the target has none: the data lies there in the ` +
      'clear, and a table that was made with ENCRYPTED=YES cannot be made.',
  ];
}

function lackOf(backup: AtRest, { plugin, keyIds, fault }: HostKeys): string | undefined {
  if (plugin === '') return "The target's option files name no plugin for keys.";
  if (plugin !== backup.plugin)
    return `The target's option files name the plugin ${plugin} for keys, another one.`;
  if (fault !== undefined) return fault;
  const missing = backup.keyIds.filter((id) => keyIds?.includes(id) === false);
  if (missing.length === 0) return undefined;
  return `The target's host does not have ${listOf(missing)}.`;
}

function whatOf({ plugin, settings }: AtRest): string {
  return [...settings.filter((name) => !beside.includes(name)), plugin].join(', ');
}

function listOf(ids: readonly number[]): string {
  if (ids.length === 0) return 'those in use';
  return `${ids.length === 1 ? 'key' : 'keys'} ${ids.join(', ')}`;
}
