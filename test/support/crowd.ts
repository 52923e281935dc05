/**
 * Several sessions that write to a server at once and at random, each with settings of its own. What was confirmed to
 * them, and when, is written down by them alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, rowsOf } from '../../mariadb/server/sql.ts';
import { type Deed, deeds, type Person } from './deeds.ts';
import { randomBelow } from './hostile-faults.ts';
import type { TestServer } from './mariadb.ts';
import { session } from './replay.ts';
import { base } from './workload.ts';

/** Runs before a crowd comes. */
export const crowdBase = [
  ...base,
  'CREATE TABLE shop.marks (who INT, n INT, at TIMESTAMP(6) DEFAULT CURRENT_TIMESTAMP(6), PRIMARY KEY (who, n)) ENGINE=InnoDB',
  'CREATE TABLE shop.blobs (who INT, n INT, b LONGTEXT, PRIMARY KEY (who, n)) ENGINE=InnoDB',
  'CREATE TABLE depot.own (who INT, n INT, KEY (who)) ENGINE=MyISAM',
  'CREATE TABLE depot.halves (id INT PRIMARY KEY, n INT) ENGINE=MyISAM',
  'INSERT INTO depot.halves VALUES (1, 1)',
  'CREATE TABLE depot.stays (who INT, n INT) ENGINE=MyISAM',
  `CREATE PROCEDURE shop.several (count INT)
   BEGIN
     DECLARE i INT DEFAULT 0;
     WHILE i < count DO
       INSERT INTO shop.orders (what) VALUES (CONCAT('call ', i));
       SET i = i + 1;
     END WHILE;
   END`,
];

/** What was confirmed to a session. Microseconds since 1970 of the host's clock, which is the server's too. */
export interface Confirmed {
  who: number;
  gtid: string;
  /** The number that the transaction wrote into `shop.marks`, where it did. */
  mark?: number;
  /** No later than the statement that wrote it was sent, and no earlier than it was confirmed. */
  before: number;
  after: number;
}

export interface CrowdResult {
  confirmed: Confirmed[];
  /** How often each kind of deed was done to its end, and what the others failed with. */
  done: Record<string, number>;
  failed: string[];
}

/** The kinds of deeds, by name. */
export const kindsOfDeeds: readonly string[] = Object.keys(deeds);

/** Has `people` sessions write until so many transactions are confirmed to them in all. */
export async function runCrowd(
  server: TestServer,
  { seed, transactions, people = 4 }: { seed: number; transactions: number; people?: number },
): Promise<CrowdResult> {
  const result: CrowdResult = { confirmed: [], done: {}, failed: [] };
  await Promise.all(
    Array.from({ length: people }, async (_, index) => {
      const who = index + 1;
      const next = randomBelow(seed * 1_000 + who);
      let used = 0;
      const person = { who, draw: (below: number) => Math.floor(next() * below), next: () => (used += 1) };
      await using connection = await session(server);
      const life = new Life(person, connection, result);
      await life.begin();
      while (result.confirmed.length < transactions) await life.goOn();
      await life.end();
    }),
  );
  return result;
}

/** One session, from its beginning to its end. */
class Life {
  readonly #person: Person;
  readonly #connection: Connection;
  readonly #result: CrowdResult;
  #gtid = '';
  /** The transaction of XA that is under way. */
  #xa: string | undefined;

  constructor(person: Person, connection: Connection, result: CrowdResult) {
    this.#person = person;
    this.#connection = connection;
    this.#result = result;
  }

  async begin(): Promise<void> {
    await this.#connection.query('SET innodb_lock_wait_timeout = 1, lock_wait_timeout = 2');
    await this.#does({ statements: [`CREATE TABLE shop.p${this.#person.who} (id INT PRIMARY KEY)`] });
  }

  /** What would be written when the connection ends is written now. */
  async end(): Promise<void> {
    await this.#does(deeds['no temporary table']!(this.#person));
  }

  async goOn(): Promise<void> {
    const { done, failed } = this.#result;
    const kind = kindsOfDeeds[this.#person.draw(kindsOfDeeds.length)]!;
    try {
      await this.#does(deeds[kind]!(this.#person));
      done[kind] = (done[kind] ?? 0) + 1;
    } catch (error) {
      // They get in each other's way, and may not do everything in every format.
      failed.push(`${kind}: ${String(error)}`);
      await this.#giveUp();
    }
  }

  async #giveUp(): Promise<void> {
    const ends = this.#xa === undefined ? ['ROLLBACK'] : [`XA END ${this.#xa}`, `XA ROLLBACK ${this.#xa}`];
    this.#xa = undefined;
    // One of XA may have ended, or been ended, before.
    for (const statement of ends) await this.#connection.query(statement).catch(() => undefined);
  }

  async #does({ statements, mark }: Deed): Promise<void> {
    for (const [index, statement] of statements.entries()) {
      if (typeof statement === 'number') {
        await sleep(statement);
        continue;
      }
      this.#xa = /^XA START (.*)/.exec(statement)?.[1] ?? this.#xa;
      const before = Date.now() * 1_000;
      await this.#connection.query(statement);
      const after = (Date.now() + 1) * 1_000;
      // Between these nothing may be asked.
      if (/^XA (END|PREPARE)/.test(statement)) continue;
      if (/^XA (COMMIT|ROLLBACK)/.test(statement)) this.#xa = undefined;
      const [row] = await rowsOf<{ gtid: string }>(this.#connection, 'SELECT @@last_gtid AS gtid');
      const gtid = row?.gtid ?? '';
      const isLast = index === statements.length - 1;
      if (gtid === this.#gtid) continue;
      this.#gtid = gtid;
      const { who } = this.#person;
      this.#result.confirmed.push({
        who,
        gtid,
        before,
        after,
        ...(isLast && mark !== undefined && { mark }),
      });
    }
  }
}
