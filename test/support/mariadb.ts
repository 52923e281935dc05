/**
 * Real MariaDB servers for tests: each in a folder of its own, on a socket only, small. The system tables are made
 * once a run and copied. Whatever a test forgets is ended and removed with the run (see run.ts).
 */
import { execFile } from 'node:child_process';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { serverSettings, type ServerSettings } from '../../config/agent.ts';
import type { MemberKind } from '../../domain/layout.ts';
import type { Log } from '../../mariadb/context.ts';
import { matchesAny } from '../../mariadb/server/foreign.ts';
import { findServerProcess, startServer, stopServer } from '../../mariadb/server/lifecycle.ts';
import { connect, rowsOf } from '../../mariadb/server/sql.ts';
import { runFolder } from './run.ts';
import { sampleStatements } from './sample.ts';

const run = promisify(execFile);
const asRoot = process.getuid?.() === 0;

/** The password account that an agent of a test server uses. */
export const agentAccount = { user: 'tidemark', password: 'agent "secret" #1 \\' };

export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export interface TestServerOptions {
  /** Part of the folder's name. */
  name?: string;
  /** Where kinds of files go: a directory, or `true` for one beside the data directory. */
  layout?: Partial<Record<MemberKind, string | true>>;
  /** Further lines of the [mariadbd] group. A later line overrides an earlier one. */
  config?: string[];
  /** The folder that all is in; made when it is not there. Default: a new one of the test run. */
  folder?: string;
  /** Privileges of the agent's account on `*.*`. */
  privileges?: string;
  /** The setting `programs` of whoever works on it. */
  programs?: string;
  /** Leave the server stopped, with its data directory filled. */
  stopped?: boolean;
  /** The data directory is there already, with the accounts of a test server: a restored copy of one. */
  filled?: boolean;
}

export interface TestServer {
  folder: string;
  dataDirectory: string;
  defaultsFile: string;
  socket: string;
  settings: ServerSettings;
  /** Runs a statement as root; its rows, bigints as numbers. */
  query<Row = Record<string, unknown>>(sql: string, values?: unknown[]): Promise<Row[]>;
  /** Runs statements as root, one after the other in one session. */
  session(statements: readonly string[]): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** SIGKILL, and waits until the process is gone. */
  kill(): Promise<void>;
  /** `CHECKSUM TABLE … EXTENDED` of every table that is not the server's own, by `db.table`. */
  checksums(): Promise<Record<string, number | null>>;
  /** A small schema of several engines and kinds of objects in the database `shop`. */
  loadSample(options?: { rows?: number }): Promise<void>;
  /** Ends the server and removes the folder. */
  remove(): Promise<void>;
}

/** Files of the template that belong to a member with a directory of its own. */
const memberFiles: Partial<Record<MemberKind, string[]>> = {
  innodb: ['ibdata*', 'ib_buffer_pool*'],
  redo: ['ib_logfile*'],
  undo: ['undo*'],
  aria: ['aria_log*'],
};

const memberOptions: Record<MemberKind, (directory: string) => string> = {
  data: (directory) => `datadir=${directory}`,
  innodb: (directory) => `innodb_data_home_dir=${directory}`,
  redo: (directory) => `innodb_log_group_home_dir=${directory}`,
  undo: (directory) => `innodb_undo_directory=${directory}`,
  aria: (directory) => `aria_log_dir_path=${directory}`,
  binlog: (directory) => `log_bin=${directory}/bin`,
  relaylog: (directory) => `relay_log=${directory}/relay`,
};

