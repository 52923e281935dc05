/** What is in an event, for the types that matter to backups. All else passes unread. */
import { textOf, uint16, uint32, uint64 } from './bytes.ts';
import { BinlogDamage } from './damage.ts';
import { eventName, eventTypes, isCompressed } from './event-types.ts';
import { statementOf } from './statement-bytes.ts';
import { decryptedFlag, type EventBody, type GtidBody, type QueryBody, type Xid } from './events.ts';
import { headerLength } from './format.ts';
import type { Gtid } from './gtid.ts';

/** Where an event lies in some bytes; of a large one only the first of them are there. */
export interface Extent {
  bytes: Uint8Array;
  /** Where the event begins in them. */
  from: number;
  /** Where what is there of its body ends, the checksum left out. */
  to: number;
  /** Where its body would end if all were there. */
  end: number;
  /** Of the event in the file. */
  position: number;
}

/** A statement's variables, database and first words lie within this. */
const statementStart = 68_000;
/** The names of a table, with their lengths. */
const tableStart = 1024;
const eventLimit = 64 * 1024;
/** A million of domains and servers. */
const gtidListLimit = 16 * 1024 * 1024;

/** How many first bytes of an event, header included, `parseBody` wants to see. */
export function bytesToKeep(type: number): number {
  switch (type) {
    case eventTypes.QUERY_EVENT:
    case eventTypes.QUERY_COMPRESSED_EVENT:
    case eventTypes.EXECUTE_LOAD_QUERY_EVENT:
      return statementStart;
    case eventTypes.TABLE_MAP_EVENT:
      return tableStart;
    case eventTypes.GTID_LIST_EVENT:
      return gtidListLimit;
    case eventTypes.GTID_EVENT:
    case eventTypes.XID_EVENT:
    case eventTypes.XA_PREPARE_LOG_EVENT:
    case eventTypes.ROTATE_EVENT:
    case eventTypes.STOP_EVENT:
    case eventTypes.BINLOG_CHECKPOINT_EVENT:
    case eventTypes.START_ENCRYPTION_EVENT:
      return eventLimit;
    default:
      return headerLength;
  }
}

/**
 * @param extent has the first `bytesToKeep` bytes, or all
 * @param names whether those of databases and tables are wanted too, and the verbs of statements
 * @throws BinlogDamage `content`
 */
export function parseBody(type: number, extent: Extent, names: boolean): EventBody | undefined {
  switch (type) {
    case eventTypes.QUERY_EVENT:
    case eventTypes.QUERY_COMPRESSED_EVENT:
      return parseQuery(type, extent, names);
    case eventTypes.EXECUTE_LOAD_QUERY_EVENT:
      return names ? parseQuery(type, extent, names) : undefined;
    case eventTypes.TABLE_MAP_EVENT:
      return parseTableMap(extent, names);
    case eventTypes.GTID_EVENT:
    case eventTypes.GTID_LIST_EVENT:
    case eventTypes.XID_EVENT:
    case eventTypes.XA_PREPARE_LOG_EVENT:
    case eventTypes.ROTATE_EVENT:
    case eventTypes.STOP_EVENT:
    case eventTypes.BINLOG_CHECKPOINT_EVENT:
    case eventTypes.START_ENCRYPTION_EVENT:
      need(type, extent, extent.end <= extent.to);
      return parseWhole(type, extent);
    default:
      return undefined;
  }
}

function parseWhole(type: number, extent: Extent): EventBody | undefined {
  const { bytes, from, to } = extent;
  const at = from + headerLength;
  switch (type) {
    case eventTypes.GTID_EVENT:
      return parseGtid(extent);
    case eventTypes.GTID_LIST_EVENT:
      return { kind: 'gtid_list', gtids: parseGtidList(extent) };
    case eventTypes.XID_EVENT:
      need(type, extent, at + 8 <= to);
      return { kind: 'xid', xid: uint64(bytes, at) };
    case eventTypes.XA_PREPARE_LOG_EVENT: {
      need(type, extent, at + 13 <= to);
      const xid = parseXid(type, extent, at + 1, uint32(bytes, at + 5), uint32(bytes, at + 9), at + 13);
      return { kind: 'xa_prepare', onePhase: bytes[at] === 1, xid };
    }
    case eventTypes.ROTATE_EVENT:
      return { kind: 'rotate', file: textOf(bytes, at + 8, to), position: uint64(bytes, at) };
    case eventTypes.BINLOG_CHECKPOINT_EVENT:
      need(type, extent, at + 4 + uint32(bytes, at) <= to);
      return { kind: 'binlog_checkpoint', file: textOf(bytes, at + 4, at + 4 + uint32(bytes, at)) };
    case eventTypes.START_ENCRYPTION_EVENT:
      need(type, extent, at + 5 <= to);
      return {
        kind: 'start_encryption',
        scheme: bytes[at]!,
        keyVersion: uint32(bytes, at + 1),
        decrypted: (uint16(bytes, from + 17) & decryptedFlag) !== 0,
      };
    default:
      return { kind: 'stop' };
  }
}

