/**
 * A real replica of a source, led through its transactions one at a time: what it is behind each of them is what the
 * source was, and nothing of ours had a hand in it. It writes what it is told into a binlog of its own.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type Connection, rowsOf } from '../../mariadb/server/sql.ts';
import { startTestServer, type TestServer } from './mariadb.ts';
import { type ReplaySource, session, type Snapshot, snapshot } from './replay.ts';
import { runFolder } from './run.ts';

const account = { user: 'witness', password: 'of all that happens' };

/** What the witness writes itself is in a domain that its source does not use. */
const ownDomain = 7;

/** A transaction of a source, and what there was behind it. */
export interface Step {
  gtid: string;
  /** Of all domains, behind it. */
  state: string;
  snapshot: Snapshot;
}

/** Further lines of the settings of a source that has a witness. */
export function witnessedBy(port: number): string[] {
  return ['skip_networking=OFF', 'bind_address=127.0.0.1', `port=${port}`, 'skip_name_resolve'];
}

/** Before the source's backup is taken. */
export const witnessAccount = [
  `CREATE USER '${account.user}'@'127.0.0.1' IDENTIFIED BY '${account.password}'`,
  `GRANT REPLICATION SLAVE ON *.* TO '${account.user}'@'127.0.0.1'`,
];

/** The same for whoever compares it: domains stand in no order. */
export function sorted(state: string): string {
  return state
    .split(',')
    .map((gtid) => gtid.trim())
    .filter((gtid) => gtid !== '')
    .toSorted()
    .join();
}

/** The source's transactions from a place on, in the order of its binlog, as the server itself lists them. */
export async function transactionsOf({ server, backup }: ReplaySource): Promise<string[]> {
  const logs = await server.query<{ Log_name: string }>('SHOW BINARY LOGS');
  const gtids: string[] = [];
  for (const { Log_name: name } of logs) {
    if (name < backup.binlog.file) continue;
    const from = name === backup.binlog.file ? backup.binlog.position : 4;
    const events = await server.query<{ Event_type: string; Info: string }>(
      `SHOW BINLOG EVENTS IN '${name}' FROM ${from}`,
    );
    for (const { Event_type: type, Info: info } of events)
      if (type === 'Gtid') gtids.push(/GTID (\d+-\d+-\d+)/.exec(info)![1]!);
  }
  return gtids;
}

export class Witness {
  readonly server: TestServer;
  readonly #connection: Connection;
  /** By domain. */
  readonly #state = new Map<string, string>();

  private constructor(server: TestServer, connection: Connection, state: string) {
    this.server = server;
    this.#connection = connection;
    this.#advance(state);
  }

  /** Stands where the backup does. */
  static async begin({ prepared, backup }: ReplaySource, port: number): Promise<Witness> {
    const folder = await mkdtemp(path.join(runFolder(), 'witness-'));
    const data = path.join(folder, 'data');
    await mkdir(data);
    await promisify(execFile)('cp', ['-a', '--reflink=auto', `${prepared}/.`, data]);
    const server = await startTestServer({
      folder,
      filled: true,
      // Its rows did not come with the backup.
      config: ['log_slave_updates', 'slave_parallel_threads=0', 'replicate_ignore_table=shop.carts'],
    });
    const { gtid } = backup.binlog;
    await server.query('SET GLOBAL gtid_slave_pos = ?', [gtid]);
    await server.query(
      "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=?, MASTER_USER=?, MASTER_PASSWORD=?, MASTER_USE_GTID=slave_pos",
      [port, account.user, account.password],
    );
    await server.session([
      `SET gtid_domain_id = ${ownDomain}`,
      'CREATE DATABASE own',
      'CREATE TABLE own.t (id INT PRIMARY KEY AUTO_INCREMENT)',
    ]);
    return new Witness(server, await session(server), gtid);
  }

  /** Comes to the transaction that follows. */
  async step(gtid: string): Promise<Step> {
    this.#advance(gtid);
    const state = sorted([...this.#state.values()].join());
    await rowsOf(this.#connection, 'START SLAVE UNTIL master_gtid_pos = ?', [state]);
    for (;;) {
      const [row] = await rowsOf<{
        Slave_SQL_Running: string;
        Last_SQL_Error: string;
        Last_IO_Error: string;
      }>(this.#connection, 'SHOW SLAVE STATUS');
      if (row?.Last_SQL_Error || row?.Last_IO_Error)
        throw new Error(`The witness cannot come to ${gtid}: ${row.Last_SQL_Error} ${row.Last_IO_Error}`);
      if (row?.Slave_SQL_Running === 'No') break;
      await sleep(3);
    }
    await rowsOf(this.#connection, 'STOP SLAVE');
    const [row] = await rowsOf<{ state: string }>(this.#connection, 'SELECT @@gtid_slave_pos AS state');
    if (sorted(row?.state ?? '') !== state)
      throw new Error(`The witness is at ${row?.state}, and not at ${state}`);
    return { gtid, state, snapshot: await this.look() };
  }

  /** Behind what it wrote last, of its own and of its source's. */
  async ownState(): Promise<string> {
    const [row] = await rowsOf<{ state: string }>(this.#connection, 'SELECT @@gtid_binlog_pos AS state');
    return sorted(row?.state ?? '');
  }

  /** A row that the source does not have. */
  async write(): Promise<Snapshot> {
    await this.server.session([`SET gtid_domain_id = ${ownDomain}`, 'INSERT INTO own.t VALUES ()']);
    return await this.look();
  }

  async look(): Promise<Snapshot> {
    return await snapshot(this.#connection);
  }

  async remove(): Promise<void> {
    this.#connection.destroy();
    await this.server.remove();
  }

  #advance(gtids: string): void {
    for (const gtid of sorted(gtids).split(',')) if (gtid !== '') this.#state.set(gtid.split('-')[0]!, gtid);
  }
}
