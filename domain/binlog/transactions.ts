/**
 * Transactions, as groups of events: from a GTID to what ends it. The unit of recovery, because nothing can be replayed
 * up to the middle of one.
 */
import { eventTypes, precedesStatement, rowVerb } from './event-types.ts';
import type { BinlogEvent, GtidBody } from './events.ts';

/**
 * What the last event of a group was. `statement`: a group of one statement without a COMMIT of its own; `nothing`: it
 * has no end, because the file was closed or the next transaction began before it.
 */
export type TransactionEnding = 'xid' | 'commit' | 'rollback' | 'xa_prepare' | 'statement' | 'nothing';

export interface Transaction extends Omit<GtidBody, 'kind'> {
  /** Of its GTID event. */
  position: number;
  /** Where what follows it begins. */
  end: number;
  /** How many, GTID and last one included. */
  events: number;
  /** Seconds since 1970, of its GTID event: the start of the (first) statement. */
  startedAt: number;
  /** Seconds since 1970, of its last event: as near to the commit as event times come. */
  endedAt: number;
  /**
   * `database.table` of every table whose rows it changes or that a statement of it names, and `database.*` of a database
   * that is made, changed or dropped as a whole. Where the reader was asked for names, as is what follows.
   */
  tables: string[];
  /**
   * Whether these are all: not every statement can be read for certain, and one that changes rows may do more by triggers
   * and functions. What foreign keys change along with rows is in no binlog.
   */
  tablesKnown: boolean;
  /** What is done, each once, such as `INSERT` or `DROP TABLE`; rows are inserted, updated and deleted likewise. */
  verbs: string[];
  /** The first verb of its statements and the database in use. */
  statement: { database: string; verb: string } | undefined;
  ending: TransactionEnding;
}

interface Open {
  transaction: Transaction;
  tables: Set<string>;
  verbs: Set<string>;
}

export class TransactionTracker {
  #open: Open | undefined;
  #wholeTo: number | undefined;

  /** What a transaction has so far that has begun and not ended. */
  get open(): Transaction | undefined {
    return this.#open && closed(this.#open, 'nothing');
  }

  /**
   * Where the last event ends behind which no transaction is open: what can be recovered to. Undefined before the first
   * such event, in a stream that begins inside a transaction.
   */
  get wholeTo(): number | undefined {
    return this.#wholeTo;
  }

  /** @returns the transaction that ends with this event, or (`nothing`) without one before it */
  take(event: BinlogEvent): Transaction | undefined {
    const { body } = event;
    if (body?.kind === 'gtid') {
      const unended = this.#close('nothing');
      this.#open = { transaction: begun(event, body), tables: new Set(), verbs: new Set() };
      return unended;
    }
    if (standsAlone(event.type)) {
      const unended = this.#close('nothing');
      this.#wholeTo = event.end;
      return unended;
    }
    if (!this.#open) return undefined;
    this.#add(this.#open, event);
    const ending = endingOf(this.#open.transaction, event);
    if (ending === undefined) return undefined;
    this.#wholeTo = event.end;
    return this.#close(ending);
  }

  /** Some of the events of the transaction that is open are left out: what else it does nobody knows. */
  leaveOut(): void {
    if (this.#open) this.#open.transaction.tablesKnown = false;
  }

  #add({ transaction, tables, verbs }: Open, { type, body, end, timestamp }: BinlogEvent): void {
    transaction.end = end;
    transaction.endedAt = timestamp;
    transaction.events += 1;
    const rows = rowVerb(type);
    if (rows !== undefined) verbs.add(rows);
    if (body?.kind === 'table_map') tables.add(`${body.database}.${body.table}`);
    if (body?.kind !== 'query' || body.statement === undefined || body.database === undefined) return;
    const { verb, tables: named, known } = body.statement;
    transaction.statement ??= { database: body.database, verb };
    if (controls.has(verb)) return;
    if (verb !== '') verbs.add(verb);
    for (const table of named) tables.add(table);
    if (!known || changing.has(verb)) transaction.tablesKnown = false;
  }

  #close(ending: TransactionEnding): Transaction | undefined {
    const transaction = this.#open && closed(this.#open, ending);
    this.#open = undefined;
    return transaction;
  }
}

function begun({ position, end, timestamp }: BinlogEvent, { kind: _, ...gtid }: GtidBody): Transaction {
  const times = { startedAt: timestamp, endedAt: timestamp };
  const contents = { tables: [], tablesKnown: true, verbs: [], statement: undefined };
  return { ...gtid, position, end, events: 1, ...times, ...contents, ending: 'nothing' };
}

function closed({ transaction, tables, verbs }: Open, ending: TransactionEnding): Transaction {
  return { ...transaction, tables: [...tables], verbs: [...verbs], ending };
}

/** Statements that are about the transaction itself. */
const controls = new Set(['BEGIN', 'COMMIT', 'ROLLBACK', 'SAVEPOINT', 'RELEASE', 'XA']);

/** Statements that fire triggers and call functions: what these do is not in the binlog, where the statement is. */
const changing = new Set(['INSERT', 'REPLACE', 'UPDATE', 'DELETE', 'LOAD DATA']);

/** Events of the file itself. A checkpoint may stand anywhere between transactions, never in one. */
function standsAlone(type: number): boolean {
  switch (type) {
    case eventTypes.FORMAT_DESCRIPTION_EVENT:
    case eventTypes.GTID_LIST_EVENT:
    case eventTypes.BINLOG_CHECKPOINT_EVENT:
    case eventTypes.START_ENCRYPTION_EVENT:
    case eventTypes.ROTATE_EVENT:
    case eventTypes.STOP_EVENT:
      return true;
    default:
      return false;
  }
}

function endingOf({ standalone }: Transaction, { type, body }: BinlogEvent): TransactionEnding | undefined {
  switch (body?.kind) {
    case 'xid':
    case 'xa_prepare':
      return body.kind;
    case 'query':
      return body.ending ?? (standalone ? 'statement' : undefined);
    default:
      return standalone && !precedesStatement(type) ? 'statement' : undefined;
  }
}
