/** Finding the process of a server: by its pid file, and where that is gone, by who works in the data directory. */
import { readdir, readFile, readlink, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import { processStart } from '../processes/record.ts';
import { runProgram } from '../processes/run.ts';
import { readServerOptions, type ServerOptions } from './options.ts';

type ServerFiles = Pick<ServerSettings, 'programs' | 'defaults_file'>;

/**
 * The process id of the running server; undefined when this process can see none, which does not prove that none
 * runs: it may have other eyes than the server's host (see presence.ts). A pid file alone proves nothing: pids are
 * used again, and files are left behind by a crash.
 */
export async function findServerProcess(
  server: ServerFiles,
  known?: ServerOptions,
): Promise<number | undefined> {
  const options = known ?? (await readServerOptions(server));
  const data = path.resolve(options.get('datadir') ?? '/');
  const own: OwnServer = {
    defaultsFile: server.defaults_file,
    data: await realpath(data).catch(() => data),
    identity: await identityOf(data),
    namespace: await mountNamespace('self'),
    pidFromFile: await readPidFile(options.get('pid_file') ?? ''),
  };
  if (own.pidFromFile !== undefined && (await isThisServer(own.pidFromFile, own))) return own.pidFromFile;
  for (const pid of await allProcesses()) if (await isThisServer(pid, own)) return pid;
  return undefined;
}

/** Whether the server ended without removing its pid file: it crashed, or was killed. */
export async function leftPidFile(server: ServerFiles, known?: ServerOptions): Promise<boolean> {
  const options = known ?? (await readServerOptions(server));
  return (await readPidFile(options.get('pid_file') ?? '')) !== undefined;
}

async function readPidFile(file: string): Promise<number | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  return pid > 1 ? pid : undefined;
}

/** On systems without /proc only the pid file is asked. */
async function allProcesses(): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []);
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

/** What a process is compared with. */
interface OwnServer {
  defaultsFile: string;
  /** The real path of the data directory. */
  data: string;
  /** Its device and inode; undefined when it is missing. */
  identity: string | undefined;
  /** The mount namespace of this process; undefined where the system has none. */
  namespace: string | undefined;
  pidFromFile: number | undefined;
}

/**
 * Whether a process is the mariadbd of this option file and data directory: it works in that very directory, or was
 * told to. The first is not enough: a server whose directory was moved or removed works elsewhere, or nowhere. Nor is
 * the option file alone: a private server on a copy may share it, and has its own `--datadir`.
 *
 * Paths count only within one mount namespace: a server in a container has another directory under the same path.
 */
async function isThisServer(pid: number, own: OwnServer): Promise<boolean> {
  const args = await commandLine(pid);
  if (!/^(mariadbd|mysqld)$/.test(path.basename(args[0] ?? ''))) return false;
  if (args.includes('--help') || processStart(pid) === undefined) return false;
  // The link is followed to the directory itself, in whatever namespace it is.
  const working = await identityOf(`/proc/${pid}/cwd/.`);
  if (working !== undefined && working === own.identity) return true;
  if (!(await sharesPaths(pid, own))) return false;
  const workingPath = await readlink(`/proc/${pid}/cwd`).catch(() => '');
  if (workingPath.replace(/ \(deleted\)$/, '') === own.data) return true;
  const given = args.find((arg) => arg.startsWith('--datadir='))?.slice('--datadir='.length);
  if (given !== undefined) return (await realpath(given).catch(() => path.resolve(given))) === own.data;
  return args.includes(`--defaults-file=${own.defaultsFile}`);
}

/** A process that does not let itself be looked at is believed only what our own pid file says of it. */
async function sharesPaths(pid: number, { namespace, pidFromFile }: OwnServer): Promise<boolean> {
  if (namespace === undefined) return true;
  const other = await mountNamespace(pid);
  return other === undefined ? pid === pidFromFile : other === namespace;
}

async function mountNamespace(pid: number | 'self'): Promise<string | undefined> {
  return readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined);
}

async function identityOf(directory: string): Promise<string | undefined> {
  const found = await stat(directory, { bigint: true }).catch(() => undefined);
  return found && `${found.dev}:${found.ino}`;
}

async function commandLine(pid: number): Promise<string[]> {
  if (process.platform !== 'linux') return commandLineFromPs(pid);
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text.split('\0');
}

/** Arguments with spaces in them come apart. */
async function commandLineFromPs(pid: number): Promise<string[]> {
  const { code, stdout } = await runProgram('ps', ['-o', 'args=', '-p', String(pid)]);
  return code === 0 ? stdout.trim().split(/\s+/) : [];
}
