/** Where this server keeps its files: its options, followed through links and mounts to the real directories. */
import { readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import { dataDirectory, type Layout, type LayoutMember, type MemberKind } from '../../domain/layout.ts';
import { foreignAmong, type DirectoryEntry } from './foreign.ts';
import { findObstacles } from './obstacles.ts';
import { isMountPoint } from './mounts.ts';
import { readServerOptions, type ServerOptions } from './options.ts';

/**
 * The layout of a server, running or not, its data directory there or not. What cannot be swapped is in `obstacles`;
 * this function itself refuses nothing. Two members may share a directory, each with its own files.
 * @throws invalid_setting, tool_missing as `readServerOptions`
 */
export async function inspectLayout(
  server: Pick<ServerSettings, 'programs' | 'defaults_file'>,
): Promise<Layout> {
  const options = await readServerOptions(server);
  const base = await realDirectory(options.get('datadir') ?? '/var/lib/mysql');
  const members: LayoutMember[] = [
    { kind: 'data', directory: base, mountPoint: await isMountPoint(base), files: [] },
  ];
  for (const { kind, option, files } of memberPlaces(options)) {
    const directory = await realDirectory(path.resolve(base, option));
    if (directory === base) continue;
    members.push({ kind, directory, mountPoint: await isMountPoint(directory), files });
  }
  const logBin = options.get('log_bin') ?? '';
  return {
    members,
    innodbDataFiles: innodbDataFiles(options),
    innodbPageSize: Number(options.get('innodb_page_size') ?? 16_384),
    lowerCaseTableNames: Number(options.get('lower_case_table_names') ?? 0),
    binlogBasename: logBin === '' ? '' : path.basename(logBin),
    obstacles: await findObstacles(options, members),
  };
}

/** The names at the top of the data directory that are neither the server's nor its tools'; sorted. */
export async function foreignEntries(
  server: Pick<ServerSettings, 'programs' | 'defaults_file'>,
  layout: Layout,
): Promise<string[]> {
  const directory = dataDirectory(layout);
  const options = await readServerOptions(server);
  return foreignAmong(await listEntries(directory), ownNames(options, layout)).sort();
}

interface MemberPlace {
  kind: MemberKind;
  /** A directory, absolute or relative to the data directory. */
  option: string;
  files: string[];
}

/** Each member that has an option of its own: where it points to, and which files live there. */
function memberPlaces(options: ServerOptions): MemberPlace[] {
  const value = (name: string): string => options.get(name) ?? '';
  const places: MemberPlace[] = [];
  const add = (kind: MemberKind, option: string, files: string[]): void => {
    if (option !== '') places.push({ kind, option, files });
  };
  const pool = value('innodb_buffer_pool_filename') || 'ib_buffer_pool';
  add('innodb', value('innodb_data_home_dir'), [
    ...innodbDataFiles(options).map((file) => file.split(':')[0] ?? file),
    `${pool}*`,
    'ibtmp*',
  ]);
  add('redo', value('innodb_log_group_home_dir'), ['ib_logfile*']);
  add('undo', value('innodb_undo_directory'), ['undo*']);
  add('aria', value('aria_log_dir_path'), ['aria_log*']);
  if (value('log_bin') !== '') add('binlog', path.dirname(value('log_bin')), binlogNames(options));
  if (value('relay_log') !== '') add('relaylog', path.dirname(value('relay_log')), relayNames(options));
  return places;
}

function innodbDataFiles(options: ServerOptions): string[] {
  return (options.get('innodb_data_file_path') ?? '').split(';').filter((file) => file !== '');
}

function binlogNames(options: ServerOptions): string[] {
  const base = path.basename(options.get('log_bin') ?? '');
  const index = options.get('log_bin_index') ?? '';
  return [`${base}.*`, ...(index === '' ? [] : [path.basename(index)])];
}

/** With several sources, each one's relay logs are named `<base>-<source>.000001`. */
function relayNames(options: ServerOptions): string[] {
  const base = path.basename(options.get('relay_log') ?? '');
  const index = options.get('relay_log_index') ?? '';
  return [`${base}.*`, `${base}-*`, ...(index === '' ? [] : [path.basename(index)])];
}

/** Names in the data directory that this server's own options give out. */
function ownNames(options: ServerOptions, layout: Layout): string[] {
  const named = [
    'log_error',
    'pid_file',
    'socket',
    'general_log_file',
    'slow_query_log_file',
    'relay_log_info_file',
    'innodb_buffer_pool_filename',
    'aria_log_dir_path',
  ];
  const names = named.map((name) => path.basename(options.get(name) ?? '')).filter((name) => name !== '');
  const binlog = layout.binlogBasename === '' ? [] : binlogNames(options);
  const relay = (options.get('relay_log') ?? '') === '' ? [] : relayNames(options);
  const dataFiles = innodbDataFiles(options).map((file) => path.basename(file.split(':')[0] ?? file));
  return [...names, ...binlog, ...relay, ...dataFiles];
}

async function listEntries(directory: string): Promise<DirectoryEntry[]> {
  let entries;
  try {
    entries = await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return Promise.all(
    entries.map(async (entry) =>
      entry.isDirectory()
        ? { name: entry.name, directory: true, files: await readdir(path.join(directory, entry.name)) }
        : { name: entry.name, directory: false },
    ),
  );
}

/** The real path of a directory, as far as it exists; what does not exist yet is taken as it is written. */
async function realDirectory(directory: string): Promise<string> {
  try {
    return await realpath(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const parent = path.dirname(path.resolve(directory));
    return path.join(await realDirectory(parent), path.basename(directory));
  }
}
