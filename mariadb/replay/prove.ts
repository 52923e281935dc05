/**
 * Proving, before anything is replayed, that the binlogs are whole: every event's checksum, every file's list of GTIDs
 * against what came before it, the start and the stop between two transactions. The server itself would go over a missing
 * file, or over one that ends at an event, without a word.
 */
import { open, type FileHandle } from 'node:fs/promises';
import type { ArchivePoint } from '../../domain/archive/facts.ts';
import { eventTypes } from '../../domain/binlog/event-types.ts';
import type { BinlogEvent } from '../../domain/binlog/events.ts';
import { type Gtid, GtidState, gtidText, parseGtids } from '../../domain/binlog/gtid.ts';
import { BinlogReader } from '../../domain/binlog/reader.ts';
import { type Transaction, TransactionTracker } from '../../domain/binlog/transactions.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { type BinlogFile, type ReplayOrder, type ReplayStop, stopText } from './order.ts';

const pieceBytes = 1024 * 1024;

/** A statement that defines something: where its transaction stands in a file. */
export interface DefinitionPlace {
  path: string;
  position: number;
  end: number;
  /** Its events end with one. */
  checksum: boolean;
  /** The server that wrote the binlog was told of it by another one, as a replica. */
  replicated: boolean;
}

export interface ProvenReplay {
  start: ArchivePoint;
  /** Where it ends, and the GTID state there. */
  stop: ArchivePoint;
  /** Behind the last transaction before the stop: the same but for events that change nothing. */
  lastEnd: { file: string; position: number };
  /** From the start's to that of `lastEnd`; in each of them, bytes from the first that is replayed to the last. */
  files: (BinlogFile & { begin: number; end: number })[];
  transactions: number;
  /** How many of them begin by a statement of their own, and are not one statement alone. */
  begun: number;
  /** All that have written to the binlogs. */
  serverIds: Set<number>;
  definitions: DefinitionPlace[];
}

/** What has been found so far, in all files together. */
interface Walk {
  order: ReplayOrder;
  /** Of the binlog: what the next file has to begin with. Undefined before the start of a file that is not whole. */
  chain: GtidState | undefined;
  /** `chain` came from a list of GTIDs, so that all servers of a domain are known. */
  exact: boolean;
  /** Of the server: domains never go out of it. Undefined before the start. */
  reached: GtidState | undefined;
  lastEnd: { file: string; position: number };
  /** That `lastEnd` is in: two timelines can have files of one name. */
  lastFile: BinlogFile | undefined;
  stop: ArchivePoint | undefined;
  transactions: number;
  begun: number;
  serverIds: Set<number>;
  /** Of the server that wrote the file. */
  ownId: number | undefined;
  definitions: DefinitionPlace[];
}

/**
 * Reads the files up to the stop.
 *
 * @param onProgress is told how many bytes were read in all
 * @throws binlog_damaged, binlog_gap, target_not_found; the signal's reason when it was aborted
 */
export async function proveBinlogs(
  order: ReplayOrder,
  options: { signal: AbortSignal; onProgress?: (bytes: number) => void },
): Promise<ProvenReplay> {
  const { files, start } = order;
  if (files[0]?.name !== start.file) {
    throw gap(
      `The replay begins in ${start.file}, and the first binlog is ${files[0]?.name ?? 'not there'}.`,
    );
  }
  const walk: Walk = {
    order,
    chain: undefined,
    exact: false,
    reached: undefined,
    lastEnd: start,
    lastFile: files[0],
    stop: undefined,
    transactions: 0,
    begun: 0,
    serverIds: new Set(),
    ownId: undefined,
    definitions: [],
  };
  const read: ProvenReplay['files'] = [];
  let before = 0;
  for (const file of files) {
    const { bytes, whole } = await readFile(walk, file, options, before);
    before += bytes;
    const begin = file === files[0] ? start.position : 4;
    read.push({ ...file, begin, end: Math.max(begin, whole) });
    if (walk.stop) break;
  }
  const { stop, lastEnd, transactions, begun, serverIds, definitions } = walk;
  if (!stop) throw notFound(order.stop, files);
  const last = files.findIndex((file) => file === walk.lastFile);
  const needed = read.slice(0, last + 1);
  needed[last]!.end = lastEnd.position;
  return { start, stop, lastEnd, files: needed, transactions, begun, serverIds, definitions };
}

