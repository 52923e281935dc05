/** The data of a fresh server with a dump in it: made by a private server, which nobody else reaches. */
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import { chooseDatabases, listed } from '../../domain/dump.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { Layout } from '../../domain/layout.ts';
import type { DumpContent } from '../../domain/manifest.ts';
import type { Attempt } from '../context.ts';
import { runProgram } from '../processes/run.ts';
import { findProgram } from '../programs.ts';
import { emptyDirectory } from '../restore/extract.ts';
import { writeDurably } from '../restore/files.ts';
import { privateFolder } from '../restore/private-options.ts';
import { privateAccount, withPrivateServer } from '../restore/private-server.ts';
import { freeBytes } from '../restore/room.ts';
import type { Owner } from '../restore/staging.ts';
import { openTables } from '../restore/tables.ts';
import { loadedMark } from '../restore/tool-files.ts';
import { readServerOptions } from '../server/options.ts';
import { type Connection, rowsOf } from '../server/sql.ts';
import { largestPacket, type Load, startLoad } from './load.ts';

export interface FreshOptions {
  server: ServerSettings;
  layout: Layout;
  /** There, and the server's user's. What an earlier attempt left in it is removed first. */
  directory: string;
  owner: Owner;
  content: DumpContent;
  identity: string | undefined;
  /** The stream is statements already. */
  plain?: boolean;
  memoryBytes: number;
  attempt: Attempt;
  /** Called before some databases are loaded; what it answers, when they were. Throws what is against the dump. */
  watch?: (connection: Connection) => Promise<() => Promise<void>>;
}

/**
 * What is interrupted is made anew, so nothing has to survive a crash. Its administrator waits as long as the loading
 * takes; a row in hexadecimal digits is twice as long as its bytes.
 */
const loadingArguments = [
  '--wait-timeout=31536000',
  `--max-allowed-packet=${largestPacket}`,
  '--innodb-flush-log-at-trx-commit=0',
  '--innodb-doublewrite=OFF',
  '--innodb-strict-mode=OFF',
];

/**
 * @param feed hands the dump's stream over and waits until it was loaded
 * @returns what a person should know of what was loaded, each a sentence; of a trial nothing
 * @throws private_server_failed, disk_full, tool_missing; what loading throws; what `feed` throws
 */
export async function loadFresh(
  options: FreshOptions,
  feed: (load: Load, serverPid: number | undefined) => Promise<void>,
): Promise<string[]> {
  const { server, directory, content, identity, plain, attempt } = options;
  await emptyDirectory(server, directory);
  await installSystem(options);
  const warnings = await withPrivateServer({ ...options, further: loadingArguments }, async (target) => {
    // A whole server brings its own.
    if (content.whole) await replaceAccounts(target.connection);
    const loaded = content.whole ? undefined : await options.watch?.(target.connection);
    const load = await startLoad({
      server,
      account: target.account,
      identity,
      plain,
      attempt,
      passOver: content.whole ? 'grants' : 'views',
    });
    try {
      await feed(load, target.pid);
    } finally {
      await load.end();
    }
    // A whole server is looked at later, with its accounts.
    if (content.whole) return load.warnings();
    await requireOnly(target.connection, content.databases);
    await loaded?.();
    await openTables(target.connection, directory, attempt);
    return [];
  });
  await writeDurably(path.join(directory, loadedMark), '');
  return warnings;
}

/** What a dump makes besides the databases that it names would be made in the running server, too. @throws load_failed */
async function requireOnly(connection: Connection, databases: readonly string[]): Promise<void> {
  const rows = await rowsOf<{ name: string }>(
    connection,
    'SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA',
  );
  const named = new Set(databases.map((name) => name.toLowerCase()));
  const found = chooseDatabases(
    rows.map(({ name }) => name),
    { include: [], exclude: [] },
  ).databases;
  const others = found.filter((name) => !named.has(name.toLowerCase()));
  if (others.length === 0) return;
  throw new TidemarkError(
    'load_failed',
    `The dump makes ${listed(others)}, and is of ${listed(databases)} alone: it would change what nobody asked to have restored.`,
  );
}

/** The server's own tables, with what cannot be changed later as the server's own options have it. */
async function installSystem({ server, layout, directory, owner, attempt }: FreshOptions): Promise<void> {
  const options = await readServerOptions(server);
  const asOptions = ['innodb_undo_tablespaces', 'innodb_log_file_size', 'aria_block_size'].flatMap((name) => {
    const value = options.get(name) ?? '';
    return value === '' ? [] : [`--loose-${name.replaceAll('_', '-')}=${value}`];
  });
  const scratch = path.join(directory, privateFolder);
  const program = await findProgram(server, 'mariadb-install-db');
  const asRoot = process.getuid?.() === 0;
  await makeFor(owner, scratch, asRoot, attempt);
  try {
    const { code, signal, stdout, stderr } = await runProgram(
      program,
      [
        // The user's own file names the places of the live server.
        '--no-defaults',
        `--datadir=${directory}`,
        '--skip-test-db',
        '--skip-name-resolve',
        '--auth-root-authentication-method=socket',
        `--tmpdir=${scratch}`,
        `--innodb-page-size=${layout.innodbPageSize}`,
        `--innodb-data-file-path=${layout.innodbDataFiles.join(';')}`,
        `--lower-case-table-names=${layout.lowerCaseTableNames}`,
        ...asOptions,
      ],
      {
        folder: attempt.folder,
        signal: attempt.signal,
        // Not as root: the program would change the owner of files outside the directory.
        ...(asRoot && { uid: owner.uid, gid: owner.gid }),
      },
    );
    if (code === 0) return;
    const words = `${stdout}\n${stderr}`;
    if (/no space left|errno:? 28|disk full/i.test(words) || (await freeBytes(directory)) < 1024 ** 2)
      throw new TidemarkError('disk_full', `There is no room left for a fresh server in ${directory}.`);
    const telling = words.split('\n').filter((line) => /\[ERROR\]|FATAL|error/i.test(line));
    throw new TidemarkError(
      'private_server_failed',
      `The tables of a fresh server could not be made: mariadb-install-db ended with ${signal ?? code}. ` +
        telling.slice(-3).join(' | ').slice(-600),
    );
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A folder in the copy that belongs to the server's user, and what leads to it. */
async function makeFor(owner: Owner, folder: string, asRoot: boolean, attempt: Attempt): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (!asRoot) return;
  const both = [path.dirname(folder), folder];
  await runProgram('chown', [`${owner.uid}:${owner.gid}`, ...both], { signal: attempt.signal });
}

/**
 * Drops those that a fresh server has: the dump has the accounts that are to be there. They may have the right of proxies,
 * which only hands on who has it, and "all privileges" are all but that one.
 */
async function replaceAccounts(connection: Connection): Promise<void> {
  const rows = await rowsOf<{ user: string; host: string }>(
    connection,
    'SELECT User AS user, Host AS host FROM mysql.global_priv WHERE User NOT IN (?, ?)',
    [privateAccount, 'mariadb.sys'],
  );
  for (const { user, host } of rows) {
    await rowsOf(connection, `DROP USER ${connection.escape(user)}@${connection.escape(host)}`);
  }
  await rowsOf(
    connection,
    'INSERT INTO mysql.proxies_priv (Host, User, Proxied_host, Proxied_user, With_grant, Grantor) ' +
      "VALUES ('localhost', ?, '', '', 1, '')",
    [privateAccount],
  );
  await rowsOf(connection, 'FLUSH PRIVILEGES');
}
