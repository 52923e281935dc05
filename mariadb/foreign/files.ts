/** What the files of somebody else's backup are, by what mariadb-backup noted among them. */
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { TidemarkError } from '../../domain/errors.ts';
import type { ForeignFiles } from '../../domain/foreign.ts';
import { isSystemDatabase } from '../../domain/part.ts';
import { parseNotes, parsePosition } from '../backup/outcome.ts';
import { keyPluginRule } from '../server/keys.ts';
import { isCheckpointsFile, parseCheckpoints } from '../restore/tool-files.ts';
import { keptNames, type Unpacked, unsafe } from './unpacked.ts';

/** The files, and the folder of the archive that they lie in; empty at its top. */
export interface FoundFiles {
  root: string;
  files: ForeignFiles;
  /** By their names, sorted; the server's own left out. */
  databases: string[];
}

const optionsName = 'backup-my.cnf';

/** Whether a file at this path tells what the backup is. */
export function isNote(name: string): boolean {
  return keptNames.test(path.basename(name));
}

/** @throws source_no_backup, source_damaged, tool_version_mismatch */
export function findFiles(unpacked: Pick<Unpacked, 'notes' | 'names'>): FoundFiles {
  const { notes, names } = unpacked;
  const checkpoints = [...notes.keys()].filter((name) => isCheckpointsFile(path.basename(name)));
  const [first, second] = checkpoints.toSorted((a, b) => a.length - b.length);
  if (first === undefined) throw noBackup(names);
  if (second !== undefined) {
    throw new TidemarkError(
      'source_no_backup',
      `There are several backups in it, in ${JSON.stringify(path.dirname(first))} and in ${JSON.stringify(path.dirname(second))}: name one ` +
        'alone, and an incremental one after it was prepared into its full.',
    );
  }
  const root = path.dirname(first) === '.' ? '' : path.dirname(first);
  const packed = [...names].find((name) => name.endsWith('.qp'));
  if (packed !== undefined) {
    throw new TidemarkError(
      'source_no_backup',
      `The backup has files that are compressed by themselves, such as ${JSON.stringify(packed.slice(0, 200))}: decompress it by ` +
        'mariadb-backup --decompress first.',
    );
  }
  return { root, files: describe(notes, root), databases: databasesOf(names, root) };
}