/** @returns how many bytes were read, and where what can be replayed ends */
async function readFile(
  walk: Walk,
  file: BinlogFile,
  { signal, onProgress }: { signal: AbortSignal; onProgress?: (bytes: number) => void },
  before: number,
): Promise<{ bytes: number; whole: number }> {
  await using handle = await open(file.path, 'r');
  const reader = new BinlogReader(file.from === undefined ? {} : { startPosition: file.from });
  const tracker = new TransactionTracker();
  const take = (event: BinlogEvent): void => {
    if (walk.stop) return;
    lookAt(walk, file, event, { tracker, reader });
  };
  let bytes = 0;
  for await (const piece of piecesOf(handle, file.from)) {
    signal.throwIfAborted();
    reader.read(piece, take);
    bytes += piece.length;
    onProgress?.(before + bytes);
    if (walk.stop) return { bytes, whole: walk.stop.position };
  }
  const { position, encryptedFrom, torn } = reader.end();
  if (encryptedFrom !== undefined) {
    throw new TidemarkError(
      'binlog_damaged',
      `The binlog ${file.name} is encrypted from ${encryptedFrom} on: it was copied from the server's disk and cannot be replayed.`,
    );
  }
  // A file whose server crashed ends anywhere; the next one's list of GTIDs tells whether a transaction was lost with it.
  if (!tracker.open) comeTo(walk, file, position);
  const isLast = file === walk.order.files.at(-1);
  if (isLast && !walk.stop && torn && 'at' in walk.order.stop) {
    throw notFound(walk.order.stop, walk.order.files);
  }
  return { bytes, whole: tracker.open ? (tracker.wholeTo ?? tracker.open.position) : position };
}

