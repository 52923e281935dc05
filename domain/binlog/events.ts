/** Events as the reader gives them. Names are those of MariaDB's own event classes. */
import type { FormatDescription } from './format.ts';
import type { Gtid } from './gtid.ts';
import type { StatementFacts } from './statement.ts';

/** Set on a file that is being written, and left on one whose server crashed. */
export const inUseFlag = 0x1;
/**
 * "Ignorable". On a Start_encryption event it means that the server has opened what follows, as it does for everyone
 * who reads over the network; in its files the flag is not set.
 */
export const decryptedFlag = 0x80;

export interface BinlogEvent {
  /** One of `eventTypes`, or of a later server. */
  type: number;
  /** Seconds since 1970. Of the statement's start, or whatever `SET timestamp` said. */
  timestamp: number;
  serverId: number;
  /** The header's, 16 bits. */
  flags: number;
  /** Where it begins in the file. Counted here, because the file's own figure has 32 bits. */
  position: number;
  /** Where the next one begins. */
  end: number;
  /** Undefined for events whose content is not read. */
  body: EventBody | undefined;
}

/** How a transaction was identified by its coordinator. */
export interface Xid {
  formatId: number;
  gtrid: Uint8Array;
  bqual: Uint8Array;
}

export interface GtidBody {
  kind: 'gtid';
  gtid: Gtid;
  /** One statement with no COMMIT behind it: DDL, or an XA COMMIT. */
  standalone: boolean;
  /** All of it can be rolled back. */
  transactional: boolean;
  ddl: boolean;
  /** Ends in XA PREPARE. */
  preparedXa: boolean;
  /** The XA COMMIT or XA ROLLBACK of one that was prepared. */
  completedXa: boolean;
  /** Transactions with the same one were committed together. */
  commitId: bigint | undefined;
  /** Of XA transactions. */
  xid: Xid | undefined;
}

/** A statement. */
export interface QueryBody {
  kind: 'query';
  /** It is `COMMIT` or `ROLLBACK` and nothing else. */
  ending: 'commit' | 'rollback' | undefined;
  /** The one in use. Undefined where names were not asked for. */
  database: string | undefined;
  /**
   * The first words in capitals, such as `INSERT` or `DROP TABLE`, and the tables that it names. Never more: statements
   * hold data and passwords. Undefined where names were not asked for.
   */
  statement: StatementFacts | undefined;
}

export type EventBody =
  | { kind: 'format_description'; format: FormatDescription }
  | GtidBody
  /** Of each domain and server the last transaction so far; of each domain, the newest of all stands last. */
  | { kind: 'gtid_list'; gtids: Gtid[] }
  | QueryBody
  | { kind: 'xid'; xid: bigint }
  | { kind: 'xa_prepare'; onePhase: boolean; xid: Xid }
  /** Where names were asked for. */
  | { kind: 'table_map'; database: string; table: string }
  /** The file that follows. */
  | { kind: 'rotate'; file: string; position: bigint }
  /** The oldest file that a recovery after a crash would have to read. */
  | { kind: 'binlog_checkpoint'; file: string }
  | { kind: 'stop' }
  /** `decrypted`: by the server, on its way over the network. Otherwise what follows cannot be read. */
  | { kind: 'start_encryption'; scheme: number; keyVersion: number; decrypted: boolean };
