/** `npm run bench -- replay`: binlogs replayed by us, and by `mariadb-binlog | mariadb`, onto the same data. */
import { execFile } from 'node:child_process';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { restoreSettings, serverSettings, type ServerSettings } from '../config/agent.ts';
import type { ArchivePoint } from '../domain/archive/facts.ts';
import { prepareSampleServer, sampleServer, type SampleServer } from '../embedded/sample-server.ts';
import { inTemporaryFolder } from '../embedded/temporary.ts';
import { proveBinlogs } from '../mariadb/replay/prove.ts';
import { replayBinlogs, type ReplayResult } from '../mariadb/replay/replay.ts';
import type { ReplayOrder } from '../mariadb/replay/order.ts';
import { withPrivateServer } from '../mariadb/restore/private-server.ts';
import { inspectLayout } from '../mariadb/server/layout.ts';
import { startServer, stopServer } from '../mariadb/server/lifecycle.ts';
import { connect, type Connection, rowsOf } from '../mariadb/server/sql.ts';
import { compare, inTurns, timed } from './figures.ts';
import { unlessGivenUp } from './given-up.ts';
import type { BenchOptions } from './options.ts';
import { prepareTransactions, sessions, writeTransactions } from './transactions.ts';

const run = promisify(execFile);
const quiet = (): void => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const account = { user: userInfo().username, password: '' };
/** Of one call, so that what is written can be followed. */
const batch = 5_000;

interface Subject {
  folder: string;
  sample: SampleServer;
  settings: ServerSettings;
  /** The data before the transactions. */
  base: string;
  order: ReplayOrder;
  checksum: string;
  interrupted: AbortSignal;
}

/**
 * @returns wall times of both ways, that of reading the binlogs before included in ours, and how many times as fast ours is
 * @throws when one of them does not come to what the source had
 */
export async function benchReplay(
  options: BenchOptions,
  say: (message: string) => void,
  interrupted: AbortSignal,
): Promise<Record<string, unknown>> {
  return await inTemporaryFolder(options.folder, 'tidemark-bench-', async (folder) => {
    say(`Writing ${options.transactions} transactions …`);
    const subject = await write(join(folder, 'server'), options.transactions, interrupted);
    let result: ReplayResult | undefined;
    let bytes = 0;
    for (const file of subject.order.files) bytes += (await stat(file.path)).size;
    const ours = async (): Promise<number> => {
      const copy = await copyOf(subject, 'copy');
      const ms = await timed(async () => (result = await replay(subject, copy)));
      await requireSame(subject, copy);
      say(`  Tidemark ${Math.round(ms)} ms`);
      return ms;
    };
    const bare = async (): Promise<number> => {
      const copy = await copyOf(subject, 'data');
      await startServer(subject.settings, { log });
      let ms: number;
      try {
        ms = await unlessGivenUp(interrupted, () => timed(() => byHand(subject)));
      } finally {
        await stopServer(subject.settings, { log });
      }
      await requireSame(subject, copy);
      say(`  bare     ${Math.round(ms)} ms`);
      return ms;
    };
    const times = await inTurns(options.runs, ours, bare);
    const figures = compare(times.ours, times.bare);
    return {
      ...figures,
      times_as_fast: Math.round((figures.bare_median_ms / figures.ours_median_ms) * 100) / 100,
      transactions: result?.transactions,
      way: result?.way,
      binlog_bytes: bytes,
      same: true,
    };
  });
}

