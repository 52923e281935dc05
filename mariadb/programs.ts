/** Where the programs of MariaDB, and those that stand behind it in a pipe, are on this host. */
import { access, constants, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../config/agent.ts';
import { TidemarkError } from '../domain/errors.ts';
import { runProgram } from './processes/run.ts';

/** Looked at after the PATH: a service's PATH often lacks them. */
const furtherFolders = [
  '/usr/sbin',
  '/usr/local/sbin',
  '/usr/local/bin',
  '/opt/mariadb/bin',
  '/usr/local/mariadb/bin',
  '/usr/local/mysql/bin',
];

/** The Debian package that a program comes with. */
const packages = {
  mariadbd: 'mariadb-server',
  my_print_defaults: 'mariadb-server',
  'mariadb-install-db': 'mariadb-server',
  'mariadb-dump': 'mariadb-client',
  mariadb: 'mariadb-client',
  'mariadb-backup': 'mariadb-backup',
  mbstream: 'mariadb-backup',
  'mariadb-binlog': 'mariadb-client',
  zstd: 'zstd',
  age: 'age',
  systemctl: 'systemd',
} as const;

export type ProgramName = keyof typeof packages;

/** The part of the settings that says where to look. */
export type ProgramsPlace = Pick<ServerSettings, 'programs'>;

/**
 * The absolute path of a program: in the settings' own folder, on the PATH, or in the places where
 * distributions put servers.
 * @throws tool_missing, naming the Debian package
 */
export async function findProgram(server: ProgramsPlace, name: ProgramName): Promise<string> {
  const onPath = (process.env['PATH'] ?? '').split(path.delimiter).filter((folder) => folder !== '');
  const folders = [...(server.programs ? [server.programs] : []), ...onPath, ...furtherFolders];
  for (const folder of folders) {
    const file = path.join(folder, name);
    if (await isExecutable(file)) return file;
  }
  throw new TidemarkError(
    'tool_missing',
    `The program ${name} is not installed. On Debian and Ubuntu: apt-get install ${packages[name]}; ` +
      'or name its folder in the setting server.programs.',
  );
}

/** Whether a program is there; for those that take no question for their version. */
export async function isInstalled(server: ProgramsPlace, name: ProgramName): Promise<boolean> {
  try {
    await findProgram(server, name);
    return true;
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'tool_missing') return false;
    throw error;
  }
}

/**
 * What a program says of its version, such as `10.11.19-MariaDB-0+deb12u1`; empty when it is not installed,
 * `unknown` when it is there and has no version to tell (mbstream).
 */
export async function programVersion(server: ProgramsPlace, name: ProgramName): Promise<string> {
  let file: string;
  try {
    file = await findProgram(server, name);
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'tool_missing') return '';
    throw error;
  }
  return await versionOf(file);
}

/** What the programs' files were when they were asked, and what they said. */
const asked = new Map<string, { state: string; version: string }>();

async function versionOf(file: string): Promise<string> {
  const state = await programState(file);
  const known = asked.get(file);
  if (known?.state === state) return known.version;
  const { code, stdout, stderr } = await runProgram(file, ['--version'], { timeoutMs: 30_000 });
  const version = /\d+\.\d+\.\d+[^\s,]*/.exec(`${stdout}\n${stderr}`)?.[0] ?? 'unknown';
  if (code === 0) asked.set(file, { state, version });
  return version;
}

/** What tells a program's file from the one that an upgrade puts in its place. */
export async function programState(file: string): Promise<string> {
  const { ino, size, mtimeMs, ctimeMs } = await stat(file);
  return [ino, size, mtimeMs, ctimeMs].join(' ');
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
