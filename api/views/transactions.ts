/** Transactions of the archive as the API shows them, and where a list goes on. */
import { refusedCursor } from '../../domain/archive/listing.ts';
import type { ArchivedTransaction, TransactionCursor } from '../../domain/archive/transactions.ts';
import type { TransactionsView } from '../schemas/transactions.ts';
import { given, shownExactly } from './format.ts';

export function transactionView(transaction: ArchivedTransaction): TransactionsView['transactions'][number] {
  const { gtid, timeline, file, position, bytes, time, notBefore, resolution } = transaction;
  const { kind, statements, tables, tablesKnown } = transaction;
  return {
    gtid,
    timeline,
    time: shownExactly(time),
    ...given('not_before', notBefore && shownExactly(notBefore)),
    resolution,
    kind,
    statements,
    tables,
    tables_known: tablesKnown,
    size_bytes: bytes,
    binlog_file: file,
    binlog_position: position,
  };
}

/** @example cursorText({ timeline: 'c0…', file: 'bin.000007', position: 4711 }) // 'c0…:4711:bin.000007' */
export function cursorText({ timeline, file, position }: TransactionCursor): string {
  return `${timeline}:${position}:${file}`;
}

/** @throws invalid_request */
export function cursorOf(text: string): TransactionCursor {
  const [, timeline, position, file] = /^([0-9a-f]{32}):(\d{1,15}):([^:/]+\.\d+)$/.exec(text) ?? [];
  if (timeline === undefined || file === undefined) throw refusedCursor();
  return { timeline, position: Number(position), file };
}
