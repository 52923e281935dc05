/** Finds one segment among millions by halves: each look is one step down the key. */
import type { Kysely } from 'kysely';
import type { SegmentFacts } from '../domain/archive/facts.ts';
import { gtidsByDomain } from '../domain/archive/gtid-positions.ts';
import { parseGtid } from '../domain/binlog/gtid.ts';
import { sortable } from '../domain/archive/instants.ts';
import type { BinlogRange } from '../domain/archive/plan-types.ts';
import { fileNumber } from '../domain/archive/stretches.ts';
import { segmentOf } from './archive-rows.ts';
import type { Database } from './database.ts';
import type { SegmentRow, Tables } from './schema.ts';

export interface SegmentSearch {
  /**
   * The first segment of a range that has an instant, or a transaction, in it: by its samples of the commit clock, by its
   * events where nobody sampled. Undefined: all are earlier.
   */
  segmentAt(
    serviceId: string,
    range: BinlogRange,
    target: { time: string } | { gtid: string },
  ): Promise<SegmentFacts | undefined>;
}

export function archiveSearchIn(database: Database): SegmentSearch {
  return {
    async segmentAt(serviceId, range, target) {
      return await database.snapshot(async (db) => {
        const row = await firstOf(rowsOf(db, serviceId, range), range, hasReached(target));
        return row && segmentOf(row);
      });
    },
  };
}

/** Whether a segment has come that far; undefined where it does not tell. */
type Reached = (row: SegmentRow) => boolean | undefined;

function hasReached(target: { time: string } | { gtid: string }): Reached {
  if ('time' in target) {
    const time = sortable(target.time);
    return ({ sampled_to: sampled, last_event_at: event }) => {
      const last = sampled ?? event;
      return last === null ? undefined : last >= time;
    };
  }
  const gtid = parseGtid(target.gtid);
  return ({ gtid_after: after }) =>
    gtid !== undefined && (gtidsByDomain(after).get(gtid.domainId)?.seqNo ?? -1n) >= gtid.seqNo;
}

interface Rows {
  /** The name of the file with a number. */
  fileWith(number: number): Promise<string | undefined>;
  /** The last one of a file that begins at a place or before. */
  before(file: string, position: number): Promise<SegmentRow | undefined>;
  /** The one behind. */
  after(row: SegmentRow): Promise<SegmentRow | undefined>;
}

function rowsOf(db: Kysely<Tables>, serviceId: string, { timeline }: BinlogRange): Rows {
  const rows = db
    .selectFrom('segments')
    .selectAll()
    .where('service_id', '=', serviceId)
    .where('timeline', '=', timeline);
  return {
    async fileWith(number) {
      const row = await rows.where('file_number', '=', number).orderBy('file').limit(1).executeTakeFirst();
      return row?.file;
    },
    before: async (file, position) =>
      await rows
        .where('file_number', '=', fileNumber(file))
        .where('file', '=', file)
        .where('start_position', '<=', position)
        .orderBy('start_position', 'desc')
        .orderBy('end_position', 'desc')
        .limit(1)
        .executeTakeFirst(),
    after: async ({ file_number: number, file, start_position: start, end_position: end }) =>
      await rows
        .where((where) =>
          where(
            where.refTuple('file_number', 'file', 'start_position', 'end_position'),
            '>',
            where.tuple(number, file, start, end),
          ),
        )
        .orderBy('file_number')
        .orderBy('file')
        .orderBy('start_position')
        .orderBy('end_position')
        .limit(1)
        .executeTakeFirst(),
  };
}

/** Behind whatever a file can have. */
const beyond = Number.MAX_SAFE_INTEGER;

async function firstOf(
  rows: Rows,
  { from, to }: BinlogRange,
  reached: Reached,
): Promise<SegmentRow | undefined> {
  const hasBy = async (file: string | undefined, position: number): Promise<boolean> => {
    const row = file === undefined ? undefined : await rows.before(file, position);
    const teller = row && (await tellerFrom(rows, row, reached));
    return teller !== undefined && reached(teller) === true;
  };
  const [first, last] = [fileNumber(from.file), fileNumber(to.file)];
  const number = await lowest(first, last, async (middle) => hasBy(await rows.fileWith(middle), beyond));
  const file = await rows.fileWith(number);
  if (file === undefined) return undefined;
  const end = await rows.before(file, number === last ? to.position - 1 : beyond);
  if (!end) return undefined;
  const least = Math.min(end.start_position, number === first ? from.position : 0);
  const position = await lowest(least, end.start_position, async (middle) => hasBy(file, middle));
  const row = await rows.before(file, position);
  const teller = row && (await tellerFrom(rows, row, reached));
  return teller && reached(teller) ? teller : undefined;
}

/** One that does not tell is as far as the next that does. */
async function tellerFrom(rows: Rows, row: SegmentRow, reached: Reached): Promise<SegmentRow | undefined> {
  for (let next: SegmentRow | undefined = row; next; next = await rows.after(next)) {
    if (reached(next) !== undefined) return next;
  }
  return undefined;
}

/** The lowest number for which it holds, of which all higher ones do; the highest of them where it holds for none. */
async function lowest(
  from: number,
  to: number,
  holds: (number: number) => Promise<boolean>,
): Promise<number> {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
