/** Everything of a server's user databases that has to be the same after a restore, in a form that can be compared. */
import { rowsOf, type Connection } from '../../mariadb/server/sql.ts';

/** By a name that a person understands, such as `table shop.orders, rows`: a checksum or a definition. */
export type Snapshot = Map<string, string>;

const systemDatabases = ['mysql', 'information_schema', 'performance_schema', 'sys'];

/** The rows, as CHECKSUM TABLE sees them, and the definition of everything in all user databases; and all accounts. */
export async function takeSnapshot(connection: Connection): Promise<Snapshot> {
  const parts = [await tables(connection), await storedCode(connection), await accounts(connection)];
  return new Map(parts.flatMap((part) => [...part]));
}

export const rowsKey = (table: string): string => `table ${table}, rows`;

/** @param names `database.table` @returns by name */
export async function checksums(
  connection: Connection,
  names: readonly string[],
): Promise<Map<string, string>> {
  if (names.length === 0) return new Map();
  const list = names.map((name) => name.split('.').map(quoted).join('.')).join(', ');
  const rows = await rowsOf<{ Table: string; Checksum: number | string | null }>(
    connection,
    `CHECKSUM TABLE ${list} EXTENDED`,
  );
  return new Map(rows.map((row) => [row.Table, String(row.Checksum)]));
}

async function tables(connection: Connection): Promise<Snapshot> {
  const found = await rowsOf<{ schema: string; name: string; type: string }>(
    connection,
    'SELECT table_schema AS `schema`, table_name AS name, table_type AS type FROM information_schema.tables WHERE table_schema NOT IN (?)',
    [systemDatabases],
  );
  const snapshot: Snapshot = new Map();
  for (const { schema, name, type } of found) {
    const kind = type === 'VIEW' ? 'VIEW' : type === 'SEQUENCE' ? 'SEQUENCE' : 'TABLE';
    const definition = await createStatement(connection, kind, schema, name);
    // The next number is no part of the definition: it follows from the rows.
    snapshot.set(
      `${kind.toLowerCase()} ${schema}.${name}, definition`,
      definition.replace(/ AUTO_INCREMENT=\d+/, ''),
    );
  }
  const withRows = found.filter(({ type }) => type !== 'VIEW').map(({ schema, name }) => `${schema}.${name}`);
  for (const [name, checksum] of await checksums(connection, withRows)) snapshot.set(rowsKey(name), checksum);
  return snapshot;
}

async function storedCode(connection: Connection): Promise<Snapshot> {
  const found = await rowsOf<{ kind: string; schema: string; name: string }>(
    connection,
    `SELECT routine_type AS kind, routine_schema AS \`schema\`, routine_name AS name FROM information_schema.routines WHERE routine_schema NOT IN (?)
     UNION ALL SELECT 'TRIGGER', trigger_schema, trigger_name FROM information_schema.triggers WHERE trigger_schema NOT IN (?)
     UNION ALL SELECT 'EVENT', event_schema, event_name FROM information_schema.events WHERE event_schema NOT IN (?)`,
    [systemDatabases, systemDatabases, systemDatabases],
  );
  const snapshot: Snapshot = new Map();
  for (const { kind, schema, name } of found)
    snapshot.set(
      `${kind.toLowerCase()} ${schema}.${name}`,
      await createStatement(connection, kind, schema, name),
    );
  return snapshot;
}

async function accounts(connection: Connection): Promise<Snapshot> {
  const found = await rowsOf<{ user: string; host: string; role: string }>(
    connection,
    "SELECT User AS user, Host AS host, is_role AS role FROM mysql.user WHERE user <> 'mariadb.sys'",
  );
  const snapshot: Snapshot = new Map();
  for (const { user, host, role } of found) {
    const name = role === 'Y' ? quoted(user) : `${quoted(user)}@${quoted(host)}`;
    if (role !== 'Y') snapshot.set(`account ${name}`, await lines(connection, `SHOW CREATE USER ${name}`));
    snapshot.set(`grants of ${name}`, await lines(connection, `SHOW GRANTS FOR ${name}`));
  }
  return snapshot;
}

/** The columns of SHOW CREATE differ by kind; those about the session that asks are left out. */
async function createStatement(
  connection: Connection,
  kind: string,
  schema: string,
  name: string,
): Promise<string> {
  const [row = {}] = await rowsOf<Record<string, unknown>>(
    connection,
    `SHOW CREATE ${kind} ${quoted(schema)}.${quoted(name)}`,
  );
  return JSON.stringify(row);
}

async function lines(connection: Connection, sql: string): Promise<string> {
  const rows = await rowsOf<Record<string, unknown>>(connection, sql);
  return rows
    .map((row) => Object.values(row).join(' '))
    .sort()
    .join('\n');
}

const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

/** What differs, a line each; empty when both are the same. */
export function differences(expected: Snapshot, found: Snapshot): string[] {
  const names = [...new Set([...expected.keys(), ...found.keys()])].sort();
  return names.flatMap((name) => {
    const [before, after] = [expected.get(name), found.get(name)];
    if (before === after) return [];
    if (after === undefined) return [`${name}: missing`];
    if (before === undefined) return [`${name}: was not there before`];
    return [`${name}: expected ${before}, found ${after}`];
  });
}
