/** Why the files of a server cannot be swapped safely, each as a sentence. */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { LayoutMember } from '../../domain/layout.ts';
import { isDatabase, isOwnName } from './foreign.ts';
import { mountPoints } from './mounts.ts';
import type { ServerOptions } from './options.ts';

/** @param members as they were found; the first is the data directory */
export async function findObstacles(
  options: ServerOptions,
  members: readonly LayoutMember[],
): Promise<string[]> {
  const data = members[0]?.directory ?? '/';
  return [
    ...refusedOptions(options),
    ...(await splitBinlog(options, data)),
    ...nestedMembers(members, data),
    ...(await filesElsewhere(data)),
  ];
}

function refusedOptions(options: ServerOptions): string[] {
  const found: string[] = [];
  for (const file of (options.get('innodb_data_file_path') ?? '').split(';')) {
    const [name = '', ...attributes] = file.split(':');
    if (attributes.some((attribute) => /raw$/.test(attribute))) {
      found.push(`innodb_data_file_path names the raw device ${name}; use files.`);
    } else if (name.includes('/')) {
      found.push(
        `innodb_data_file_path names ${name}, a file with a directory of its own; use plain names and ` +
          'innodb_data_home_dir.',
      );
    }
  }
  if (/^(ON|TRUE|1)$/i.test(options.get('wsrep_on') ?? '')) {
    found.push('The server is a node of a Galera cluster (wsrep_on); restore to a server of its own.');
  }
  for (const option of ['rocksdb_datadir', 'rocksdb_wal_dir']) {
    if (path.isAbsolute(options.get(option) ?? '')) {
      found.push(`${option} is outside the data directory; leave it at its default.`);
    }
  }
  return found;
}

/** The binlogs and the index that lists them are moved together, so they have to lie together. */
async function splitBinlog(options: ServerOptions, data: string): Promise<string[]> {
  const pairs = [
    ['log_bin', 'log_bin_index'],
    ['relay_log', 'relay_log_index'],
  ] as const;
  const found: string[] = [];
  for (const [baseName, indexName] of pairs) {
    const base = options.get(baseName) ?? '';
    const index = options.get(indexName) ?? '';
    if (base === '' || index === '') continue;
    if ((await realParent(data, base)) !== (await realParent(data, index))) {
      found.push(`${indexName} is not in the directory of ${baseName}; put both into one.`);
    }
  }
  return found;
}

async function realParent(data: string, file: string): Promise<string> {
  const directory = path.dirname(path.resolve(data, file));
  return realpath(directory).catch(() => directory);
}

/** A member inside the data directory would be moved with it, and once more by itself. */
function nestedMembers(members: readonly LayoutMember[], data: string): string[] {
  return members
    .filter((member) => member.directory.startsWith(`${data}/`))
    .map(
      (member) =>
        `The ${member.kind} files are in ${member.directory}, inside the data directory; ` +
        'give them a directory beside it, or leave them in the data directory itself.',
    );
}

/** Whatever a rename of the data directory would not take along. */
async function filesElsewhere(data: string): Promise<string[]> {
  const found: string[] = [];
  const mounts = await mountPoints();
  for (const entry of await list(data)) {
    const file = path.join(data, entry.name);
    if (entry.isSymbolicLink() && (isOwnName(entry.name) || (await isDirectory(file)))) {
      found.push(`${file} is a symbolic link; move what it points to into the data directory.`);
    } else if (entry.isDirectory() && mounts.has(file)) {
      found.push(`${file} is a mount point inside the data directory; mount the data directory as a whole.`);
    } else if (entry.isDirectory()) {
      found.push(...(await tablesElsewhere(file)));
    }
  }
  return found;
}

/** Tables made with DATA DIRECTORY: InnoDB keeps an .isl file in their place, the other engines a link. */
async function tablesElsewhere(database: string): Promise<string[]> {
  const entries = await list(database);
  const names = entries.map((entry) => entry.name);
  if (!isDatabase({ name: path.basename(database), directory: true, files: names })) return [];
  return entries
    .filter((entry) => entry.isSymbolicLink() || entry.name.endsWith('.isl'))
    .map(
      (entry) =>
        `${path.join(database, entry.name)} belongs to a table with a DATA DIRECTORY of its own; ` +
        'rebuild the table without it.',
    );
}

async function isDirectory(file: string): Promise<boolean> {
  return stat(file).then(
    (target) => target.isDirectory(),
    () => false,
  );
}

async function list(directory: string): Promise<Dirent[]> {
  try {
    return await readdir(directory, { withFileTypes: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Databases come and go while a server runs.
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
