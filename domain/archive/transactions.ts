/** What a transaction of the archive is listed by, and what an agent is asked for. */
import type { BinlogPoint } from './facts.ts';
import type { Resolution } from './window.ts';

export const transactionKinds = ['DML', 'DDL', 'XA PREPARE', 'XA COMMIT', 'XA ROLLBACK', 'other'] as const;
export type TransactionKind = (typeof transactionKinds)[number];

/** Names alone: neither rows nor what a statement says beside the tables that it names. */
export interface ArchivedTransaction {
  gtid: string;
  timeline: string;
  /** Where it begins. */
  file: string;
  position: number;
  bytes: number;
  /**
   * By when it had been written: the first sample of the server's clock behind it; where nobody sampled, what its own
   * events say. A restore to this instant or a later one has it.
   */
  time: string;
  /** It had not been written then: a restore to this instant leaves it out. Left out where nobody sampled before it. */
  notBefore?: string;
  resolution: Resolution;
  kind: TransactionKind;
  /** What is done, such as `INSERT` or `DROP TABLE`. */
  statements: string[];
  /** `database.table`, or `database.*` of a database as a whole. */
  tables: string[];
  /** Whether these are all: not every statement can be read for certain. */
  tablesKnown: boolean;
}

/** What is to be listed. */
export interface TransactionFilter {
  /** Instants; both belong to it. */
  from?: string;
  to?: string;
  /** `database.table`; what cannot be told of is listed, too. */
  table?: string;
  /** How many at most. */
  limit: number;
}

/** Segments of one timeline that follow one another, and how much of them is meant. */
export interface ListedPart {
  timeline: string;
  from: BinlogPoint;
  to: BinlogPoint;
  segments: ListedSegment[];
  /** The one that begins the file of the first, by which the rest of the file is read. */
  head: ListedSegment;
  /** The one before the first: it may have the last sample before. Left out where there is none. */
  before?: ListedSegment;
}

export interface ListedSegment {
  file: string;
  start: number;
  end: number;
}

export interface TransactionsOrder extends TransactionFilter {
  serviceId: string;
  parts: ListedPart[];
}

/** Where a list goes on. */
export interface TransactionCursor extends BinlogPoint {
  timeline: string;
}

export interface TransactionPage {
  transactions: ArchivedTransaction[];
  /** Left out when all that was asked for was read. */
  next?: TransactionCursor;
  /** Nothing that is behind is of the time that was asked for. */
  ended: boolean;
}
