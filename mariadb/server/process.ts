/** Finding the process of a server: by its pid file, and where that is gone, by who works in the data directory. */
import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import { processStart } from '../processes/record.ts';
import { readServerOptions } from './options.ts';

type ServerFiles = Pick<ServerSettings, 'programs' | 'defaults_file'>;

/**
 * The process id of the running server; undefined when it does not run. A pid file alone proves nothing: pids are
 * used again, and files are left behind by a crash.
 */
export async function findServerProcess(server: ServerFiles): Promise<number | undefined> {
  const options = await readServerOptions(server);
  const data = path.resolve(options.get('datadir') ?? '/');
  const fromFile = await readPidFile(options.get('pid_file') ?? '');
  if (fromFile !== undefined && (await isThisServer(fromFile, server.defaults_file, data))) return fromFile;
  for (const pid of await allProcesses()) {
    if (await isThisServer(pid, server.defaults_file, data)) return pid;
  }
  return undefined;
}

/** Whether the server ended without removing its pid file: it crashed, or was killed. */
export async function leftPidFile(server: ServerFiles): Promise<boolean> {
  const options = await readServerOptions(server);
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

/**
 * Whether a process is the mariadbd of this option file and data directory: it works in that directory, or was told
 * to. The first is not enough: a server whose directory was moved or removed works elsewhere, or nowhere. Nor is the
 * option file alone: a private server on a copy may share it, and has its own `--datadir`.
 */
async function isThisServer(pid: number, defaultsFile: string, data: string): Promise<boolean> {
  const args = await commandLine(pid);
  if (!/^(mariadbd|mysqld)$/.test(path.basename(args[0] ?? ''))) return false;
  if (args.includes('--help') || processStart(pid) === undefined) return false;
  const real = await realpath(data).catch(() => data);
  const working = await readlink(`/proc/${pid}/cwd`).catch(() => '');
  if (working.replace(/ \(deleted\)$/, '') === real) return true;
  const given = args.find((arg) => arg.startsWith('--datadir='))?.slice('--datadir='.length);
  if (given !== undefined) return (await realpath(given).catch(() => path.resolve(given))) === real;
  return args.includes(`--defaults-file=${defaultsFile}`);
}

async function commandLine(pid: number): Promise<string[]> {
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text.split('\0');
}
