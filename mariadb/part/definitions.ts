/** Views, triggers, routines and events: how they are read from one server and made on another. */
import { type Connection, rowsOf } from '../server/sql.ts';
import { quoted } from './names.ts';

/** A statement, and what the session has to be for it to mean the same. */
export interface Definition {
  statement: string;
  sqlMode: string;
  characterSet: string;
  collation: string;
  /** Of an event. */
  timeZone?: string | undefined;
}

export interface NamedDefinition extends Definition {
  name: string;
}

export interface TriggerDefinition extends NamedDefinition {
  table: string;
  /** All but name and table, which the statement has none of: it is made of them. */
  definer: string;
  when: string;
}

type Shown = Record<string, string | null>;

/** So that what a server shows is quoted as we read it, whatever its option file says. */
export async function readPlainly(connection: Connection, database: string): Promise<void> {
  await rowsOf(connection, "SET SESSION sql_mode='', sql_quote_show_create=1");
  await rowsOf(connection, `USE ${quoted(database)}`);
}

function definitionOf(shown: Shown | undefined, column: string): Definition | undefined {
  const statement = shown?.[column];
  if (typeof statement !== 'string') return undefined;
  return {
    statement,
    sqlMode: shown?.['sql_mode'] ?? '',
    characterSet: shown?.['character_set_client'] ?? 'utf8mb4',
    collation: shown?.['collation_connection'] ?? 'utf8mb4_general_ci',
    ...(typeof shown?.['time_zone'] === 'string' && { timeZone: shown['time_zone'] }),
  };
}

/** Without its database's name, where it lies in the session's. */
export async function readViews(
  connection: Connection,
  names: readonly string[],
): Promise<NamedDefinition[]> {
  const views: NamedDefinition[] = [];
  for (const name of names) {
    const [shown] = await rowsOf<Shown>(connection, `SHOW CREATE VIEW ${quoted(name)}`);
    const definition = definitionOf(shown, 'Create View');
    if (definition) views.push({ name, ...definition });
  }
  return views;
}

const routineKinds = ['FUNCTION', 'PROCEDURE', 'PACKAGE', 'PACKAGE BODY'] as const;
type RoutineKind = (typeof routineKinds)[number];

export interface RoutineDefinition extends NamedDefinition {
  kind: RoutineKind;
}

/** Bodies of packages come after their packages. */
export async function routineNames(
  connection: Connection,
  database: string,
): Promise<{ kind: RoutineKind; name: string }[]> {
  const rows = await rowsOf<{ db: string; name: string; kind: string }>(
    connection,
    'SELECT ROUTINE_SCHEMA AS db, ROUTINE_NAME AS name, ROUTINE_TYPE AS kind FROM information_schema.ROUTINES ' +
      'WHERE ROUTINE_SCHEMA = ? ORDER BY ROUTINE_NAME',
    [database],
  );
  return routineKinds.flatMap((kind) =>
    rows.flatMap((row) => (row.kind === kind && row.db === database ? [{ kind, name: row.name }] : [])),
  );
}

export async function readRoutines(connection: Connection, database: string): Promise<RoutineDefinition[]> {
  const routines: RoutineDefinition[] = [];
  for (const { kind, name } of await routineNames(connection, database)) {
    const [shown] = await rowsOf<Shown>(connection, `SHOW CREATE ${kind} ${quoted(name)}`);
    const column = Object.keys(shown ?? {}).find((key) => /^Create /.test(key)) ?? '';
    const definition = definitionOf(shown, column);
    if (definition) routines.push({ kind, name, ...definition });
  }
  return routines;
}

export async function eventNames(connection: Connection, database: string): Promise<string[]> {
  const rows = await rowsOf<{ db: string; name: string }>(
    connection,
    'SELECT EVENT_SCHEMA AS db, EVENT_NAME AS name FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ? ORDER BY 2',
    [database],
  );
  return rows.flatMap(({ db, name }) => (db === database ? [name] : []));
}

export async function readEvents(connection: Connection, database: string): Promise<NamedDefinition[]> {
  const events: NamedDefinition[] = [];
  for (const name of await eventNames(connection, database)) {
    const [shown] = await rowsOf<Shown>(connection, `SHOW CREATE EVENT ${quoted(name)}`);
    const definition = definitionOf(shown, 'Create Event');
    if (definition) events.push({ name, ...definition });
  }
  return events;
}

