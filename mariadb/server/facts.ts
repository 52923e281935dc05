/** What a running server says of itself, as far as backups are concerned. */
import { rowsOf, type Connection } from './sql.ts';

export interface ServerFacts {
  version: string;
  /** Whether it keeps a binlog. */
  logBin: boolean;
  /** Global privileges of the agent's account, in capitals, as SHOW GRANTS names them. */
  privileges: ReadonlySet<string>;
  /** MEMORY tables as `db`.`table`: their rows are in no backup. */
  memoryTables: string[];
  /** Where the redo log stands, and how much it holds before it is written over; bytes. */
  lsn: number;
  redoBytes: number;
}

/** @throws database_unreachable, privilege_missing */
export async function readFacts(connection: Connection): Promise<ServerFacts> {
  const [variables] = await rowsOf<{ version: string; logBin: number; redoBytes: number }>(
    connection,
    'SELECT VERSION() AS version, @@log_bin AS logBin, @@innodb_log_file_size AS redoBytes',
  );
  const [status] = await rowsOf<{ Value: string }>(
    connection,
    "SHOW GLOBAL STATUS LIKE 'Innodb_lsn_current'",
  );
  return {
    version: variables?.version ?? '',
    logBin: variables?.logBin === 1,
    privileges: await globalPrivileges(connection),
    memoryTables: await memoryTables(connection),
    lsn: Number(status?.Value ?? 0),
    redoBytes: Number(variables?.redoBytes ?? 0),
  };
}

/** Whether the account has a privilege on everything. */
export function has(facts: Pick<ServerFacts, 'privileges'>, privilege: string): boolean {
  return facts.privileges.has('ALL PRIVILEGES') || facts.privileges.has(privilege);
}

/** Those of active roles count too: SHOW GRANTS lists both. */
async function globalPrivileges(connection: Connection): Promise<Set<string>> {
  const rows = await rowsOf<Record<string, string>>(connection, 'SHOW GRANTS');
  const grants = rows.flatMap((row) => {
    const [, list] = /^GRANT (.+) ON \*\.\* TO /.exec(Object.values(row)[0] ?? '') ?? [];
    return list?.split(',').map((privilege) => privilege.trim().toUpperCase()) ?? [];
  });
  return new Set(grants);
}

async function memoryTables(connection: Connection): Promise<string[]> {
  const rows = await rowsOf<{ name: string }>(
    connection,
    "SELECT CONCAT('`', REPLACE(table_schema, '`', '``'), '`.`', REPLACE(table_name, '`', '``'), '`') AS name " +
      "FROM information_schema.tables WHERE engine = 'MEMORY' AND table_type = 'BASE TABLE' " +
      "AND table_schema NOT IN ('information_schema', 'performance_schema', 'mysql', 'sys') ORDER BY 1",
  );
  return rows.map((row) => row.name);
}
