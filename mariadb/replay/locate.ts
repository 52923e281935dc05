/** Where in a binlog a transaction stands: only its body tells. */
import type { BinlogPoint } from '../../domain/archive/facts.ts';
import type { SegmentHeader } from '../../domain/archive/header.ts';
import type { BinlogEvent } from '../../domain/binlog/events.ts';
import { gtidText } from '../../domain/binlog/gtid.ts';
import { BinlogReader } from '../../domain/binlog/reader.ts';
import { TransactionTracker } from '../../domain/binlog/transactions.ts';
import type { ReplayStop } from './order.ts';
import type { SelectedFile } from './select.ts';

/**
 * The place at which a replay stops beside a transaction, read from the last segment that was selected for it.
 *
 * @param bodyOf the binlog's own bytes of a segment
 * @returns undefined where that segment does not tell: the proof of the fetched binlogs has the last word
 * @throws what `bodyOf` throws
 */
export async function locateStop(
  file: SelectedFile,
  stop: Exclude<ReplayStop, { at: BinlogPoint }>,
  bodyOf: (segment: SegmentHeader) => Promise<Buffer>,
): Promise<BinlogPoint | undefined> {
  const wanted = 'before' in stop ? stop.before : stop.after;
  const place = (position: number): BinlogPoint => ({ file: file.name, position });
  const [last, before] = [file.segments.at(-1)!, file.segments.at(-2)];
  const begunBefore = before?.open?.gtid === wanted ? before.open : undefined;
  if (begunBefore && 'before' in stop) return place(begunBefore.position);
  const from = begunBefore ? before! : last;
  // What begins inside of an event, or of a transaction that began long before, the replay itself finds.
  if (begunBefore && begunBefore.position < from.start) return undefined;
  const earlier = file.segments[file.segments.indexOf(from) - 1];
  if (earlier && earlier.eventEnd !== earlier.end) return undefined;
  const tracker = new TransactionTracker();
  let found: number | undefined;
  const take = (event: BinlogEvent): void => {
    if (found !== undefined) return;
    const isWanted = event.body?.kind === 'gtid' && gtidText(event.body.gtid) === wanted;
    if (isWanted && 'before' in stop) found = event.position;
    const ended = tracker.take(event);
    if ('after' in stop && ended && ended.ending !== 'nothing' && gtidText(ended.gtid) === wanted)
      found = ended.end;
  };
  const reader = new BinlogReader(from.start > 0 ? { startPosition: from.start } : {});
  const head = file.head ?? file.segments[0]!;
  if (from.start > 0) reader.read(headOf(await bodyOf(head)), take);
  for (const segment of from === last ? [last] : [from, last]) reader.read(await bodyOf(segment), take);
  return found === undefined ? undefined : place(found);
}

/** Magic and format description. */
function headOf(bytes: Buffer): Buffer {
  return bytes.subarray(0, 4 + bytes.readUInt32LE(4 + 9));
}
