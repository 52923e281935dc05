/**
 * A sample MariaDB server: a folder with its option file and data directory. It is made here, once; the agent
 * beside it starts it, and starts it again when it crashed.
 */
import { createHash } from 'node:crypto';
import { chmod, chown, lstat, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { TidemarkError } from '../domain/errors.ts';
import { findProgram } from '../mariadb/programs.ts';
import { runProgram } from '../mariadb/processes/run.ts';

export interface SampleServer {
  serviceId: string;
  /** The option file, as for mariadbd --defaults-file and for every client program. */
  defaultsFile: string;
  dataDirectory: string;
  socket: string;
  pidFile: string;
  errorLog: string;
}

/** Who the server runs as. */
interface Account {
  name: string;
  uid: number;
  gid: number;
}

/** The longest path that a Unix socket can have, without the closing zero. */
const longestSocketPath = 107;

/**
 * Where sample server number `index` (from 1) is. The socket is in the folder unless its path would be too long
 * for the operating system; then it is in a folder below /tmp, always the same for the same data directory.
 */
export function sampleServer(folder: string, index: number): SampleServer {
  const serviceId = `sample-${index}`;
  const root = join(folder, serviceId);
  const near = join(root, 'mariadb.sock');
  const digest = createHash('sha256').update(root).digest('hex').slice(0, 16);
  const fits = Buffer.byteLength(near) <= longestSocketPath;
  return {
    serviceId,
    defaultsFile: join(root, 'my.cnf'),
    dataDirectory: join(root, 'data'),
    socket: fits ? near : join(tmpdir(), `tidemark-${digest}`, 'mariadb.sock'),
    pidFile: join(root, 'run', 'mariadbd.pid'),
    errorLog: join(root, 'run', 'error.log'),
  };
}

/** The number of a sample server's folder; 0 when it is another's. */
export function sampleNumber(folderName: string): number {
  return Number(/^sample-([1-9]\d*)$/.exec(folderName)?.[1] ?? 0);
}

/**
 * Makes what is missing of a sample server: folders, option file and, at the first time, its data directory. The
 * data directory gets its name last, so that an interrupted first start leaves nothing that looks like one.
 *
 * @returns whether a data directory was made now
 */
export async function prepareSampleServer(
  server: SampleServer,
  index: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const root = dirname(server.defaultsFile);
  await mkdir(root, { recursive: true, mode: 0o755 });
  const account = await accountFor(root, server.dataDirectory);
  await mkdir(join(root, 'run'), { recursive: true, mode: 0o755 });
  for (const folder of [root, join(root, 'run')]) await chown(folder, account.uid, account.gid);
  await prepareSocketFolder(dirname(server.socket), account);
  await writeFile(server.defaultsFile, optionFile(server, index, account), { mode: 0o644 });
  const marker = join(root, 'initialised');
  const missing = !(await exists(server.dataDirectory));
  // A data directory that was there once and is gone is not made anew: an empty one would hide the loss.
  if (missing && (await exists(marker))) return false;
  if (missing) await initialise(server, account, signal);
  await writeFile(marker, '');
  return missing;
}

async function initialise(server: SampleServer, account: Account, signal?: AbortSignal): Promise<void> {
  const unfinished = `${server.dataDirectory}.new`;
  if (/\s/.test(unfinished)) {
    throw new TidemarkError(
      'invalid_setting',
      `A sample server cannot be made in ${unfinished}: mariadb-install-db does not work below a path with white ` +
        'space. Choose another place with --data.',
    );
  }
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  await chown(unfinished, account.uid, account.gid);
  const program = await findProgram({}, 'mariadb-install-db');
  const { code, stdout, stderr } = await runProgram(
    program,
    [
      `--defaults-file=${server.defaultsFile}`,
      `--datadir=${unfinished}`,
      `--user=${account.name}`,
      '--auth-root-authentication-method=socket',
      `--auth-root-socket-user=${userInfo().username}`,
      '--skip-test-db',
      '--skip-log-bin',
    ],
    { timeoutMs: 120_000, signal },
  );
  if (code !== 0) {
    throw new TidemarkError(
      'server_start_failed',
      `mariadb-install-db could not make the data directory of ${server.serviceId}: ${`${stdout}\n${stderr}`.trim().slice(-2000)}`,
    );
  }
  await rename(unfinished, server.dataDirectory);
}

function optionFile(server: SampleServer, index: number, account: Account): string {
  const local = `socket = ${server.socket}`;
  return [
    '# Written at each start of the stack; changes in here are lost.',
    '[client]',
    local,
    `user = ${userInfo().username}`,
    '',
    '[mariadbd]',
    local,
    `user = ${account.name}`,
    `datadir = ${server.dataDirectory}`,
    `pid-file = ${server.pidFile}`,
    `log-error = ${server.errorLog}`,
    // Where the system's is, or TMPDIR says, the server's user need not be able to write.
    `tmpdir = ${dirname(server.errorLog)}`,
    'skip-networking',
    `server_id = ${index}`,
    'log_bin = binlog',
    'innodb_buffer_pool_size = 128M',
    '',
  ].join('\n');
}

/**
 * The owner of the data, if there is some. Otherwise, for root, the account `mysql`; and root itself where there is
 * no such account, or where it could not reach the folder (below a home directory that is closed to others).
 */
async function accountFor(root: string, data: string): Promise<Account> {
  const me = userInfo();
  const mine = { name: me.username, uid: me.uid, gid: me.gid };
  if (me.uid !== 0) return mine;
  const mysql = await systemAccount('mysql');
  if (!mysql) return mine;
  const owner = await stat(data).catch(() => undefined);
  if (owner) return owner.uid === mysql.uid ? mysql : mine;
  for (let folder = dirname(root); ; folder = dirname(folder)) {
    if (((await stat(folder)).mode & 0o001) === 0) return mine;
    if (folder === dirname(folder)) return mysql;
  }
}

async function systemAccount(name: string): Promise<Account | undefined> {
  const passwd = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const fields = passwd
    .split('\n')
    .map((line) => line.split(':'))
    .find((entry) => entry[0] === name);
  return fields ? { name, uid: Number(fields[2]), gid: Number(fields[3]) } : undefined;
}

/** Below /tmp anybody could have made the folder first, and then answer at the socket. */
async function prepareSocketFolder(folder: string, account: Account): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const found = await lstat(folder);
  if (!found.isDirectory() || ![userInfo().uid, account.uid].includes(found.uid)) {
    throw new TidemarkError(
      'invalid_setting',
      `${folder} belongs to somebody else, so no socket is put there. Remove it, or choose a --data directory with a shorter path.`,
    );
  }
  await chown(folder, account.uid, account.gid);
  await chmod(folder, 0o755);
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
