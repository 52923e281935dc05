/**
 * What somebody else's dump holds, as mysqldump and mariadb-dump write it: told by the lines that are not data. All of a
 * dump is read before anything is done with it, so that one that is cut short is known as such.
 */
import { TidemarkError } from '../../domain/errors.ts';
import type { ForeignDump } from '../../domain/foreign.ts';
import { parseDumpPosition } from '../dump/outcome.ts';
import type { Bytes } from './bytes.ts';

/** As much of a line is looked at. A name has up to 64 characters, each four bytes at most. */
const shownBytes = 600;
/** Databases that a dump may name. */
const mostDatabases = 100_000;
const newline = 10;

export interface ScanOptions {
  /** The most that it may come to, in bytes. */
  mostBytes: number;
  /** Told of what was read so far, in bytes. */
  onBytes?: (bytes: number) => void;
}

export interface ScannedDump {
  dump: ForeignDump;
  bytes: number;
  warnings: string[];
}

/** @throws source_damaged, source_no_backup, source_too_large; what the stream throws */
export async function scanDump(
  bytes: Bytes,
  { mostBytes, onBytes }: ScanOptions,
  tooLarge: (mostBytes: number) => TidemarkError,
): Promise<ScannedDump> {
  const scan = new DumpScan();
  for await (const piece of bytes) {
    scan.add(piece);
    onBytes?.(scan.bytes);
    if (scan.bytes > mostBytes) throw tooLarge(mostBytes);
  }
  return { ...scan.end(), bytes: scan.bytes };
}

/** Takes a dump in pieces of any size. */
export class DumpScan {
  bytes = 0;
  /** The beginning of the line that is being read. */
  #line = Buffer.alloc(0);
  readonly #databases: string[] = [];
  readonly #known = new Set<string>();
  /** Of the comments at the head: which tool, which database, which version. */
  #tool = '';
  #named: string | undefined;
  #version = '';
  /** Lines on the position, at either end. */
  readonly #positions: string[] = [];
  #last = '';
  #tables = false;
  /** Within a CREATE TABLE. */
  #creating = false;

  add(piece: Uint8Array): void {
    this.bytes += piece.length;
    const buffer = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    for (let at = 0; at < buffer.length;) {
      const end = buffer.indexOf(newline, at);
      const until = end < 0 ? buffer.length : end;
      const missing = shownBytes - this.#line.length;
      if (missing > 0)
        this.#line = Buffer.concat([this.#line, buffer.subarray(at, Math.min(until, at + missing))]);
      if (end < 0) return;
      this.#take();
      at = end + 1;
    }
  }

  #take(): void {
    const line = this.#line;
    this.#line = Buffer.alloc(0);
    if (line.length === 0) return;
    const first = String.fromCharCode(line[0] ?? 0);
    if (this.#creating) this.#definition(line.toString('utf8'), first);
    // Of most lines, which are data, no text is made.
    if (!'-CUS'.includes(first)) {
      this.#last = '';
      return;
    }
    const text = line.toString('utf8').replace(/\r$/, '');
    this.#last = text;
    if (first === '-') this.#comment(text);
    else if (first === 'U') this.#use(text);
    else if (first === 'C') {
      if (/^CREATE (TABLE|DATABASE)\b/.test(text)) this.#tables = true;
      this.#creating = /^CREATE TABLE\b/.test(text);
      if (/^CHANGE MASTER\b/.test(text)) this.#positions.push(`-- ${text}`);
    } else if (/^SET GLOBAL gtid_slave_pos=/.test(text)) this.#positions.push(`-- ${text}`);
  }

