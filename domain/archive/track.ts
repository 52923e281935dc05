/**
 * One binlog file on its way into the archive: what has been received of it, where it can be cut, and what a segment up
 * to there has. Bytes pass through and are not kept.
 */
import { hash } from 'node:crypto';
import { uint32 } from '../binlog/bytes.ts';
import { eventTypes } from '../binlog/event-types.ts';
import type { BinlogEvent } from '../binlog/events.ts';
import type { FormatDescription } from '../binlog/format.ts';
import { type Gtid, GtidState, gtidText, parseGtid, parseGtids } from '../binlog/gtid.ts';
import { BinlogReader } from '../binlog/reader.ts';
import { TransactionTracker } from '../binlog/transactions.ts';
import type { IndexEntry, OpenTransaction, SegmentHeader } from './header.ts';

/** About how much lies between two entries of the index. */
const indexBytes = 1024 * 1024;
const indexTransactions = 1000;
/** A head with more domains and servers than this holds is not compared. */
const longestHead = 16 * 1024 * 1024;
const inUseByte = 21;
const magicBytes = 4;

/** Where in a file it is begun: at 0, or at the end of an event behind which everything is known. */
export interface TrackStart {
  position: number;
  /** The GTID state there, as a header has it; not looked at when `position` is 0. */
  state: string;
  open?: OpenTransaction | undefined;
}

/** How a file begins. */
export interface FileHead {
  digest: string;
  serverId: number;
  /** As a header has it. */
  state: string;
  /** As in `gtid_binlog_pos`. */
  gtid: string;
  /** When the file was begun. */
  at: string;
}

/** What a header says of the events in a segment. */
export type CutFacts = Pick<
  SegmentHeader,
  | 'start'
  | 'end'
  | 'wholeEnd'
  | 'eventEnd'
  | 'gtidBefore'
  | 'gtidAfter'
  | 'stateBefore'
  | 'stateAfter'
  | 'open'
  | 'firstEventAt'
  | 'lastEventAt'
  | 'closed'
  | 'nextFile'
  | 'head'
  | 'index'
  | 'server'
>;

interface Stretch {
  firstEventAt?: string;
  lastEventAt?: string;
  index: IndexEntry[];
}

export class BinlogTrack {
  readonly #reader: BinlogReader;
  readonly #tracker = new TransactionTracker();
  readonly #from: number;
  #state = new GtidState();
  #fed = 0;
  #headBytes: Uint8Array[] | undefined;
  #head: FileHead | undefined;
  #serverId = 0;
  #encrypted = false;
  #nextFile: string | undefined;
  /** Of the segment that comes next. */
  #start: number;
  #stateBefore: string;
  #gtidBefore: string;
  #wholeEnd: number;
  /** Up to `wholeEnd`, and from there on. */
  #whole: Stretch = { index: [] };
  #rest: Stretch = { index: [] };
  #indexedAt = 0;
  #sinceIndexed = 0;
  readonly #take = (event: BinlogEvent): void => this.#event(event);

  constructor({ position, state, open }: TrackStart) {
    this.#from = position;
    this.#start = position;
    this.#wholeEnd = position;
    // What comes with a start at a later position is the head, and then the bytes from there.
    this.#reader = new BinlogReader(position > 0 ? { startPosition: position } : {});
    if (position > 0) this.#state = new GtidState(parseGtids(state) ?? []);
    else this.#headBytes = [];
    this.#stateBefore = stateText(this.#state);
    this.#gtidBefore = this.#state.position();
    if (open) this.#tracker.take(beginningOf(open));
  }

  /** Where what comes next begins: all before it has been cut off. */
  get start(): number {
    return this.#start;
  }