/** The same event, which does not run. */
export function disabled({ statement, ...event }: NamedDefinition): NamedDefinition {
  const words = /( ON COMPLETION (?:NOT )?PRESERVE) (?:ENABLE|DISABLE ON SLAVE|DISABLE)\b/;
  return { ...event, statement: statement.replace(words, '$1 DISABLE') };
}

interface TriggerRow {
  db: string;
  name: string;
  object: string;
  timing: string;
  happening: string;
  body: string;
  definer: string;
  sqlMode: string;
  characterSet: string;
  collation: string;
}

/** In the order in which those of a table are carried out. */
export async function readTriggers(connection: Connection, database: string): Promise<TriggerDefinition[]> {
  const rows = await rowsOf<TriggerRow>(
    connection,
    'SELECT EVENT_OBJECT_SCHEMA AS db, TRIGGER_NAME AS name, EVENT_OBJECT_TABLE AS object, ACTION_TIMING AS timing, ' +
      'EVENT_MANIPULATION AS happening, ACTION_STATEMENT AS body, DEFINER AS definer, SQL_MODE AS sqlMode, ' +
      'CHARACTER_SET_CLIENT AS characterSet, COLLATION_CONNECTION AS collation FROM information_schema.TRIGGERS ' +
      'WHERE TRIGGER_SCHEMA = ? ORDER BY EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER',
    [database],
  );
  return rows.flatMap(({ db, object, timing, happening, body, ...row }): TriggerDefinition[] => {
    if (db !== database) return [];
    const { name, definer, sqlMode, characterSet, collation } = row;
    const when = `${timing} ${happening}`;
    return [{ name, table: object, definer, when, statement: body, sqlMode, characterSet, collation }];
  });
}

/** @param name of the trigger, @param table of its table; both in `database` */
export function triggerStatement(
  trigger: TriggerDefinition,
  { database, name, table }: { database: string; name: string; table: string },
): Definition {
  return {
    ...trigger,
    statement:
      `CREATE DEFINER=${account(trigger.definer)} TRIGGER ${quoted(database, name)} ${trigger.when} ` +
      `ON ${quoted(database, table)} FOR EACH ROW ${trigger.statement}`,
  };
}

/** @param definer `user@host`; a role has no host */
function account(definer: string): string {
  const at = definer.lastIndexOf('@');
  const [user, host] = at < 0 ? [definer, ''] : [definer.slice(0, at), definer.slice(at + 1)];
  return host === '' ? quoted(user) : `${quoted(user)}@${quoted(host)}`;
}

/** Makes, or replaces, what a statement that begins with CREATE makes. */
export function replacing<D extends Definition>(definition: D): D {
  return { ...definition, statement: definition.statement.replace(/^CREATE /, 'CREATE OR REPLACE ') };
}

/** Of our own statements: what a table is made with must not be another engine, nor a 0 the next number. */
export const ownSqlMode = 'NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION';

const ascii = /^[\x20-\x7e\s]*$/;

/**
 * Carries a statement out in the session that it was written for. A text in another character set than Unicode's is sent
 * in Unicode where it has letters of its own: they stay what they are.
 *
 * @throws what the server says
 */
export async function carryOut(connection: Connection, definition: Definition): Promise<void> {
  const { statement, sqlMode, characterSet, collation, timeZone } = definition;
  const plain = ascii.test(statement);
  await rowsOf(connection, 'SET SESSION sql_mode=?', [sqlMode]);
  if (timeZone !== undefined) await rowsOf(connection, 'SET SESSION time_zone=?', [timeZone]);
  const own = plain && /^\w+$/.test(characterSet) && /^\w+$/.test(collation);
  if (own)
    await rowsOf(connection, `SET character_set_client=${characterSet}, collation_connection=${collation}`);
  try {
    await rowsOf(connection, statement);
  } finally {
    await rowsOf(connection, 'SET NAMES utf8mb4');
    await rowsOf(connection, 'SET SESSION sql_mode=?, time_zone=DEFAULT', [ownSqlMode]);
  }
}
