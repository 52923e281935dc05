/** Events and transactions of binlogs: as records for scripts, and as lines for people. */
import { eventName, isCompressed } from '../../domain/binlog/event-types.ts';
import type { BinlogEvent, EventBody, Xid } from '../../domain/binlog/events.ts';
import { gtidText } from '../../domain/binlog/gtid.ts';
import type { Transaction } from '../../domain/binlog/transactions.ts';
import type { FileSummary } from '../binlog-file.ts';

/** Times of events have whole seconds. */
const timeOf = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

function xidRecord(xid: Xid | undefined): object | undefined {
  return xid && { format_id: xid.formatId, gtrid: hex(xid.gtrid), bqual: hex(xid.bqual) };
}

export function transactionRecord(transaction: Transaction): object {
  const { gtid, position, end, events, startedAt, endedAt, ending, commitId } = transaction;
  return {
    gtid: gtidText(gtid),
    position,
    end,
    bytes: end - position,
    events,
    started_at: timeOf(startedAt),
    ended_at: timeOf(endedAt),
    ending,
    ddl: transaction.ddl,
    transactional: transaction.transactional,
    commit_id: commitId?.toString(),
    xa: xidRecord(transaction.xid),
    ...transaction.statement,
    verbs: transaction.verbs,
    tables: transaction.tables,
    tables_known: transaction.tablesKnown,
  };
}

export function transactionLine(transaction: Transaction): string {
  const { gtid, position, end, startedAt, ending, verbs, tables } = transaction;
  const what = [verbs.join(', '), ...tables].filter(Boolean).join(' ');
  return `${timeOf(startedAt)}  ${gtidText(gtid)}  ${position}-${end}  ${ending}${what === '' ? '' : `  ${what}`}`;
}

export function eventRecord(event: BinlogEvent): object {
  const { type, timestamp, serverId, flags, position, end, body } = event;
  return {
    type: eventName(type),
    position,
    end,
    time: timeOf(timestamp),
    server_id: serverId,
    flags,
    compressed: isCompressed(type) || undefined,
    ...bodyRecord(body),
  };
}

function bodyRecord(body: EventBody | undefined): object {
  switch (body?.kind) {
    case 'format_description':
      return {
        server_version: body.format.serverVersion,
        checksum: body.format.checksum,
        in_use: body.format.inUse,
      };
    case 'gtid':
      return {
        gtid: gtidText(body.gtid),
        standalone: body.standalone,
        transactional: body.transactional,
        ddl: body.ddl,
        commit_id: body.commitId?.toString(),
        xa: xidRecord(body.xid),
      };
    case 'gtid_list':
      return { gtids: body.gtids.map(gtidText) };
    case 'query':
      return { database: body.database, verb: body.statement?.verb };
    case 'xid':
      return { xid: body.xid.toString() };
    case 'xa_prepare':
      return { one_phase: body.onePhase, xa: xidRecord(body.xid) };
    case 'table_map':
      return { database: body.database, table: body.table };
    case 'rotate':
    case 'binlog_checkpoint':
      return { file: body.file };
    case 'start_encryption':
      return { key_version: body.keyVersion, decrypted: body.decrypted };
    default:
      return {};
  }
}

export function eventLine(event: BinlogEvent): string {
  const { type, timestamp, position, end, body } = event;
  const said = Object.values(bodyRecord(body)).filter((value) => typeof value === 'string');
  return [timeOf(timestamp), `${position}-${end}`, eventName(type), ...said].join('  ').trimEnd();
}

/** What is wrong with a file, or keeps it from being known, in sentences; none: it is whole. */
export function faultsOf({ damage, follows, encrypted_from: encrypted }: FileSummary): string[] {
  return [
    ...(damage ? [damage.message] : []),
    ...(encrypted === undefined
      ? []
      : [
          `It is encrypted from position ${encrypted} on: read it through the server, with mariadb-binlog --read-from-remote-server --raw.`,
        ]),
    ...(follows === false
      ? ['It does not follow the file before: transactions between the two are missing, or belong elsewhere.']
      : []),
  ];
}

export function summaryLine(summary: FileSummary): string {
  const { torn } = summary;
  const size = torn?.of === undefined ? '' : ` of ${torn.of}`;
  const parts = [
    `${summary.transactions} transactions, ${summary.events} events`,
    ...(summary.gtid_end ? [`up to ${summary.gtid_end}`] : []),
    ...(summary.whole_to === undefined ? [] : [`whole to ${summary.whole_to}`]),
    ...(torn ? [`then ${torn.bytes}${size} bytes of an event that is not there yet`] : []),
    summary.closed === undefined ? 'not closed' : `closed by a ${summary.closed} event`,
    ...(summary.in_use ? ['marked as in use'] : []),
  ];
  return parts.join(', ');
}
