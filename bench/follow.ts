/**
 * `npm run bench -- follow`: the same load on a server whose binlog is followed and archived, and on the same server
 * without, in turns.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { serverSettings } from '../config/agent.ts';
import { findServerProcess } from '../mariadb/server/lifecycle.ts';
import { connect, type Connection, rowsOf } from '../mariadb/server/sql.ts';
import { inTurns, median, percentile } from './figures.ts';
import { type OurProcess, peakMemory, processorSeconds } from './processes.ts';
import { backUp, type Bench, ourProcesses } from './subject.ts';
import { offerTransactions, prepareTransactions, sessions } from './transactions.ts';

/** Of one call of a session: short, so that what is offered comes evenly. */
const batch = 100;
const pollMs = 100;
/** How often it is asked how far the archive is behind. */
const lagMs = 250;
const patienceMs = 10 * 60_000;

interface Run {
  perSecond: number;
  serverMicroseconds: number;
}

/** What following took of the machine, and how far behind it was. */
interface Followed {
  lags: number[];
  caughtUpMs: number[];
  agentSeconds: number[];
  bytes: number[];
  backlogMbPerSecond: number[];
}

export async function benchFollow(bench: Bench): Promise<object> {
  const { service, options, say } = bench;
  await using connection = await connect({ defaults_file: service.defaults_file });
  await prepareTransactions(connection);
  await connection.query('CREATE TABLE transactions.looks (id INT PRIMARY KEY, t CHAR(36))');
  // So that the processors are the limit, and not the disk.
  await connection.query('SET GLOBAL innodb_flush_log_at_trx_commit = 0');
  await archive(bench, connection, false);
  say('Taking the full that the archive begins with …');
  await backUp(bench);
  const followed: Followed = {
    lags: [],
    caughtUpMs: [],
    agentSeconds: [],
    bytes: [],
    backlogMbPerSecond: [],
  };
  const runs: Record<'ours' | 'bare', Run[]> = { ours: [], bare: [] };
  const without = async (): Promise<number> => {
    const run = await measure(bench);
    runs.bare.push(run);
    say(`  not followed ${Math.round(run.perSecond)} transactions/s`);
    return run.perSecond;
  };
  const following = async (): Promise<number> => {
    const run = await follow(bench, connection, followed);
    runs.ours.push(run);
    say(`  followed     ${Math.round(run.perSecond)} transactions/s`);
    return run.perSecond;
  };
  say('Warming up …');
  await measure(bench);
  say('Measuring …');
  const paces = await inTurns(options.runs, following, without);
  return {
    offered_per_second: options.rate,
    seconds: options.seconds,
    transactions_per_second: paces.ours.map(Math.round),
    bare_transactions_per_second: paces.bare.map(Math.round),
    ratio: rounded(median(paces.ours) / median(paces.bare)),
    server_us_per_transaction: ofRuns(runs.ours),
    bare_server_us_per_transaction: ofRuns(runs.bare),
    server_ratio: rounded(ofRuns(runs.ours) / ofRuns(runs.bare)),
    lag_median_ms: Math.round(median(followed.lags)),
    lag_p99_ms: Math.round(percentile(followed.lags, 99)),
    caught_up_ms: followed.caughtUpMs,
    binlog_mb_per_second: rounded(mean(followed.bytes) / 1e6 / options.seconds),
    catching_up_mb_per_second: followed.backlogMbPerSecond,
    agent_cpu_s: followed.agentSeconds,
    agent_cpu_s_per_gb: rounded(mean(followed.agentSeconds) / (mean(followed.bytes) / 1e9)),
    memory_bytes: await peakMemory(agentOf(bench)),
  };
}

/** Catches up with what was written while nobody followed, and then follows while it is written on. */
async function follow(bench: Bench, connection: Connection, followed: Followed): Promise<Run> {
  const { stack, service } = bench;
  const agent = agentOf(bench);
  const backlog = await backlogOf(bench, connection);
  const begun = performance.now();
  await archive(bench, connection, true);
  await caughtUp(bench, connection);
  followed.backlogMbPerSecond.push(rounded(backlog / 1e3 / (performance.now() - begun)));
  const [before, bytes] = [await cpuOf(agent), await binlogBytes(connection)];
  const ended = new AbortController();
  const looking = lookAtLag(
    async () => (await stack.client.service(service.service_id)).archive?.archived_until,
    ended.signal,
  );
  try {
    const run = await measure(bench);
    ended.abort();
    const written = performance.now();
    followed.lags.push(...(await looking));
    followed.bytes.push((await binlogBytes(connection)) - bytes);
    await caughtUp(bench, connection);
    followed.caughtUpMs.push(Math.round(performance.now() - written));
    followed.agentSeconds.push(rounded((await cpuOf(agent)) - before));
    await archive(bench, connection, false);
    return run;
  } finally {
    ended.abort();
    await looking.catch(() => undefined);
  }
}