export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const folder = options.folder ?? (await mkdtemp(path.join(runFolder(), `db-${options.name ?? ''}`)));
  await mkdir(folder, { recursive: true });
  // The server may run as another user than the tests: everything above its data has to let it through.
  await chmod(folder, 0o755);
  const places: Partial<Record<MemberKind, string | true>> = { data: true, ...options.layout };
  const directories = Object.entries(places).map(
    ([kind, place]) => [kind as MemberKind, place === true ? path.join(folder, kind) : place] as const,
  );
  const data = new Map(directories).get('data') ?? '';
  const sockets = path.join(folder, 'run');
  await makeServerDirectory(sockets);
  for (const [kind, directory] of directories) if (kind !== 'data') await makeServerDirectory(directory);
  if (options.filled !== true) await fillDataDirectory(data, directories);

  const defaultsFile = path.join(folder, 'my.cnf');
  const socket = path.join(sockets, 's');
  await writeFile(
    defaultsFile,
    [
      '[mariadbd]',
      `socket=${socket}`,
      `pid_file=${path.join(sockets, 'mariadbd.pid')}`,
      `log_error=${path.join(sockets, 'error.log')}`,
      `tmpdir=${sockets}`,
      'skip_networking',
      'log_bin=bin',
      `server_id=${100 + Math.floor(Math.random() * 1_000_000)}`,
      'innodb_buffer_pool_size=64M',
      'innodb_log_file_size=48M',
      'key_buffer_size=1M',
      'aria_pagecache_buffer_size=8M',
      ...directories.map(([kind, directory]) => memberOptions[kind](directory)),
      ...(options.config ?? []),
      '',
    ].join('\n'),
  );
  const clientFile = path.join(folder, 'client.cnf');
  const password = agentAccount.password.replace(/["\\]/g, '\\$&');
  await writeFile(
    clientFile,
    `[client]\nuser="${agentAccount.user}"\npassword="${password}"\nsocket="${socket}"\n`,
    { mode: 0o600 },
  );
  const settings = serverSettings.parse({
    defaults_file: defaultsFile,
    client_file: clientFile,
    control: { kind: 'direct' },
    ...(options.programs !== undefined && { programs: options.programs }),
    start_timeout: '3m',
    stop_timeout: '3m',
  });
  const server = testServer(folder, data, defaultsFile, socket, settings);
  try {
    await server.start();
    if (options.filled !== true) await createAgentAccount(server, options.privileges);
    if (options.stopped === true) await server.stop();
  } catch (error) {
    await server.remove();
    throw error;
  }
  return server;
}

function testServer(
  folder: string,
  data: string,
  defaultsFile: string,
  socket: string,
  settings: ServerSettings,
): TestServer {
  const query = async <Row>(sql: string, values?: unknown[]): Promise<Row[]> => {
    await using connection = await connect(settings, { user: userInfo().username, password: '' });
    return await rowsOf<Row>(connection, sql, values);
  };
  const kill = async (): Promise<void> => {
    const pid = await findServerProcess(settings);
    if (pid !== undefined) process.kill(pid, 'SIGKILL');
    while ((await findServerProcess(settings)) !== undefined) await sleep(20);
  };
  return {
    folder,
    dataDirectory: data,
    defaultsFile,
    socket,
    settings,
    query,
    session: async (statements) => {
      await using connection = await connect(settings, {
        user: userInfo().username,
        password: '',
        database: 'mysql',
      });
      for (const statement of statements) await rowsOf(connection, statement);
    },
    start: () => startServer(settings, { log: silentLog }),
    stop: async () => void (await stopServer(settings, { log: silentLog })),
    kill,
    checksums: () => checksums(query),
    loadSample: async ({ rows = 1_000 } = {}) => {
      for (const statement of sampleStatements(rows)) await query(statement);
    },
    remove: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function createAgentAccount(
  server: TestServer,
  privileges = 'RELOAD, PROCESS, BINLOG MONITOR, SUPER, SELECT, REPLICATION SLAVE',
): Promise<void> {
  const { user, password } = agentAccount;
  await server.query(`CREATE OR REPLACE USER '${user}'@'localhost' IDENTIFIED BY ?`, [password]);
  await server.query(`GRANT ${privileges} ON *.* TO '${user}'@'localhost'`);
}

async function checksums(query: TestServer['query']): Promise<Record<string, number | null>> {
  const tables = await query<{ name: string }>(
    "SELECT CONCAT('`', REPLACE(table_schema, '`', '``'), '`.`', REPLACE(table_name, '`', '``'), '`') AS name " +
      'FROM information_schema.tables ' +
      "WHERE table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') " +
      "AND table_schema NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema') ORDER BY 1",
  );
  if (tables.length === 0) return {};
  const list = tables.map((table) => table.name).join(', ');
  const sums = await query<{ Table: string; Checksum: number | null }>(`CHECKSUM TABLE ${list} EXTENDED`);
  return Object.fromEntries(sums.map((row) => [row.Table, row.Checksum]));
}

/** A copy of the template, the members' files in their own directories. */
async function fillDataDirectory(
  data: string,
  directories: readonly (readonly [MemberKind, string])[],
): Promise<void> {
  const template = await templateDirectory();
  await mkdir(data, { recursive: true });
  // cp keeps owners, modes and holes, and shares blocks where the file system can.
  await run('cp', ['-a', '--reflink=auto', `${template}/.`, data]);
  for (const [kind, directory] of directories) {
    const patterns = memberFiles[kind] ?? [];
    for (const name of await readdir(data)) {
      if (!matchesAny(name, patterns)) continue;
      await cp(path.join(data, name), path.join(directory, name));
      await handToServer(path.join(directory, name));
      await rm(path.join(data, name));
    }
  }
}

/** A data directory with the system tables, made by whichever suite comes first. */
async function templateDirectory(): Promise<string> {
  const template = path.join(runFolder(), 'mariadb-template');
  if (await exists(template)) return template;
  const work = await mkdtemp(`${template}-`);
  await handToServer(work);
  await run('mariadb-install-db', [
    '--no-defaults',
    `--datadir=${work}`,
    '--auth-root-authentication-method=socket',
    `--auth-root-socket-user=${userInfo().username}`,
    '--skip-test-db',
    '--innodb-log-file-size=48M',
    `--tmpdir=${work}`,
    ...(asRoot ? ['--user=mysql'] : []),
  ]);
  try {
    await rename(work, template);
  } catch (error) {
    // Another suite was first: one template is as good as the other.
    if (!(await exists(template))) throw error;
    await rm(work, { recursive: true });
  }
  return template;
}

async function makeServerDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  await handToServer(directory);
}

async function handToServer(file: string): Promise<void> {
  if (!asRoot) return;
  const { stdout } = await run('id', ['-u', 'mysql']);
  const { stdout: group } = await run('id', ['-g', 'mysql']);
  await chown(file, Number(stdout), Number(group));
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
