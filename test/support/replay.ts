/** Sources whose binlogs are replayed in tests: what they were at each transaction, and copies that are brought there. */
import { execFile } from 'node:child_process';
import { chown, copyFile, mkdtemp, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { restoreSettings } from '../../config/agent.ts';
import type { Layout } from '../../domain/layout.ts';
import { proveBinlogs, type ProvenReplay } from '../../mariadb/replay/prove.ts';
import { replayBinlogs, type ReplayOptions, type ReplayResult } from '../../mariadb/replay/replay.ts';
import type { BinlogFile, ReplayStop } from '../../mariadb/replay/order.ts';
import { prepareCopy } from '../../mariadb/restore/prepare.ts';
import { withPrivateServer } from '../../mariadb/restore/private-server.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { connect, type Connection, rowsOf } from '../../mariadb/server/sql.ts';
import { serverOwner, takeTestBackup, testAttempt, type TestBackup, unpack } from './copies.ts';
import type { TestServer } from './mariadb.ts';
import { runFolder } from './run.ts';

const run = promisify(execFile);

/** Sums of all tables that are not the server's own, what an event is and who may sign on. */
export type Snapshot = Record<string, unknown>;

export async function snapshot(connection: Connection): Promise<Snapshot> {
  const rows = <Row>(sql: string): Promise<Row[]> => rowsOf<Row>(connection, sql);
  const tables = await rows<{ name: string; engine: string }>(
    "SELECT CONCAT('`', table_schema, '`.`', table_name, '`') AS name, engine FROM information_schema.tables " +
      "WHERE table_type IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE') AND table_schema NOT IN " +
      "('mysql', 'sys', 'information_schema', 'performance_schema') ORDER BY 1",
  );
  const kept = tables.filter(({ engine }) => engine !== 'MEMORY').map(({ name }) => name);
  const sums =
    kept.length === 0
      ? []
      : await rows<{ Table: string; Checksum: number | null }>(`CHECKSUM TABLE ${kept.join(', ')} EXTENDED`);
  const events = await rows<{ name: string; status: string; definer: string }>(
    "SELECT CONCAT(db, '.', name) AS name, status, definer FROM mysql.event ORDER BY 1",
  );
  const users = await rows<{ user: string }>(
    "SELECT CONCAT(User, '@', Host, Priv) AS user FROM mysql.global_priv " +
      "WHERE User NOT IN ('tidemark_private', 'tidemark') ORDER BY 1",
  );
  return {
    ...Object.fromEntries(sums.map((row) => [row.Table, row.Checksum])),
    events: events.map(({ name, status, definer }) => `${name} ${status} ${definer}`),
    users: users.map(({ user }) => user),
  };
}

export interface ReplaySource {
  server: TestServer;
  backup: TestBackup;
  layout: Layout;
  /** Of the backup, prepared; it is copied for each replay. */
  prepared: string;
}

/** Takes a backup of a server and prepares it. What happens from now on is in the binlogs. */
export async function beginReplaySource(server: TestServer): Promise<ReplaySource> {
  const layout = await inspectLayout(server.settings);
  const backup = await takeTestBackup(server);
  const prepared = await mkdtemp(path.join(runFolder(), 'prepared-'));
  const attempt = await testAttempt();
  await unpack(server, backup, prepared, attempt);
  await prepareCopy({
    server: server.settings,
    restore: restoreSettings.parse({}),
    directory: prepared,
    attempt,
    expected: { toLsn: backup.toLsn },
  });
  await run('chown', ['-R', await ownerText(), prepared]);
  return { server, backup, layout, prepared };
}

async function ownerText(): Promise<string> {
  const { uid, gid } = await serverOwner();
  return `${uid}:${gid}`;
}

/** Copies of the source's binlogs from the backup's on: those of the server go on. */
export async function archiveBinlogs({ server, backup }: ReplaySource): Promise<BinlogFile[]> {
  const folder = await mkdtemp(path.join(runFolder(), 'binlogs-'));
  const { uid, gid } = await serverOwner();
  await chown(folder, uid, gid);
  const logs = await server.query<{ Log_name: string }>('SHOW BINARY LOGS');
  const files: BinlogFile[] = [];
  for (const { Log_name: name } of logs) {
    if (name < backup.binlog.file) continue;
    const file = path.join(folder, name);
    await copyFile(path.join(server.dataDirectory, name), file);
    await chown(file, uid, gid);
    files.push({ name, path: file });
  }
  return files;
}

export async function prove(
  source: ReplaySource,
  files: readonly BinlogFile[],
  stop: ReplayStop,
): Promise<ProvenReplay> {
  const { signal } = new AbortController();
  return await proveBinlogs({ files, start: source.backup.binlog, stop }, { signal });
}

export interface ReplayedCopy {
  result: ReplayResult;
  snapshot: Snapshot;
  gtid: string;
  /** Whatever else a test wants to know of it. */
  rows: Record<string, unknown>[];
  /** What is left in the copy besides data. */
  directory: string;
}

/** Brings a copy of the prepared backup to where `proven` ends, and looks at it with a server of its own. */
export async function replayCopy(
  { server, layout, prepared }: ReplaySource,
  proven: ProvenReplay,
  options: Partial<ReplayOptions> & { query?: string } = {},
): Promise<ReplayedCopy> {
  const directory = await mkdtemp(path.join(runFolder(), 'replayed-'));
  await run('cp', ['-a', '--reflink=auto', `${prepared}/.`, directory]);
  const owner = await serverOwner();
  const common = { server: server.settings, layout, directory, owner };
  const { query = 'SELECT 1', ...further } = options;
  const result = await replayBinlogs({
    ...common,
    restore: restoreSettings.parse({}),
    attempt: await testAttempt(),
    proven,
    ...further,
  });
  return await withPrivateServer({ ...common, attempt: await testAttempt() }, async ({ connection }) => {
    const [row] = await rowsOf<{ gtid: string }>(connection, 'SELECT @@gtid_slave_pos AS gtid');
    const found = await snapshot(connection);
    const rows = await rowsOf<Record<string, unknown>>(connection, query);
    return { result, snapshot: found, gtid: row?.gtid ?? '', rows, directory };
  });
}

/** One session of a source, as root. */
export async function session(server: TestServer): Promise<Connection> {
  return await connect(server.settings, { user: userInfo().username, password: '' });
}

export async function removeCopy({ directory }: ReplayedCopy): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}