async function lookAtLag(look: () => Promise<string | undefined>, ended: AbortSignal): Promise<number[]> {
  const lags: number[] = [];
  while (!ended.aborted) {
    const until = await look();
    if (until !== undefined) lags.push(Math.max(0, Date.now() - Date.parse(until)));
    await sleep(lagMs);
  }
  return lags;
}

/** The load. */
async function measure({ service, options }: Bench): Promise<Run> {
  const settings = serverSettings.parse({ defaults_file: service.defaults_file });
  const server = [{ name: 'server', pid: await findServerProcess(settings) }];
  const before = await cpuOf(server);
  const begun = performance.now();
  const offer = { rate: options.rate / sessions, seconds: options.seconds, batch };
  const counts = await Promise.all(
    Array.from({ length: sessions }, async (_, session) => {
      await using connection = await connect({ defaults_file: service.defaults_file });
      return await offerTransactions(connection, session, offer);
    }),
  );
  const seconds = (performance.now() - begun) / 1000;
  const transactions = counts.reduce((sum, count) => sum + count, 0);
  const used = (await cpuOf(server)) - before;
  return { perSecond: transactions / seconds, serverMicroseconds: (used * 1e6) / transactions };
}

/** Switches archiving on or off, and waits until the server knows. */
async function archive({ stack, service }: Bench, connection: Connection, on: boolean): Promise<void> {
  await stack.client.updateService(service.service_id, {
    binlog: { archive: on, interval: '1s', full_after_hole: false },
  });
  await until(`the binlog to be ${on ? 'followed' : 'left alone'}`, async () => {
    // That nobody reads any more, a server notices when it sends.
    await writeSomething(connection);
    const sql =
      "SELECT COUNT(*) AS readers FROM information_schema.PROCESSLIST WHERE COMMAND = 'Binlog Dump'";
    const [row] = await rowsOf<{ readers: number }>(connection, sql);
    return Number(row?.readers) > 0 === on;
  });
}

/** Until all is archived that is written by now: something at least, so that somebody follows then. */
async function caughtUp({ stack, service }: Bench, connection: Connection): Promise<void> {
  await writeSomething(connection);
  const [status] = await rowsOf<{ File: string; Position: number }>(connection, 'SHOW MASTER STATUS');
  const { File: file = '', Position: position = 0 } = status ?? {};
  await until(`${file}:${position} to be archived`, async () => {
    const { binlog_file: at = '', binlog_position: reached = '0' } =
      (await stack.client.service(service.service_id)).archive ?? {};
    return at > file || (at === file && Number(reached) >= Number(position));
  });
}

async function writeSomething(connection: Connection): Promise<void> {
  await connection.query('REPLACE INTO transactions.looks VALUES (1, UUID())');
}

/** How much has been written that is not archived. */
async function backlogOf({ stack, service }: Bench, connection: Connection): Promise<number> {
  const { binlog_file: file = '', binlog_position: position = '0' } =
    (await stack.client.service(service.service_id)).archive ?? {};
  return (await binlogBytes(connection, file)) - Number(position);
}

/** @param from the first file that counts */
async function binlogBytes(connection: Connection, from = ''): Promise<number> {
  const logs = await rowsOf<{ Log_name: string; File_size: number }>(connection, 'SHOW BINARY LOGS');
  return logs
    .filter(({ Log_name: name }) => name >= from)
    .reduce((sum, { File_size: bytes }) => sum + Number(bytes), 0);
}

async function until(what: string, reached: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + patienceMs; !(await reached()); await sleep(pollMs)) {
    if (Date.now() > deadline) throw new Error(`${patienceMs / 60_000} minutes were not enough for ${what}.`);
  }
}

function agentOf({ stack }: Bench): OurProcess[] {
  return ourProcesses(stack).filter(({ name }) => name.startsWith('agent'));
}

async function cpuOf(processes: readonly OurProcess[]): Promise<number> {
  const seconds = await processorSeconds(processes, { withPrograms: true });
  return Object.values(seconds).reduce((sum, one) => sum + one, 0);
}

function ofRuns(runs: readonly Run[]): number {
  return rounded(median(runs.map(({ serverMicroseconds }) => serverMicroseconds)));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