/** sequence number (8), domain (4), flags (1), then what the flags name. */
function parseGtid(extent: Extent): GtidBody {
  const { bytes, from, to } = extent;
  const at = from + headerLength;
  const flags = bytes[at + 12]!;
  const [preparedXa, completedXa] = [(flags & 64) !== 0, (flags & 128) !== 0];
  const committedTogether = (flags & 2) !== 0;
  const further = at + (committedTogether ? 21 : 13);
  let xid: Xid | undefined;
  if (preparedXa || completedXa) {
    need(eventTypes.GTID_EVENT, extent, further + 6 <= to);
    const [gtrid, bqual] = [bytes[further + 4]!, bytes[further + 5]!];
    xid = parseXid(eventTypes.GTID_EVENT, extent, further, gtrid, bqual, further + 6);
  }
  need(eventTypes.GTID_EVENT, extent, further <= to);
  return {
    kind: 'gtid',
    gtid: {
      domainId: uint32(bytes, at + 8),
      serverId: uint32(bytes, from + 5),
      seqNo: uint64(bytes, at),
    },
    standalone: (flags & 1) !== 0,
    transactional: (flags & 4) !== 0,
    ddl: (flags & 32) !== 0,
    preparedXa,
    completedXa,
    commitId: committedTogether ? uint64(bytes, at + 13) : undefined,
    xid,
  };
}

/** The count in the lower 28 bits, flags above them; then domain (4), server (4), sequence number (8) of each. */
function parseGtidList(extent: Extent): Gtid[] {
  const { bytes, from, to } = extent;
  const at = from + headerLength;
  const count = uint32(bytes, at) & 0xfffffff;
  need(eventTypes.GTID_LIST_EVENT, extent, at + 4 + 16 * count <= to);
  return Array.from({ length: count }, (_, index) => {
    const entry = at + 4 + 16 * index;
    return {
      domainId: uint32(bytes, entry),
      serverId: uint32(bytes, entry + 4),
      seqNo: uint64(bytes, entry + 8),
    };
  });
}

function parseXid(
  type: number,
  extent: Extent,
  formatAt: number,
  gtrid: number,
  bqual: number,
  dataAt: number,
): Xid {
  need(type, extent, dataAt + gtrid + bqual <= extent.to);
  const { bytes } = extent;
  return {
    formatId: uint32(bytes, formatAt) | 0,
    gtrid: bytes.slice(dataAt, dataAt + gtrid),
    bqual: bytes.slice(dataAt + gtrid, dataAt + gtrid + bqual),
  };
}

/**
 * thread (4), seconds (4), length of the database's name (1), error (2), length of the variables (2); of LOAD DATA the
 * number of its file (4), where in the statement that is named (8), what to do with rows that are there (1); variables,
 * name, 0, statement.
 */
function parseQuery(type: number, extent: Extent, names: boolean): QueryBody {
  const { bytes, from, to, end } = extent;
  const at = from + headerLength;
  const databaseLength = bytes[at + 8]!;
  const fixed = type === eventTypes.EXECUTE_LOAD_QUERY_EVENT ? 26 : 13;
  const database = at + fixed + uint16(bytes, at + 11);
  const statement = database + databaseLength + 1;
  need(type, extent, statement <= to);
  const plain = !isCompressed(type);
  const inUse = textOf(bytes, database, database + databaseLength);
  return {
    kind: 'query',
    ending: plain ? endingOf(bytes, statement, end - statement) : undefined,
    database: names ? inUse : undefined,
    statement: names
      ? statementOf({ bytes, from: statement, to, whole: to === end, plain }, inUse)
      : undefined,
  };
}

const endings = { commit: Buffer.from('COMMIT'), rollback: Buffer.from('ROLLBACK') };

function endingOf(bytes: Uint8Array, at: number, length: number): QueryBody['ending'] {
  if (length === endings.commit.length) return startsWith(bytes, at, endings.commit) ? 'commit' : undefined;
  if (length === endings.rollback.length)
    return startsWith(bytes, at, endings.rollback) ? 'rollback' : undefined;
  return undefined;
}

function startsWith(bytes: Uint8Array, at: number, word: Uint8Array): boolean {
  return word.every((byte, index) => bytes[at + index] === byte);
}

/** id of the table (6), flags (2); then database and table, each with its length (1) before and a 0 behind it. */
function parseTableMap(extent: Extent, names: boolean): EventBody | undefined {
  if (!names) return undefined;
  const { bytes, from, to } = extent;
  const databaseAt = from + headerLength + 8;
  need(eventTypes.TABLE_MAP_EVENT, extent, databaseAt < to);
  const tableAt = databaseAt + bytes[databaseAt]! + 2;
  need(eventTypes.TABLE_MAP_EVENT, extent, tableAt < to);
  const end = tableAt + 1 + bytes[tableAt]!;
  need(eventTypes.TABLE_MAP_EVENT, extent, end < to);
  return {
    kind: 'table_map',
    database: textOf(bytes, databaseAt + 1, tableAt - 1),
    table: textOf(bytes, tableAt + 1, end),
  };
}

function need(type: number, { position }: Extent, fits: boolean): void {
  if (fits) return;
  throw new BinlogDamage('content', position, `what is in the ${eventName(type)} there does not fit into it`);
}
