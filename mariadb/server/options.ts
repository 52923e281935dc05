/**
 * What the server's own option files say, read with the server's own programs: it works with the server down, and
 * includes, groups and defaults are the server's business.
 */
import { userInfo } from 'node:os';
import type { ServerSettings } from '../../config/agent.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { findProgram, programState } from '../programs.ts';
import { runProgram } from '../processes/run.ts';
import { digestOptionFiles } from './option-files.ts';

type OptionFiles = Pick<ServerSettings, 'programs' | 'defaults_file'>;

/** Effective variables by name, with `_` in names, as text; empty when a variable has no value. */
export type ServerOptions = ReadonlyMap<string, string>;

/**
 * The variables that the server would start with. Has no side effects and needs neither a running server nor a data
 * directory.
 *
 * `log_bin` is the base name as given, and empty when the server keeps no binlog.
 * @throws invalid_setting when the option file cannot be read or has an option that the server does not know;
 *   tool_missing
 */
export async function readServerOptions(server: OptionFiles): Promise<ServerOptions> {
  const mariadbd = await findProgram(server, 'mariadbd');
  const from = `${mariadbd} ${server.defaults_file}`;
  const state = `${await programState(mariadbd)} ${await digestOptionFiles(server.defaults_file)}`;
  const known = read.get(from);
  if (known?.state === state) return known.options;
  const options = askServer(server, mariadbd);
  read.set(from, { state, options });
  options.catch(() => read.delete(from));
  return options;
}

/** What the programs were asked before, and of what state of their files: an operation asks a dozen times. */
const read = new Map<string, { state: string; options: Promise<ServerOptions> }>();

async function askServer(server: OptionFiles, mariadbd: string): Promise<ServerOptions> {
  const { code, stdout, stderr } = await runProgram(
    mariadbd,
    // Without the grant tables it does not look for plugins in the data directory either.
    [`--defaults-file=${server.defaults_file}`, '--skip-grant-tables', '--verbose', '--help'],
    { timeoutMs: 60_000 },
  );
  if (code !== 0) throw unreadable(server.defaults_file, stderr);
  const options = parseVariables(stdout);
  if (!(await keepsBinlog(server, options))) options.set('log_bin', '');
  return options;
}

/** The table at the end of `mariadbd --verbose --help`; two columns, the first as wide as its line of dashes. */
function parseVariables(text: string): Map<string, string> {
  const lines = text.split('\n');
  const start = lines.findIndex((line) => /^-{10,} -{3,}$/.test(line));
  const width = lines[start]?.indexOf(' ') ?? 0;
  const options = new Map<string, string>();
  for (const line of lines.slice(start + 1)) {
    if (line === '') break;
    const value = line.slice(width + 1);
    options.set(variableName(line.slice(0, width)), value === '(No default value)' ? '' : value);
  }
  return options;
}

const variableName = (option: string): string => option.trim().replaceAll('-', '_');

/** With `log_basename` the server's help names a binlog even when none is kept, so the option itself decides. */
async function keepsBinlog(server: OptionFiles, options: ServerOptions): Promise<boolean> {
  const base = options.get('log_bin') ?? '';
  if (base === '' || base === '0') return false;
  const given = await readGivenOptions(server);
  return given.some(([name]) => name === 'log_bin');
}

/** What the option files themselves give the server, in the order in which they are read. @throws invalid_setting */
export async function readGivenOptions(server: OptionFiles): Promise<[string, string][]> {
  return await printDefaults(server, server.defaults_file, ['--mysqld']);
}

/** How the agent signs on. An empty `host` means the socket. */
export interface ClientAccount {
  user: string;
  password: string;
  socket: string;
  host: string;
  port: number;
}

/**
 * The account of the [client] group. The user defaults to the one the agent runs as, whom the server lets in over
 * its socket when the account is identified by unix_socket.
 * @throws invalid_setting when the file cannot be read
 */
export async function readClientAccount(
  server: OptionFiles & Pick<ServerSettings, 'client_file'>,
): Promise<ClientAccount> {
  const file = server.client_file ?? server.defaults_file;
  const options = new Map(await printDefaults(server, file, ['client', 'client-server', 'client-mariadb']));
  const host = options.get('host') ?? '';
  const own = options.get('socket') ? undefined : await readServerOptions(server);
  return {
    user: options.get('user') ?? userInfo().username,
    password: options.get('password') ?? '',
    socket: options.get('socket') ?? own?.get('socket') ?? '',
    host: host === 'localhost' ? '' : host,
    port: Number(options.get('port') ?? 3306),
  };
}

/** The options of the groups, in the order in which they are read: of several with one name the last one counts. */
async function printDefaults(
  server: OptionFiles,
  file: string,
  groups: readonly string[],
): Promise<[string, string][]> {
  const program = await findProgram(server, 'my_print_defaults');
  const { code, stdout, stderr } = await runProgram(program, [`--defaults-file=${file}`, ...groups], {
    timeoutMs: 60_000,
  });
  if (code !== 0) throw unreadable(file, stderr);
  return stdout.split('\n').flatMap((line): [string, string][] => {
    const [, name, value] = /^--([^=]+)(?:=(.*))?$/.exec(line) ?? [];
    return name === undefined ? [] : [[variableName(name), value ?? '']];
  });
}

function unreadable(file: string, stderr: string): TidemarkError {
  const reason = stderr.split('\n').filter((line) => line !== '' && !line.includes('[Warning]'));
  return new TidemarkError(
    'invalid_setting',
    `The option file ${file} cannot be used: ${reason.join(' ').slice(-800)}. ` +
      'Mend the file, or the settings server.defaults_file and server.client_file.',
  );
}
