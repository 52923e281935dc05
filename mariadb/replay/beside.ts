/**
 * Statements that name a table which a replay leaves out, and change others: what these are afterwards may be something
 * else than at the source, where that table had rows. Row events have no such trouble.
 */
import { open } from 'node:fs/promises';
import type { ArchivePoint } from '../../domain/archive/facts.ts';
import type { BinlogEvent } from '../../domain/binlog/events.ts';
import { gtidText } from '../../domain/binlog/gtid.ts';
import { BinlogReader } from '../../domain/binlog/reader.ts';
import { readStatement } from '../../domain/binlog/statement.ts';
import { listed } from '../../domain/dump.ts';
import { tokensOf, unquoted } from './event-statements.ts';
import { queryOf } from './events.ts';
import { piecesOf, type ProvenReplay } from './prove.ts';

/** Further on there are values. */
const longestText = 64 * 1024;

/** Tables that may be others than at the source. */
interface Beside {
  /** `database.table`. */
  tables: ReadonlySet<string>;
  /** The first transaction that has such a statement. */
  gtid: string;
}

/**
 * @param names of the tables that are left out, `database.table`
 * @returns undefined where there are none
 * @throws the signal's reason when it was aborted
 */
export async function findBeside(
  files: ProvenReplay['files'],
  { position: start }: ArchivePoint,
  names: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Beside | undefined> {
  const tables = new Set<string>();
  let first: string | undefined;
  for (const file of files) {
    await using handle = await open(file.path, 'r');
    const reader = new BinlogReader(file.from === undefined ? {} : { startPosition: file.from });
    const begin = file === files[0] ? start : 0;
    let gtid = '';
    let queries: { position: number; end: number; gtid: string }[] = [];
    const take = ({ body, position, end }: BinlogEvent): void => {
      if (position < begin || end > file.end) return;
      if (body?.kind === 'gtid') gtid = gtidText(body.gtid);
      if (body?.kind === 'query' && body.ending === undefined) queries.push({ position, end, gtid });
    };
    for await (const piece of piecesOf(handle, file.from)) {
      signal.throwIfAborted();
      reader.read(piece, take);
      for (const query of queries) {
        const checksum = reader.format?.checksum === 'CRC32' ? 4 : 0;
        const event = Buffer.alloc(query.end - query.position - checksum);
        await handle.read(event, 0, event.length, query.position);
        const found = queryOf(event);
        const changed = found ? changedBeside(found.statement, found.database, names) : [];
        if (changed.length > 0) first ??= query.gtid;
        for (const table of changed) tables.add(table);
      }
      queries = [];
    }
  }
  return first === undefined ? undefined : { tables, gtid: first };
}

/** What to tell of it: a sentence, or nothing. */
export function besideSentence(found: Beside | undefined): string[] {
  if (!found) return [];
  return [
    'Tables may be others than they were, because statements that changed them name tables which are left out (the first ' +
      `in the transaction ${found.gtid}): ${listed([...found.tables])}. Compare them, or begin with a ` +
      'backup that was taken after that.',
  ];
}

/** The tables, but those that are left out, that a statement changes which names one of these. */
export function changedBeside(statement: string, database: string, names: ReadonlySet<string>): string[] {
  const text = statement.slice(0, longestText);
  const folded = new Set([...names].map((name) => name.toLowerCase()));
  const others = readStatement(text, database).tables.filter((name) => !folded.has(name.toLowerCase()));
  return others.length > 0 && mentions(text, database, folded) ? others : [];
}

function mentions(text: string, database: string, folded: ReadonlySet<string>): boolean {
  const tokens = tokensOf(text);
  return tokens.some((token, at) => {
    const qualified = tokens[at - 1] === '.';
    const within = qualified ? unquoted(tokens[at - 2] ?? '') : database;
    return folded.has(`${within}.${unquoted(token)}`.toLowerCase());
  });
}