  /** Where what was received ends, an event that is not whole included. */
  get received(): number {
    const { position, torn } = this.#reader.end();
    return Math.max(position + (torn?.bytes ?? 0), this.#from);
  }

  /** Where the last whole event ends. */
  get eventEnd(): number {
    return Math.max(this.#reader.end().position, this.#from === 0 ? 0 : magicBytes);
  }

  /** Where the last whole transaction ends after `start`; `start` when none does. */
  get wholeEnd(): number {
    return Math.max(this.#wholeEnd, this.#start);
  }

  /** It ended with the event that closes it. */
  get closed(): 'rotate' | 'stop' | undefined {
    return this.#reader.end().closed;
  }

  /** Of a file that is read from its beginning, once that is there. */
  get head(): FileHead | undefined {
    return this.#head;
  }

  /** @throws BinlogDamage */
  feed(chunk: Uint8Array): void {
    this.#fed += chunk.length;
    if (this.#headBytes && !this.#head) this.#headBytes.push(chunk.slice());
    this.#reader.read(chunk, this.#take);
    if (this.#headBytes && this.#fed > longestHead) this.#headBytes = undefined;
  }

  /** Where it can be cut so that a segment has at most `bytes`, and as much of them as can be; undefined when nothing is there. */
  place(bytes: number): number | undefined {
    if (this.wholeEnd > this.#start) return this.wholeEnd;
    if (this.received - this.#start < bytes) return undefined;
    return this.eventEnd > this.#start ? this.eventEnd : this.received;
  }

  /**
   * Cuts a segment off.
   *
   * @param end `wholeEnd`, `eventEnd` or `received`
   * @throws RangeError when it is none of them: what the events before it are is not known any more
   */
  cut(end: number): CutFacts {
    const { wholeEnd, eventEnd } = this;
    if (end <= this.#start || ![wholeEnd, eventEnd, this.received].includes(end))
      throw new RangeError(`the binlog cannot be cut at ${end}`);
    const atWhole = end === wholeEnd;
    const { open } = this.#tracker;
    const stretch = atWhole ? this.#whole : joinStretches(this.#whole, this.#rest);
    const format = this.#reader.format!;
    const facts: CutFacts = {
      start: this.#start,
      end,
      wholeEnd,
      eventEnd: Math.min(end, eventEnd),
      gtidBefore: this.#gtidBefore,
      gtidAfter: this.#state.position(),
      stateBefore: this.#stateBefore,
      stateAfter: stateText(this.#state),
      ...(!atWhole && open && { open: openOf(open.gtid, open.position, open.standalone) }),
      ...(stretch.firstEventAt !== undefined && { firstEventAt: stretch.firstEventAt }),
      ...(stretch.lastEventAt !== undefined && { lastEventAt: stretch.lastEventAt }),
      ...(this.closed && end === eventEnd && { closed: this.closed }),
      ...(this.#nextFile !== undefined && end === eventEnd && { nextFile: this.#nextFile }),
      ...(this.#start === 0 && this.#head && { head: this.#head.digest }),
      index: stretch.index,
      server: this.#server(format),
    };
    this.#start = end;
    this.#gtidBefore = facts.gtidAfter;
    this.#stateBefore = facts.stateAfter;
    this.#whole = atWhole ? { index: [] } : this.#whole;
    if (!atWhole) [this.#whole, this.#rest] = [{ index: [] }, { index: [] }];
    return facts;
  }

  #server({ serverVersion, checksum }: FormatDescription): SegmentHeader['server'] {
    return { version: serverVersion, serverId: this.#serverId, checksum, encrypted: this.#encrypted };
  }

  #event(event: BinlogEvent): void {
    const { body, type } = event;
    if (type === eventTypes.FORMAT_DESCRIPTION_EVENT) {
      this.#serverId = event.serverId;
      if (this.#from > 0) return;
    }
    if (body?.kind === 'start_encryption') this.#encrypted = true;
    // The server puts one before what it sends from a later position on; it is in no file.
    if (event.end === event.position) return;
    if (body?.kind === 'rotate') this.#nextFile = body.file;
    if (body?.kind === 'gtid_list' && this.#headBytes) this.#begin(event, body.gtids);
    if (event.timestamp > 0) {
      const at = timeOf(event.timestamp);
      this.#rest.firstEventAt ??= at;
      this.#rest.lastEventAt = at;
    }
    if (body?.kind === 'gtid') this.#note(event.position, gtidText(body.gtid), event.timestamp);
    const transaction = this.#tracker.take(event);
    // One that has no end was rolled back when the server recovered.
    if (transaction && transaction.ending !== 'nothing') this.#state.advance(transaction.gtid);
    const { wholeTo } = this.#tracker;
    if (wholeTo === undefined || wholeTo <= this.#wholeEnd) return;
    this.#wholeEnd = wholeTo;
    this.#whole = joinStretches(this.#whole, this.#rest);
    this.#rest = { index: [] };
  }

  #begin(event: BinlogEvent, gtids: readonly Gtid[]): void {
    this.#state = new GtidState(gtids);
    this.#stateBefore = stateText(this.#state);
    this.#gtidBefore = this.#state.position();
    const bytes = Buffer.concat(this.#headBytes!);
    this.#headBytes = undefined;
    this.#head = {
      digest: headDigest(bytes.subarray(0, event.end)),
      serverId: this.#serverId,
      state: this.#stateBefore,
      gtid: this.#gtidBefore,
      at: timeOf(uint32(bytes, magicBytes)),
    };
  }

  #note(position: number, gtid: string, timestamp: number): void {
    this.#sinceIndexed += 1;
    const due = this.#sinceIndexed >= indexTransactions || position - this.#indexedAt >= indexBytes;
    if (!due && this.#whole.index.length + this.#rest.index.length > 0) return;
    this.#rest.index.push({ position, gtid, at: timeOf(timestamp) });
    this.#indexedAt = position;
    this.#sinceIndexed = 0;
  }
}

/**
 * Tells a binlog from any other of its name.
 *
 * @param bytes magic, format description and all up to the end of the Gtid_list, as they come over the network
 */
function headDigest(bytes: Uint8Array): string {
  const masked = Buffer.from(bytes);
  masked[inUseByte]! &= ~1;
  return hash('sha256', masked);
}

/** Clears the flag that a server sets in a file that it is writing. @param bytes the beginning of the file; changed */
export function clearInUse(bytes: Uint8Array): void {
  if (bytes.length > inUseByte) bytes[inUseByte]! &= ~1;
}

/** `0-1-17,5-2-3`: each domain's newest last. */
function stateText(state: GtidState): string {
  return state.list().map(gtidText).join(',');
}

function timeOf(timestamp: number): string {
  return new Date(timestamp * 1000).toISOString().replace('.000Z', 'Z');
}

function openOf(gtid: Gtid, position: number, standalone: boolean): OpenTransaction {
  return { gtid: gtidText(gtid), position, standalone };
}

/** A GTID event by which a tracker goes on in the middle of its transaction. */
function beginningOf({ gtid, position, standalone }: OpenTransaction): BinlogEvent {
  const parsed = parseGtid(gtid);
  const body: BinlogEvent['body'] = {
    kind: 'gtid',
    gtid: parsed!,
    standalone,
    transactional: true,
    ddl: false,
    preparedXa: false,
    completedXa: false,
    commitId: undefined,
    xid: undefined,
  };
  const type = eventTypes.GTID_EVENT;
  return { type, timestamp: 0, serverId: parsed!.serverId, flags: 0, position, end: position, body };
}

function joinStretches(first: Stretch, second: Stretch): Stretch {
  const firstEventAt = first.firstEventAt ?? second.firstEventAt;
  const lastEventAt = second.lastEventAt ?? first.lastEventAt;
  for (const entry of second.index) first.index.push(entry);
  return {
    ...(firstEventAt !== undefined && { firstEventAt }),
    ...(lastEventAt !== undefined && { lastEventAt }),
    index: first.index,
  };
}