  /** Its options, and its partitions; not its columns. @throws source_unsafe */
  #definition(text: string, first: string): void {
    this.#creating = ' )(/'.includes(first);
    if (!this.#creating || !/^\)|^[ (]*(?:SUB)?PARTITION /.test(text)) return;
    // What stands between quotation marks is a comment, or the place itself.
    const bare = text.replaceAll(/'(?:[^'\\]|\\.|'')*'/g, "''");
    if (!/\b(?:DATA|INDEX) DIRECTORY\b/.test(bare)) return;
    throw new TidemarkError(
      'source_unsafe',
      'The dump has a table with a DATA DIRECTORY or an INDEX DIRECTORY, outside of the data directory. Take the clause ' +
        'out of the dump.',
    );
  }

  #comment(text: string): void {
    this.#tool ||= /^-- (?:MariaDB|MySQL) dump .*/.exec(text)?.[0] ?? '';
    this.#version ||= /^-- Server version\s+(\S+)/.exec(text)?.[1] ?? '';
    this.#named ??= /^-- Host: .*?\s{2,}Database: (.*)$/.exec(text)?.[1];
    if (/^-- (CHANGE MASTER TO |SET GLOBAL gtid_slave_pos=)/.test(text)) this.#positions.push(text);
  }

  #use(text: string): void {
    const [, quoted] = /^USE `((?:[^`]|``)+)`;$/.exec(text) ?? [];
    if (quoted === undefined) return;
    const name = quoted.replaceAll('``', '`');
    if (this.#known.has(name)) return;
    if (this.#known.size >= mostDatabases) {
      throw new TidemarkError('source_no_backup', `The dump names more than ${mostDatabases} databases.`);
    }
    this.#known.add(name);
    this.#databases.push(name);
  }

  /** @throws source_damaged, source_no_backup */
  end(): Omit<ScannedDump, 'bytes'> {
    this.#take();
    const closed = this.#last.startsWith('-- Dump completed');
    if (this.#tool !== '' && !closed) {
      throw new TidemarkError(
        'source_damaged',
        'The dump is cut short: it does not end in "-- Dump completed", as it began.',
      );
    }
    const warnings =
      this.#tool === ''
        ? ['The dump has no comments (--skip-comments): whether it is whole cannot be told from it.']
        : [];
    // Only what the tools write: other statements at the head of a line may be text.
    const position = parseDumpPosition(this.#positions.join('\n'), '');
    const content = this.#content();
    if (content.unnamed !== undefined) {
      warnings.push(
        `The dump does not say whether it is of all tables of ${content.unnamed}: that database has what the dump holds, and nothing else.`,
      );
    }
    return {
      dump: {
        ...content,
        serverVersion: this.#version,
        ...(position && { binlog: position }),
      },
      warnings,
    };
  }

  #content(): Pick<ForeignDump, 'databases' | 'whole' | 'unnamed'> {
    const own = this.#databases.filter((name) => !systemDatabases.has(name.toLowerCase()));
    if (this.#known.has('mysql')) {
      if ((this.#named ?? '') === '') return { databases: own, whole: true };
      throw new TidemarkError(
        'source_no_backup',
        'The dump holds the database "mysql" and some others: with the accounts of a server, a dump has to be of the whole ' +
          'server (--all-databases); without them, of its databases alone.',
      );
    }
    if (own.length > 0) return { databases: own, whole: false };
    const unnamed = this.#named?.trim() ?? '';
    if (unnamed !== '' && !systemDatabases.has(unnamed.toLowerCase()))
      return { databases: [unnamed], whole: false, unnamed };
    throw new TidemarkError(
      'source_no_backup',
      this.#tables
        ? 'The dump does not say of which database it is: make it with --databases, or leave its comments in it.'
        : 'The dump holds no database.',
    );
  }
}

const systemDatabases = new Set(['mysql', 'sys', 'information_schema', 'performance_schema']);

/** What a dump may say of replication as a statement. It would turn the server that it is loaded into to another one. */
const orders = [
  'CHANGE MASTER ',
  'SET GLOBAL gtid_slave_pos',
  'STOP SLAVE',
  'START SLAVE',
  'STOP ALL SLAVES',
  'START ALL SLAVES',
];
/**
 * What stands around the body of a stored routine, in which a line may begin like an order and is none. The client takes
 * it in small letters, too.
 */
const delimiters = ['DELIMITER ', 'delimiter '];
/** As much of a line says what it is. The tools write `DELIMITER ;;`, and people nothing that is much longer. */
const tellingBytes = 40;

/**
 * The dump as it is loaded: into the database that it was made of, where it does not name it, and with what it orders of
 * replication as comments. The bodies of stored routines are as they were.
 */
export async function* asLoaded(bytes: Bytes, unnamed: string | undefined): AsyncGenerator<Uint8Array> {
  if (unnamed !== undefined) {
    const quoted = `\`${unnamed.replaceAll('`', '``')}\``;
    yield Buffer.from(`CREATE DATABASE IF NOT EXISTS ${quoted};\nUSE ${quoted};\n`);
  }
  // What is held back: a line that has only begun, and may be an order.
  let held: Buffer = Buffer.from('\n');
  let begun = false;
  const comments = new Comments();
  for await (const piece of bytes) {
    const text = Buffer.concat([held, piece]);
    const lineAt = text.lastIndexOf(newline);
    const cut = lineAt >= 0 && text.length - lineAt <= tellingBytes ? lineAt : text.length;
    const whole = comments.put(text.subarray(0, cut));
    held = text.subarray(cut);
    // The first line's end is ours.
    const ready = begun ? whole : whole.subarray(1);
    begun ||= whole.length > 0;
    if (ready.length > 0) yield ready;
  }
  const rest = comments.put(held);
  if (rest.length > 0) yield begun ? rest : rest.subarray(1);
}

/** Makes comments of orders, of text that comes in pieces; each begins with the end of a line, or within a long one. */
class Comments {
  /** In the body of a routine: another delimiter than `;` is in force. */
  #within = false;

  put(text: Buffer): Buffer {
    const places = [...orders, ...delimiters]
      .flatMap((begin) => placesOf(text, `\n${begin}`))
      .toSorted((a, b) => a - b);
    const parts: Buffer[] = [];
    let from = 0;
    for (const place of places) {
      const line = text.toString('latin1', place + 1, place + tellingBytes);
      const [, delimiter] = /^delimiter +(\S*)/i.exec(line) ?? [];
      if (delimiter !== undefined) this.#within = delimiter !== ';';
      else if (!this.#within) {
        parts.push(text.subarray(from, place + 1), Buffer.from('-- '));
        from = place + 1;
      }
    }
    return parts.length === 0 ? text : Buffer.concat([...parts, text.subarray(from)]);
  }
}

function placesOf(text: Buffer, wanted: string): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + 1)) places.push(at);
  return places;
}