/** The head and what is behind the hole. */
export async function* piecesOf(
  handle: FileHandle,
  from: number | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  const buffer = Buffer.allocUnsafe(pieceBytes);
  let at = 0;
  if (from !== undefined) {
    const head = await headBytes(handle);
    yield head;
    at = Math.max(from, head.length);
  }
  for (;;) {
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

/** Magic and format description of a binlog; what is not one comes as it is, for the reader to refuse. */
export async function headBytes(handle: FileHandle): Promise<Buffer> {
  const first = Buffer.alloc(23);
  const { bytesRead } = await handle.read(first, 0, first.length, 0);
  if (bytesRead < first.length) return first.subarray(0, bytesRead);
  const head = Buffer.alloc(4 + Math.min(first.readUInt32LE(13), 4096));
  const { bytesRead: there } = await handle.read(head, 0, head.length, 0);
  return head.subarray(0, there);
}

function lookAt(
  walk: Walk,
  file: BinlogFile,
  event: BinlogEvent,
  { tracker, reader }: { tracker: TransactionTracker; reader: BinlogReader },
): void {
  if (!tracker.open) comeTo(walk, file, event.position);
  if (walk.stop) return;
  if (event.type === eventTypes.FORMAT_DESCRIPTION_EVENT) walk.ownId = event.serverId;
  if (event.body?.kind === 'gtid_list') begin(walk, file, event.body.gtids);
  if (event.body?.kind === 'gtid' && walk.reached) {
    const { stop } = walk.order;
    if ('before' in stop && gtidText(event.body.gtid) === stop.before) {
      walk.stop = pointOf(walk, file.name, event.position);
      return;
    }
  }
  walk.serverIds.add(event.serverId);
  const transaction = tracker.take(event);
  if (!transaction || transaction.ending === 'nothing') return;
  walk.chain?.advance(transaction.gtid);
  if (!walk.reached) return;
  if (transaction.ddl) {
    const { position, end } = transaction;
    const checksum = reader.format?.checksum === 'CRC32';
    const replicated = event.serverId !== walk.ownId;
    walk.definitions.push({ path: file.path, position, end, checksum, replicated });
  }
  pass(walk, file, transaction);
}

/** A transaction behind the start. */
function pass(walk: Walk, file: BinlogFile, { gtid, end, standalone }: Transaction): void {
  walk.reached!.advance(gtid);
  walk.lastEnd = { file: file.name, position: end };
  walk.lastFile = file;
  walk.transactions += 1;
  if (!standalone) walk.begun += 1;
  const { stop } = walk.order;
  if ('after' in stop && gtidText(gtid) === stop.after) walk.stop = pointOf(walk, file.name, end);
}

/** A place between two transactions: it may be the start, or the stop. */
function comeTo(walk: Walk, file: BinlogFile, position: number): void {
  const { start, stop } = walk.order;
  if (!walk.reached && file === walk.order.files[0] && position === start.position) arrive(walk, file);
  if (!walk.reached || !('at' in stop)) return;
  // Of several with one name, on several timelines, the last is meant.
  const stopFile = walk.order.files.findLast(({ name }) => name === stop.at.file);
  if (file === stopFile && stop.at.position === position) {
    walk.stop = pointOf(walk, file.name, position);
  }
}

/** At the start: what the copy has must be what the binlog has there. */
function arrive(walk: Walk, file: BinlogFile): void {
  const { start, stop } = walk.order;
  const gtids = parseGtids(start.gtid) ?? [];
  if (walk.chain && !agrees(walk.chain, gtids)) {
    throw gap(
      `The copy stands at ${start.gtid || 'no GTID'}, and the binlog ${file.name} at ${walk.chain.position() || 'none'} ` +
        `there (position ${start.position}): it is the binlog of another server, or of another time.`,
    );
  }
  walk.chain ??= new GtidState(gtids);
  walk.reached = new GtidState(gtids);
  if ('after' in stop && gtids.some((gtid) => gtidText(gtid) === stop.after)) {
    walk.stop = pointOf(walk, file.name, start.position);
  }
}

/** A file begins: with the state in which the one before has ended, or something is missing between them. */
function begin(walk: Walk, file: BinlogFile, gtids: readonly Gtid[]): void {
  const list = new GtidState(gtids);
  if (file === walk.order.files[0] && !walk.reached) {
    walk.chain = list;
    walk.exact = true;
    return;
  }
  if (!walk.reached) {
    const { start } = walk.order;
    throw gap(
      `${start.file} has no place between two transactions at ${start.position}, where the copy stands.`,
    );
  }
  if (file.branch) {
    walk.chain = list;
    walk.exact = true;
    return;
  }
  const follows =
    walk.chain !== undefined &&
    (walk.exact
      ? list.equals(walk.chain)
      : list.position() === walk.chain.position() || lacksOnly(walk, list));
  if (!follows) {
    throw gap(
      `The binlog ${file.name} begins at ${list.position() || 'no GTID'}, and what comes before it ends at ` +
        `${walk.chain?.position() ?? ''}: transactions between them are missing.`,
    );
  }
  walk.chain = list;
  walk.exact = true;
}

/**
 * Whether a copy can stand where the binlog does. What a server had when its binlog began, from a backup or as a replica,
 * is in its state, and the binlog has nothing of those domains until something is written in them.
 */
function agrees(binlog: GtidState, copy: readonly Gtid[]): boolean {
  const there = new Set(copy.map(gtidText));
  return newestOf(binlog).every((gtid) => there.has(gtid));
}

/** Whether a list is what the copy's state came to, but for domains in which nothing was written since. */
function lacksOnly({ chain, order }: Walk, list: GtidState): boolean {
  const [listed, begun] = [newestOf(list), new Set((parseGtids(order.start.gtid) ?? []).map(gtidText))];
  const come = newestOf(chain ?? new GtidState());
  const domainOf = (gtid: string): string => gtid.slice(0, gtid.indexOf('-'));
  const domains = new Set(listed.map(domainOf));
  const lacking = come.filter((gtid) => !listed.includes(gtid));
  return (
    listed.every((gtid) => come.includes(gtid)) &&
    lacking.every((gtid) => begun.has(gtid) && !domains.has(domainOf(gtid)))
  );
}

/** Of each domain. */
function newestOf(state: GtidState): string[] {
  return state
    .position()
    .split(',')
    .filter((gtid) => gtid !== '');
}

function pointOf(walk: Walk, file: string, position: number): ArchivePoint {
  return { file, position, gtid: walk.reached!.position() };
}

function gap(message: string): TidemarkError {
  return new TidemarkError('binlog_gap', message);
}

function notFound(stop: ReplayStop, files: readonly BinlogFile[]): TidemarkError {
  const names = [...new Set([files[0]?.name ?? '', files.at(-1)?.name ?? ''])].join(' to ');
  const what =
    'at' in stop
      ? `${stopText(stop)} is no place between two transactions of`
      : `${stopText(stop)} is not in`;
  return new TidemarkError(
    'target_not_found',
    `The replay should end at ${stopText(stop)}: ${what} ${names}.`,
  );
}