/** A database is a folder of this name. */
function databasesOf(names: ReadonlySet<string>, root: string): string[] {
  const below = root === '' ? '' : `${root}/`;
  const folders = new Set<string>();
  for (const name of names) {
    const [folder = '', file] = name.startsWith(below) ? name.slice(below.length).split('/') : [];
    if (file !== undefined && !/^[#.]/.test(folder)) folders.add(folder);
  }
  return [...folders]
    .map(databaseOf)
    .filter((name) => !isSystemDatabase(name))
    .toSorted();
}

/** As the server writes names of files: `a@002db` is `a-b`. */
function databaseOf(folder: string): string {
  return folder.replaceAll(/@([0-9a-f]{4})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
}

function describe(notes: ReadonlyMap<string, string>, root: string): ForeignFiles {
  const noteOf = (...names: string[]): string => {
    const paths = names.map((name) => path.join(root, name));
    return paths.map((name) => notes.get(name)).find((text) => text !== undefined) ?? '';
  };
  const checkpoints = parseCheckpoints(noteOf('xtrabackup_checkpoints', 'mariadb_backup_checkpoints'));
  const info = parseNotes(noteOf('xtrabackup_info', 'mariadb_backup_info'));
  if (!checkpoints || info.size === 0) {
    throw new TidemarkError(
      'source_damaged',
      'The backup is cut short: xtrabackup_checkpoints and xtrabackup_info, which close every backup, are not both whole.',
    );
  }
  if (checkpoints.type === 'incremental' || info.get('incremental') === 'Y') {
    throw new TidemarkError(
      'source_no_backup',
      'It is an incremental backup: prepare it into its full (mariadb-backup --prepare --incremental-dir), and restore that.',
    );
  }
  if (info.get('partial') === 'Y') {
    throw new TidemarkError(
      'source_no_backup',
      'It is a backup of a part of a server (--databases or --tables): it has not what a server needs to start.',
    );
  }
  const options = optionsOf(noteOf(optionsName));
  const pageSize = options.get('innodb_page_size');
  const dataFiles = options.get('innodb_data_file_path');
  const [, keyPlugin] = keyPluginRule.exec(options.get('plugin_load') ?? '') ?? [];
  const binlog = parsePosition(info.get('binlog_pos') ?? '');
  return {
    serverVersion: info.get('server_version') ?? '',
    toLsn: checkpoints.toLsn,
    prepared: checkpoints.prepared,
    ...(pageSize !== undefined && { innodbPageSize: Number(pageSize) }),
    ...(dataFiles !== undefined && { innodbDataFiles: dataFiles.split(';') }),
    ...(keyPlugin !== undefined && { keyPlugin }),
    ...(binlog && { binlog }),
  };
}

function noBackup(names: ReadonlySet<string>): TidemarkError {
  const shown = [...names].slice(0, 5).map((name) => JSON.stringify(name.slice(0, 80)));
  return new TidemarkError(
    'source_no_backup',
    'It holds no backup of mariadb-backup: there is no xtrabackup_checkpoints among its files' +
      (shown.length === 0
        ? ', of which there are none.'
        : ` (${shown.join(', ')}${names.size > 5 ? ', …' : ''}).`),
  );
}

/**
 * Brings the files to the top of the directory, and leaves of `backup-my.cnf`, which mariadb-backup reads as its own
 * options, only what says how the files are to be read: a path in it would open files of somebody else.
 *
 * @param directory what was unpacked is in it, and nothing else but what `staying` names
 */
export async function settleFiles(
  directory: string,
  {
    root,
    notes,
    staying = [],
  }: { root: string; notes: ReadonlyMap<string, string>; staying?: readonly string[] },
): Promise<void> {
  if (root !== '') await raise(directory, root, staying);
  const options = optionsOf(notes.get(path.join(root, optionsName)) ?? '');
  const kept = [...options].filter(([name]) => isHarmless(name)).map(([name, value]) => `${name}=${value}`);
  const text = ['[mysqld]', ...kept, 'innodb_undo_directory=./', ''].join('\n');
  await writeFile(path.join(directory, optionsName), text, { mode: 0o640 });
}

async function raise(directory: string, root: string, staying: readonly string[]): Promise<void> {
  // Aside first: a database may be called as a folder that leads to it.
  const aside = path.join(directory, `#tidemark-${process.pid}`);
  await rename(path.join(directory, root), aside);
  for (const name of await readdir(directory)) {
    if (path.join(directory, name) !== aside && !staying.includes(name))
      await rm(path.join(directory, name), { recursive: true, force: true });
  }
  for (const name of await readdir(aside)) {
    if (staying.includes(name))
      throw unsafe(name, 'there is something of that name that belongs to the host');
    await rename(path.join(aside, name), path.join(directory, name));
  }
  await rm(aside, { recursive: true });
}

const fileOptions =
  /^innodb_(checksum_algorithm|data_file_path|log_files_in_group|log_file_size|page_size|undo_tablespaces|compression_level|compression_algorithm|encrypt_log|log_block_size)$/;
/** Where keys are is the host's business, and named by what the backup noted of its server. */
const keyOptions =
  /^(plugin_load|plugin_load_add|((loose_)?(file_key_management|hashicorp_key_management|aws_key_management)(_\w+)?))$/;

function isHarmless(name: string): boolean {
  return fileOptions.test(name) || keyOptions.test(name);
}

/** `name=value`, a line each; a name is written with `-` or `_`. */
function optionsOf(text: string): Map<string, string> {
  const pairs = text.split('\n').flatMap((line): [string, string][] => {
    const [, name, value] = /^([\w-]+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name.replaceAll('-', '_'), value]];
  });
  return new Map(pairs);
}
