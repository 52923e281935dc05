/**
 * Events of the scheduler after a replay. To a server that applies a source's events it seems to be a replica, on which
 * no event may run: whatever was created or altered is disabled "on the slave side", what the source had disabled too.
 * What they were there only the statements tell.
 */
import { open } from 'node:fs/promises';
import { inflateSync } from 'node:zlib';
import { eventTypes } from '../../domain/binlog/event-types.ts';
import { rowsOf, type Connection } from '../server/sql.ts';
import type { DefinitionPlace } from './prove.ts';
import { type EventStatus, eventChange, eventKey } from './event-statements.ts';

const headerLength = 19;
const checksumLength = 4;
/** Thread, time, length of the database's name, error, length of the status variables. */
const queryHeader = 13;

/** Of each event of the scheduler, by `eventKey`. */
export async function eventStatuses(connection: Connection): Promise<Map<string, EventStatus>> {
  const rows = await rowsOf<{ db: string; name: string; status: EventStatus }>(
    connection,
    'SELECT db, name, status FROM mysql.event',
  );
  return new Map(rows.map(({ db, name, status }) => [eventKey(db, name), status]));
}

/**
 * Gives events the status that they had at the source. Not by ALTER EVENT, which would make this server's administrator
 * their definer.
 *
 * @param before what they were when the replay began
 * @returns `database.name` of those of which nobody knows; they stay disabled
 */
export async function settleEvents(
  connection: Connection,
  before: ReadonlyMap<string, EventStatus>,
  definitions: readonly DefinitionPlace[],
): Promise<string[]> {
  const rows = await rowsOf<{ db: string; name: string }>(
    connection,
    "SELECT db, name FROM mysql.event WHERE status = 'SLAVESIDE_DISABLED'",
  );
  const open = rows.filter(({ db, name }) => before.get(eventKey(db, name)) !== 'SLAVESIDE_DISABLED');
  if (open.length === 0) return [];
  const wanted = new Map(before);
  for await (const { database, statement, replicated } of statementsOf(definitions)) {
    eventChange(statement, database, replicated)?.(wanted);
  }
  const unknown: string[] = [];
  for (const { db, name } of open) {
    const status = wanted.get(eventKey(db, name));
    if (status === undefined) unknown.push(`${db}.${name}`);
    else
      await rowsOf(connection, 'UPDATE mysql.event SET status = ? WHERE db = ? AND name = ?', [
        status,
        db,
        name,
      ]);
  }
  return unknown;
}

/** The statements that define something, of the binlogs' own bytes. */
export async function* statementsOf(
  places: readonly DefinitionPlace[],
): AsyncGenerator<{ database: string; statement: string; replicated: boolean }, void, undefined> {
  for (const { path, position, end, checksum, replicated } of places) {
    await using handle = await open(path, 'r');
    const bytes = Buffer.alloc(end - position);
    await handle.read(bytes, 0, bytes.length, position);
    for (let at = 0; at + headerLength <= bytes.length; at += bytes.readUInt32LE(at + 9)) {
      const event = bytes.subarray(at, at + bytes.readUInt32LE(at + 9) - (checksum ? checksumLength : 0));
      const found = queryOf(event);
      if (found) yield { ...found, replicated };
    }
  }
}

/** Of a statement's event, without its checksum; undefined for any other. */
export function queryOf(event: Buffer): { database: string; statement: string } | undefined {
  const type = event[4];
  if (type !== eventTypes.QUERY_EVENT && type !== eventTypes.QUERY_COMPRESSED_EVENT) return undefined;
  const databaseLength = event[headerLength + 8]!;
  const variables = event.readUInt16LE(headerLength + 11);
  const name = headerLength + queryHeader + variables;
  const text = event.subarray(name + databaseLength + 1);
  return {
    database: event.subarray(name, name + databaseLength).toString('utf8'),
    statement: (type === eventTypes.QUERY_EVENT ? text : inflated(text)).toString('utf8'),
  };
}

/** The lowest three bits of the first byte say how many bytes tell the length; zlib follows them. */
function inflated(text: Buffer): Buffer {
  return inflateSync(text.subarray(1 + (text[0]! & 0x07)));
}
