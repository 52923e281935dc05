/** Bringing part of one test server to another, as an agent does with a copy and the running server. */
import { randomBytes } from 'node:crypto';
import type { PartRequest } from '../../domain/part.ts';
import { bringPart, type Brought } from '../../mariadb/part/bring.ts';
import { exchangePart } from '../../mariadb/part/exchange.ts';
import { leavePart, type PartOutcome } from '../../mariadb/part/sweep.ts';
import { connect, type Connection } from '../../mariadb/server/sql.ts';
import { testAttempt, type TestAttempt } from './attempts.ts';
import type { TestServer } from './mariadb.ts';

export interface TestPart {
  attempt: TestAttempt;
  bring(): Promise<Brought>;
  exchange(): Promise<string[]>;
  leave(): Promise<PartOutcome>;
  /** All of it. @returns the warnings */
  whole(): Promise<string[]>;
}

/** @param copy stands in for the private server on a materialized copy */
export async function testPart(
  copy: TestServer,
  live: TestServer,
  request: PartRequest,
  patience = { lockWaitMs: 1_000, giveUpMs: 60_000 },
): Promise<TestPart> {
  const attempt = await testAttempt();
  const workflowId = `restore/7/${randomBytes(4).toString('hex')}`;
  const server = live.settings;
  const own = { server, workflowId, ...patience };
  const part: TestPart = {
    attempt,
    async bring() {
      await using connection: Connection = await asRoot(copy);
      return await bringPart({
        ...own,
        dataDirectory: live.dataDirectory,
        restoreId: 7,
        request,
        copy: { connection, account: { user: 'root', password: '', socket: copy.socket } },
        attempt,
      });
    },
    exchange: () => exchangePart({ ...own, attempt }),
    leave: () => leavePart({ ...own, folder: attempt.folder, log: attempt.log }),
    async whole() {
      await part.bring();
      const warnings = await part.exchange();
      await part.leave();
      return warnings;
    },
  };
  return part;
}

export async function asRoot({ settings }: TestServer): Promise<Connection> {
  return await connect(settings, { user: 'root', password: '' });
}

/** Names of databases, tables, triggers and keys that bringing a part back gives to what is there for a while. */
export async function leftovers(server: TestServer): Promise<string[]> {
  const rows = await server.query<{ name: string }>(
    "SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'tidemark%' UNION " +
      "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_NAME LIKE 'tidemark%' UNION " +
      "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_NAME LIKE 'tidemark%' UNION " +
      "SELECT ID FROM information_schema.INNODB_SYS_FOREIGN WHERE CONCAT(ID, FOR_NAME, REF_NAME) LIKE '%tidemark%'",
  );
  return rows.map(({ name }) => name);
}
