/** Backups and restored copies for tests, made with the bare programs: no store, no workflow. */
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { restoreSettings } from '../../config/agent.ts';
import type { Layout } from '../../domain/layout.ts';
import type { BinlogPosition } from '../../domain/manifest.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { checkCopy, type CheckResult } from '../../mariadb/restore/check.ts';
import { startExtraction } from '../../mariadb/restore/extract.ts';
import { prepareCopy } from '../../mariadb/restore/prepare.ts';
import { createStaging, stagingFor, type Owner, type Staging } from '../../mariadb/restore/staging.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { silentLog, type TestServer } from './mariadb.ts';
import { runFolder } from './run.ts';

const run = promisify(execFile);

/** A backup of a test server, in one file. */
export interface TestBackup {
  file: string;
  toLsn: number;
  binlog: BinlogPosition;
}

/** `mariadb-backup --stream | zstd`, as root. */
export async function takeTestBackup(server: TestServer): Promise<TestBackup> {
  const folder = await mkdtemp(path.join(runFolder(), 'backup-'));
  const file = path.join(folder, 'data.zst');
  const script =
    'mariadb-backup --defaults-file="$1" --backup --stream=xbstream --user=root --socket="$2" ' +
    '--target-dir="$3" --extra-lsndir="$3" 2>"$3/log" | zstd -1 -q > "$4" || { cat "$3/log" >&2; exit 1; }';
  const scratch = path.join(folder, 'scratch');
  await mkdir(scratch);
  await run('bash', [
    '-o',
    'pipefail',
    '-c',
    script,
    'backup',
    server.defaultsFile,
    server.socket,
    scratch,
    file,
  ]);
  const checkpoints = await readFile(path.join(scratch, 'xtrabackup_checkpoints'), 'utf8');
  const info = await readFile(path.join(scratch, 'xtrabackup_info'), 'utf8');
  const [, name = '', position = '', gtid = ''] =
    /filename '([^']+)', position '(\d+)', GTID of the last change '([^']*)'/.exec(info) ?? [];
  return {
    file,
    toLsn: Number(/to_lsn = (\d+)/.exec(checkpoints)?.[1]),
    binlog: { file: name, position: Number(position), gtid },
  };
}

/** An attempt that nobody cancels, unless a signal is given. */
export async function testAttempt(signal: AbortSignal = new AbortController().signal): Promise<Attempt> {
  const folder = await mkdtemp(path.join(runFolder(), 'attempt-'));
  return { folder, signal, report: () => undefined, log: silentLog };
}

/** The system user that test servers run as. */
export async function serverOwner(): Promise<Owner> {
  if (process.getuid?.() !== 0) return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const ids = await Promise.all(['-u', '-g'].map((flag) => run('id', [flag, 'mysql'])));
  const [uid = 0, gid = 0] = ids.map(({ stdout }) => Number(stdout));
  return { uid, gid };
}

export interface TestCopy {
  layout: Layout;
  staging: Staging;
  result: CheckResult;
}

/** Unpacks, prepares and checks a backup in the staging area of a server: what comes before the cut-over. */
export async function materialize(
  server: TestServer,
  backup: TestBackup,
  options: { restoreId?: number; layout?: Layout } = {},
): Promise<TestCopy> {
  const layout = options.layout ?? (await inspectLayout(server.settings));
  const staging = stagingFor(layout, options.restoreId ?? 1);
  await createStaging(staging, await serverOwner());
  const attempt = await testAttempt();
  await unpack(server, backup, staging.data, attempt);
  const common = { server: server.settings, directory: staging.data, attempt };
  await prepareCopy({ ...common, restore: restoreSettings.parse({}), expected: { toLsn: backup.toLsn } });
  const result = await checkCopy({ ...common, layout, staging, binlog: backup.binlog });
  return { layout, staging, result };
}

/** Unpacks a backup into a directory that is there. */
export async function unpack(
  server: TestServer,
  backup: TestBackup,
  directory: string,
  attempt: Attempt,
): Promise<void> {
  const extraction = await startExtraction({
    server: server.settings,
    directory,
    identity: undefined,
    attempt,
  });
  await pipeline(createReadStream(backup.file), extraction.input);
  await extraction.whole();
}

/** A state directory of an agent, in the run's folder. */
export async function makeStateDirectory(): Promise<string> {
  return mkdtemp(path.join(runFolder(), 'state-'));
}

/**
 * Every entry below a directory with its owner and permissions, files with size and time of change too; to be compared
 * as a whole. Directories come without a time: even `mariadbd --help` makes a file in the data directory for a moment.
 */
export async function describeTree(directory: string): Promise<Record<string, string>> {
  const forFiles = ['-type', 'd', '-printf', '%P\\t%U:%G %m\\n', '-o', '-printf', '%P\\t%U:%G %m %s %T@\\n'];
  const { stdout } = await run('find', [directory, '-mindepth', '1', '(', ...forFiles, ')']);
  return Object.fromEntries(
    stdout
      .split('\n')
      .filter((line) => line !== '')
      .sort()
      .map((line) => line.split('\t') as [string, string]),
  );
}