/** A server with a table and what is written to it afterwards; it is stopped then. */
async function write(folder: string, transactions: number, interrupted: AbortSignal): Promise<Subject> {
  await mkdir(folder, { recursive: true, mode: 0o755 });
  const sample = sampleServer(folder, 1);
  await prepareSampleServer(sample, 1);
  const settings = serverSettings.parse({ defaults_file: sample.defaultsFile, control: { kind: 'direct' } });
  const base = join(folder, 'base');
  const serving = async <T>(work: (connection: Connection) => Promise<T>): Promise<T> => {
    await startServer(settings, { log });
    try {
      await using connection = await connect(settings, account);
      return await unlessGivenUp(interrupted, () => work(connection));
    } finally {
      await stopServer(settings, { log });
    }
  };
  await serving(async (connection) => {
    await prepareTransactions(connection);
  });
  await run('cp', ['-a', sample.dataDirectory, base]);
  const written = await serving(async (connection) => {
    await connection.query('SET GLOBAL innodb_flush_log_at_trx_commit = 0');
    const start = await standing(connection);
    await Promise.all(
      Array.from({ length: sessions }, (_, session) => inSession(settings, session, transactions)),
    );
    const stop = await standing(connection);
    const names = (await rowsOf<{ Log_name: string }>(connection, 'SHOW BINARY LOGS')).map(
      (row) => row.Log_name,
    );
    return { start, stop, names, checksum: await checksumOf(connection) };
  });
  const archive = join(folder, 'written');
  await rename(sample.dataDirectory, archive);
  const files = written.names
    .filter((name) => name >= written.start.file)
    .map((name) => ({ name, path: join(archive, name) }));
  const order = { files, start: written.start, stop: { at: written.stop } };
  return { folder, sample, settings, base, order, checksum: written.checksum, interrupted };
}

async function inSession(settings: ServerSettings, session: number, transactions: number): Promise<void> {
  await using connection = await connect(settings, account);
  const count = Math.floor(transactions / sessions) + (session < transactions % sessions ? 1 : 0);
  await writeTransactions(connection, session, { count, batch });
}

async function standing(connection: Connection): Promise<ArchivePoint> {
  const [row] = await rowsOf<{ File: string; Position: number }>(connection, 'SHOW MASTER STATUS');
  const [state] = await rowsOf<{ gtid: string }>(connection, 'SELECT @@gtid_binlog_pos AS gtid');
  return { file: row!.File, position: Number(row!.Position), gtid: state?.gtid ?? '' };
}

async function checksumOf(connection: Connection): Promise<string> {
  return JSON.stringify(await rowsOf(connection, 'CHECKSUM TABLE transactions.t EXTENDED'));
}

/** @param name of the folder beside the option file: `data` is where the server itself has it */
async function copyOf({ sample, base }: Subject, name: string): Promise<string> {
  const copy = join(sample.dataDirectory, '..', name);
  await rm(copy, { recursive: true, force: true });
  await run('cp', ['-a', base, copy]);
  return copy;
}

async function replay(subject: Subject, directory: string): Promise<ReplayResult> {
  const { folder, settings, order, interrupted: signal } = subject;
  const proven = await proveBinlogs(order, { signal });
  const attempt = { folder, signal, report: quiet, log };
  return await replayBinlogs({
    server: settings,
    restore: restoreSettings.parse({}),
    layout: await inspectLayout(settings),
    directory,
    owner: await stat(directory),
    attempt,
    proven,
  });
}

/** To a server as it serves, with its own settings; not into its binlog. */
async function byHand({ sample, order }: Subject): Promise<void> {
  const { files, start, stop } = order;
  const script =
    'socket=$1 start=$2 stop=$3; shift 3; mariadb-binlog --no-defaults --disable-log-bin --start-position="$start" ' +
    '--stop-position="$stop" "$@" | mariadb --no-defaults --socket="$socket" --binary-mode';
  const to = 'at' in stop ? stop.at.position : 0;
  const names = files.map(({ path }) => path);
  await run('bash', [
    '-o',
    'pipefail',
    '-c',
    script,
    'replay',
    sample.socket,
    String(start.position),
    String(to),
    ...names,
  ]);
}

async function requireSame(subject: Subject, directory: string): Promise<void> {
  const { folder, settings, checksum, interrupted: signal } = subject;
  const owner = await stat(directory);
  const attempt = { folder, signal, report: quiet, log };
  const layout = await inspectLayout(settings);
  const found = await withPrivateServer(
    { server: settings, layout, directory, owner, attempt },
    ({ connection }) => checksumOf(connection),
  );
  if (found !== checksum)
    throw new Error(`What was replayed has the checksum ${found}, and the source ${checksum}.`);
  await rm(directory, { recursive: true });
}
