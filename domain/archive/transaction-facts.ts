/** Transactions as they were read, as they are listed; and which of them are asked for. */
import { gtidText } from '../binlog/gtid.ts';
import type { Transaction } from '../binlog/transactions.ts';
import type { CommitTime } from './commit-clock.ts';
import { sortable } from './instants.ts';
import type { ArchivedTransaction, TransactionFilter, TransactionKind } from './transactions.ts';

/** What a line of a list has room for; of a transaction with more that is said. */
const mostTables = 100;
const mostStatements = 20;

/** @param place of the file that it is in */
export function archivedTransaction(
  transaction: Transaction,
  { timeline, file }: { timeline: string; file: string },
  time: CommitTime,
): ArchivedTransaction {
  const { gtid, position, end, tables, verbs, tablesKnown } = transaction;
  return {
    gtid: gtidText(gtid),
    timeline,
    file,
    position,
    bytes: end - position,
    ...time,
    kind: kindOf(transaction),
    statements: verbs.slice(0, mostStatements),
    tables: tables.slice(0, mostTables),
    tablesKnown: tablesKnown && tables.length <= mostTables,
  };
}

const definitions = /^(CREATE|ALTER|DROP|RENAME|TRUNCATE|GRANT|REVOKE|INSTALL|UNINSTALL)\b/;

function kindOf({ ddl, preparedXa, completedXa, verbs, tables }: Transaction): TransactionKind {
  if (preparedXa) return 'XA PREPARE';
  if (completedXa) return verbs.includes('XA ROLLBACK') ? 'XA ROLLBACK' : 'XA COMMIT';
  if (ddl || verbs.some((verb) => definitions.test(verb))) return 'DDL';
  return tables.length > 0 ? 'DML' : 'other';
}

/** Whether a transaction is asked for; `behind`: neither it nor any that follows. */
export function filterOf({
  from,
  to,
  table,
}: Omit<TransactionFilter, 'limit'>): (transaction: ArchivedTransaction) => 'listed' | 'left out' | 'behind' {
  const [first, last] = [from && sortable(from), to && sortable(to)];
  const wanted = table?.toLowerCase();
  const database = wanted?.replace(/\..*$/, '.*');
  return ({ time, notBefore, resolution, tables, tablesKnown }) => {
    // Between these two it was written, as far as is known.
    const sampled = resolution === 'commit_clock';
    const earliest = sampled ? (notBefore ?? time) : time;
    if (last !== undefined && earliest > last) return sampled ? 'behind' : 'left out';
    if (first !== undefined && time < first) return 'left out';
    if (wanted === undefined || !tablesKnown) return 'listed';
    const touches = tables.some((name) => {
      const lower = name.toLowerCase();
      return lower === wanted || lower === database;
    });
    return touches ? 'listed' : 'left out';
  };
}
