/** What `mariadb-binlog` says of a file's events, to be held against what our own reader says. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { eventName, eventTypes } from '../../domain/binlog/event-types.ts';
import type { BinlogEvent } from '../../domain/binlog/events.ts';
import { gtidText } from '../../domain/binlog/gtid.ts';
import { type BinlogEnd, BinlogReader, type ReaderOptions } from '../../domain/binlog/reader.ts';
import { type Transaction, TransactionTracker } from '../../domain/binlog/transactions.ts';

/** An event as both can tell it. */
export interface PlainEvent {
  position: number;
  end: number;
  /** `YYMMDD hh:mm:ss`, UTC. */
  time: string;
  serverId: number;
  /** The type in mariadb-binlog's words, with what it says of a GTID, a list of them, an XID or a file. */
  what: string;
}

const words: Partial<Record<number, string>> = {
  [eventTypes.FORMAT_DESCRIPTION_EVENT]: 'Start',
  [eventTypes.QUERY_EVENT]: 'Query',
  [eventTypes.QUERY_COMPRESSED_EVENT]: 'Query_compressed',
  [eventTypes.INTVAR_EVENT]: 'Intvar',
  [eventTypes.RAND_EVENT]: 'Rand',
  [eventTypes.USER_VAR_EVENT]: 'User_var',
  [eventTypes.ANNOTATE_ROWS_EVENT]: 'Annotate_rows',
  [eventTypes.WRITE_ROWS_EVENT_V1]: 'Write_rows',
  [eventTypes.UPDATE_ROWS_EVENT_V1]: 'Update_rows',
  [eventTypes.DELETE_ROWS_EVENT_V1]: 'Delete_rows',
  [eventTypes.WRITE_ROWS_COMPRESSED_EVENT_V1]: 'Write_compressed_rows',
  [eventTypes.UPDATE_ROWS_COMPRESSED_EVENT_V1]: 'Update_compressed_rows',
  [eventTypes.DELETE_ROWS_COMPRESSED_EVENT_V1]: 'Delete_compressed_rows',
  [eventTypes.START_ENCRYPTION_EVENT]: 'Ignorable',
  [eventTypes.STOP_EVENT]: 'Stop',
  [eventTypes.BEGIN_LOAD_QUERY_EVENT]: 'Begin_load_query',
  [eventTypes.APPEND_BLOCK_EVENT]: 'Append_block',
  [eventTypes.EXECUTE_LOAD_QUERY_EVENT]: 'Execute_load_query',
};

/** @throws when mariadb-binlog fails */
export async function eventsByMariadbBinlog(file: string): Promise<PlainEvent[]> {
  const child = spawn(
    'mariadb-binlog',
    ['--no-defaults', '--base64-output=decode-rows', '--verify-binlog-checksum', file],
    { env: { ...process.env, TZ: 'UTC' }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const ended = once(child, 'close');
  const said = text(child.stderr);
  const positions: number[] = [];
  const events: Omit<PlainEvent, 'position'>[] = [];
  let list: string | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    // A list of GTIDs goes on over several lines.
    if (list !== undefined) list += line.slice(2);
    const at = /^# at (\d+)$/.exec(line);
    if (at) positions.push(Number(at[1]));
    const header =
      /^#(\d{6}) +(\d+):(\d\d:\d\d) server id (\d+) +end_log_pos (\d+) (?:CRC32 0x[0-9a-f]+ )?\t(.*)$/.exec(
        line,
      );
    if (header) {
      const [, day, hour = '', rest, serverId, end, what = ''] = header;
      const time = `${day} ${hour.padStart(2, '0')}:${rest}`;
      events.push({ end: Number(end), time, serverId: Number(serverId), what: shortened(what) });
      list = what.startsWith('Gtid list') ? what : undefined;
    }
    if (list?.endsWith(']')) {
      events.at(-1)!.what = list;
      list = undefined;
    }
  }
  const [code] = (await ended) as [number];
  if (code !== 0) throw new Error(`mariadb-binlog ended with ${code}: ${await said}`);
  // Annotations are printed later than they are met.
  events.sort((a, b) => a.end - b.end);
  if (events.length !== positions.length)
    throw new Error(`${events.length} events at ${positions.length} positions in ${file}`);
  return events.map((event, index) => ({ position: positions[index]!, ...event }));
}

function shortened(what: string): string {
  const patterns = [
    /^GTID \S+/,
    /^Binlog checkpoint \S+/,
    /^Xid = \d+/,
    /^XID = \S+/,
    /^Rotate to \S+/,
    /^Table_map: `.*`\.`.*`/,
    /^\w+/,
  ];
  return patterns.map((pattern) => pattern.exec(what)?.[0]).find((found) => found !== undefined) ?? what;
}

export interface OurReading {
  events: PlainEvent[];
  transactions: Transaction[];
  tracker: TransactionTracker;
  end: BinlogEnd;
  inUse: boolean;
}

/**
 * Reads a file with our own reader, in pieces.
 * @throws BinlogDamage
 */
export async function readFileByUs(
  file: string,
  { pieceBytes = 64 * 1024, ...options }: ReaderOptions & { pieceBytes?: number } = {},
): Promise<OurReading> {
  const reader = new BinlogReader({ names: true, ...options });
  const tracker = new TransactionTracker();
  const events: PlainEvent[] = [];
  const transactions: Transaction[] = [];
  for await (const piece of createReadStream(file, { highWaterMark: pieceBytes }) as AsyncIterable<Buffer>) {
    reader.read(piece, (event) => {
      events.push(plain(event));
      const transaction = tracker.take(event);
      if (transaction) transactions.push(transaction);
    });
  }
  return { events, transactions, tracker, end: reader.end(), inUse: reader.format?.inUse ?? false };
}

function plain({ type, position, end, timestamp, serverId, body }: BinlogEvent): PlainEvent {
  const time = new Date(timestamp * 1000).toISOString().slice(2, 19).replace('T', ' ').replaceAll('-', '');
  return { position, end, time, serverId, what: wordsOf(type, body) };
}

function wordsOf(type: number, body: BinlogEvent['body']): string {
  switch (body?.kind) {
    case 'gtid':
      return `GTID ${gtidText(body.gtid)}`;
    case 'gtid_list':
      // In the file domains come in no order; mariadb-binlog sorts them.
      return `Gtid list [${body.gtids
        .toSorted((a, b) => a.domainId - b.domainId)
        .map(gtidText)
        .join(',')}]`;
    case 'binlog_checkpoint':
      return `Binlog checkpoint ${body.file}`;
    case 'xid':
      return `Xid = ${body.xid}`;
    case 'xa_prepare': {
      const { formatId, gtrid, bqual } = body.xid;
      const hex = (bytes: Uint8Array): string => `X'${Buffer.from(bytes).toString('hex')}'`;
      return `XID = ${hex(gtrid)},${hex(bqual)},${formatId}`;
    }
    case 'table_map':
      return `Table_map: \`${body.database}\`.\`${body.table}\``;
    case 'rotate':
      return `Rotate to ${body.file}`;
    default:
      return words[type] ?? eventName(type);
  }
}
