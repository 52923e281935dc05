/** Binlogs on disk, read for a person: what is in each, whether it is whole, and whether one follows the other. */
import { createReadStream } from 'node:fs';
import { BinlogDamage } from '../domain/binlog/damage.ts';
import type { BinlogEvent } from '../domain/binlog/events.ts';
import { GtidState } from '../domain/binlog/gtid.ts';
import { type BinlogEnd, BinlogReader } from '../domain/binlog/reader.ts';
import { type Transaction, TransactionTracker } from '../domain/binlog/transactions.ts';
import { messageOf, TidemarkError } from '../domain/errors.ts';

const chunkBytes = 1024 * 1024;

/** Fields as `--json` prints them. */
export interface FileSummary {
  server_version: string | undefined;
  checksum: string | undefined;
  /** Being written, or left by a crash. */
  in_use: boolean;
  /** Before its first transaction and after its last whole one, as `gtid_binlog_pos` has it. */
  gtid_begin: string | undefined;
  gtid_end: string | undefined;
  /** Whether it begins with the state in which the file before it ended. Undefined where there is nothing to compare. */
  follows: boolean | undefined;
  events: number;
  transactions: number;
  /** Where the last whole event and the last whole transaction end. */
  position: number;
  whole_to: number | undefined;
  closed: BinlogEnd['closed'];
  torn: BinlogEnd['torn'];
  encrypted_from: number | undefined;
  damage: { fault: string; position: number; message: string } | undefined;
}

interface Found {
  event: (event: BinlogEvent) => void;
  transaction: (transaction: Transaction) => void;
  /** Between two pieces: a chance to wait until what was said is written. */
  pause: () => Promise<void>;
}

/**
 * @param before the state in which the file before ended, where there was one that could be read to its end
 * @returns what is said of the file, and the state in which it ends
 * @throws invalid_setting for a file that cannot be read
 */
export async function readBinlogFile(
  file: string,
  before: GtidState | undefined,
  found: Found,
  signal: AbortSignal,
): Promise<{ summary: FileSummary; state: GtidState | undefined }> {
  const reader = new BinlogReader({ names: true });
  const tracker = new TransactionTracker();
  const counts = { events: 0, transactions: 0 };
  let state: GtidState | undefined;
  let begin: string | undefined;
  let follows: boolean | undefined;
  const take = (event: BinlogEvent): void => {
    counts.events += 1;
    if (event.body?.kind === 'gtid_list' && !state) {
      state = new GtidState(event.body.gtids);
      begin = state.position();
      follows = before?.equals(state);
    }
    found.event(event);
    const transaction = tracker.take(event);
    if (!transaction) return;
    if (transaction.ending !== 'nothing') {
      counts.transactions += 1;
      state?.advance(transaction.gtid);
    }
    found.transaction(transaction);
  };
  let damage: BinlogDamage | undefined;
  const stream = createReadStream(file, { highWaterMark: chunkBytes, signal });
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      reader.read(chunk, take);
      await found.pause();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BinlogDamage)) throw unreadable(file, error);
    damage = error;
    await found.pause();
  }
  const { format } = reader;
  const end = reader.end();
  const readable = damage === undefined && end.encryptedFrom === undefined;
  return {
    summary: {
      server_version: format?.serverVersion,
      checksum: format?.checksum,
      in_use: format?.inUse ?? false,
      gtid_begin: begin,
      gtid_end: state?.position(),
      follows,
      ...counts,
      position: end.position,
      whole_to: tracker.wholeTo,
      closed: end.closed,
      torn: end.torn,
      encrypted_from: end.encryptedFrom,
      damage: damage && { fault: damage.fault, position: damage.position, message: damage.message },
    },
    state: readable ? state : undefined,
  };
}

function unreadable(file: string, cause: unknown): Error {
  if (!(cause instanceof Error) || !('code' in cause) || cause instanceof TidemarkError) throw cause;
  return new TidemarkError('invalid_setting', `The file ${file} cannot be read: ${messageOf(cause)}.`, {
    cause,
  });
}
