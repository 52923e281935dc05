/**
 * Lists the transactions of archived binlogs. One page reads so much and no more: where it stopped, the next goes on.
 * A transaction may be larger than that. Of such a one the beginning is read and the end, and what lies between is left
 * out: that not all of its tables are known is said.
 */
import { setImmediate } from 'node:timers/promises';
import type { BinlogPoint } from '../../domain/archive/facts.ts';
import { CommitClock } from '../../domain/archive/commit-clock.ts';
import type { SegmentHeader } from '../../domain/archive/header.ts';
import { archivedTransaction, filterOf } from '../../domain/archive/transaction-facts.ts';
import type {
  ArchivedTransaction,
  ListedPart,
  TransactionPage,
  TransactionsOrder,
} from '../../domain/archive/transactions.ts';
import type { FormatDescription } from '../../domain/binlog/format.ts';
import { BinlogReader } from '../../domain/binlog/reader.ts';
import { type Transaction, TransactionTracker } from '../../domain/binlog/transactions.ts';
import { type FetchedSegment, SegmentFetcher, type SegmentSource } from './segments.ts';

export interface ListingBudget {
  /** Of binlogs that are read; more only to come to the end of a transaction. */
  bytes: number;
  ms: number;
  /** Of the page, as JSON. */
  answerBytes: number;
}

export const listingBudget: ListingBudget = {
  bytes: 256 * 1024 ** 2,
  ms: 10_000,
  // Temporal takes 2 MB.
  answerBytes: 1_000_000,
};

const chunkBytes = 1024 ** 2;

/** @throws binlog_damaged, and as SegmentFetcher does */
export async function listTransactions(
  order: TransactionsOrder,
  source: SegmentSource,
  budget: ListingBudget = listingBudget,
): Promise<TransactionPage> {
  const fetcher = new SegmentFetcher(source);
  const page = new Page(order, budget);
  for (const part of order.parts) {
    const reading = new PartReading(part, page, fetcher, source.attempt.signal);
    const stopped = await reading.read();
    if (page.ended) return { transactions: page.transactions, ended: true };
    const at = page.full ?? stopped;
    if (at)
      return { transactions: page.transactions, next: { timeline: part.timeline, ...at }, ended: false };
  }
  return { transactions: page.transactions, ended: false };
}

interface Found extends Transaction {
  file: string;
}

class Page {
  readonly transactions: ArchivedTransaction[] = [];
  /** Where the last one ends, once there is no room for another. */
  full: BinlogPoint | undefined;
  /** Nothing that follows is asked for. */
  ended = false;
  readonly #limit: number;
  readonly #matches: ReturnType<typeof filterOf>;
  readonly #budget: ListingBudget;
  readonly #until: number;
  #answerBytes = 0;
  #bytes = 0;

  constructor(order: TransactionsOrder, budget: ListingBudget) {
    this.#limit = order.limit;
    this.#matches = filterOf(order);
    this.#budget = budget;
    this.#until = Date.now() + budget.ms;
  }

  /** Nothing more is to be read than what a transaction needs to its end. */
  get spent(): boolean {
    return this.#bytes >= this.#budget.bytes || Date.now() > this.#until;
  }

  get over(): boolean {
    return this.ended || this.full !== undefined;
  }

  read(bytes: number): void {
    this.#bytes += bytes;
  }

  take(transaction: ArchivedTransaction): void {
    if (this.over) return;
    const verdict = this.#matches(transaction);
    if (verdict === 'behind') this.ended = true;
    if (verdict !== 'listed') return;
    this.transactions.push(transaction);
    this.#answerBytes += JSON.stringify(transaction).length;
    if (this.transactions.length < this.#limit && this.#answerBytes < this.#budget.answerBytes) return;
    const { file, position, bytes } = transaction;
    this.full = { file, position: position + bytes };
  }
}

/** One run through segments that follow one another. */
class PartReading {
  readonly #part: ListedPart;
  readonly #page: Page;
  readonly #fetcher: SegmentFetcher;
  readonly #signal: AbortSignal;
  readonly #clock: CommitClock<Found>;
  #tracker = new TransactionTracker();
  /** Of the file that is read; undefined where events were left out before. */
  #reader: BinlogReader | undefined;
  #format: FormatDescription | undefined;
  #file = '';

  constructor(part: ListedPart, page: Page, fetcher: SegmentFetcher, signal: AbortSignal) {
    this.#part = part;
    this.#page = page;
    this.#fetcher = fetcher;
    this.#signal = signal;
    this.#clock = new CommitClock((found, time) => {
      page.take(archivedTransaction(found, { timeline: part.timeline, file: found.file }, time));
    });
  }

  /** @returns where the next page goes on, if this one has read enough */
  async read(): Promise<BinlogPoint | undefined> {
    const { timeline, segments, before } = this.#part;
    if (before) {
      const { header } = await this.#fetcher.one(timeline, before, () => false);
      this.#clock.begin(header.clock.at(-1));
    }
    let first = true;
    for await (const segment of this.#fetcher.fetch(timeline, segments, (header) => this.#isWanted(header))) {
      const { file, start, clock } = segment.header;
      if (file !== this.#file) this.#beginFile(file);
      this.#clock.sampled(clock);
      // What is at its beginning lies between two transactions.
      const between = this.#tracker.open === undefined;
      if (!first && between && this.#page.spent) {
        this.#clock.end();
        return { file, position: start };
      }
      first = false;
      await this.#readSegment(segment);
      if (this.#page.over) return undefined;
    }
    this.#clock.end();
    return undefined;
  }

  /** Of segments in which no transaction ends only those are read that there is time for, and none before the range. */
  #isWanted({ file, start, end, wholeEnd, eventEnd }: SegmentHeader): boolean {
    // What follows could not be read if an event of it began here.
    if (eventEnd !== end) return true;
    const { from } = this.#part;
    if (file === from.file && end <= from.position) return false;
    return wholeEnd !== start || !this.#page.spent;
  }

  #beginFile(file: string): void {
    this.#file = file;
    this.#reader = undefined;
    this.#format = undefined;
    this.#tracker = new TransactionTracker();
    this.#clock.nextFile();
  }

  async #readSegment({ header, bytes }: FetchedSegment): Promise<void> {
    if (!bytes) {
      this.#tracker.leaveOut();
      this.#reader = undefined;
      return;
    }
    const reader = (this.#reader ??= await this.#readerFrom(header.start));
    this.#page.read(bytes.length);
    for (let at = 0; at < bytes.length && !this.#page.over; at += chunkBytes) {
      reader.read(bytes.subarray(at, at + chunkBytes), (event) => {
        const transaction = this.#tracker.take(event);
        if (transaction && this.#isMeant(transaction)) {
          this.#clock.take({ ...transaction, file: this.#file });
        }
      });
      await setImmediate();
      this.#signal.throwIfAborted();
    }
    this.#format = reader.format;
  }

  async #readerFrom(start: number): Promise<BinlogReader> {
    if (start === 0) return new BinlogReader({ names: true });
    this.#format ??= await this.#readFormat();
    return new BinlogReader({ names: true, startPosition: start, format: this.#format });
  }

  /** @throws binlog_damaged */
  async #readFormat(): Promise<FormatDescription> {
    const { timeline, head } = this.#part;
    const { bytes } = await this.#fetcher.one(timeline, head, () => true);
    const reader = new BinlogReader();
    reader.read(bytes!.subarray(0, chunkBytes), () => undefined);
    if (!reader.format) throw new Error(`${head.file} begins without a format description`);
    return reader.format;
  }

  /** Whether it lies in the range, and ended. */
  #isMeant({ position, end, ending }: Transaction): boolean {
    const { from, to } = this.#part;
    if (ending === 'nothing') return false;
    if (this.#file === from.file && position < from.position) return false;
    return this.#file !== to.file || end <= to.position;
  }
}
