/** A binlog cut into segments, at any moment and anywhere it may be cut, against what was written into it. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BinlogTrack, type CutFacts } from '../../../domain/archive/track.ts';
import { BinlogDamage } from '../../../domain/binlog/damage.ts';
import { BinlogBuilder } from '../binlog/builder.ts';
import { longRun } from '../../support/long.ts';

const numRuns = longRun ? 5_000 : 300;
const standaloneFlag = 1;
const transactionalFlag = 4;

/** What is in a file, written down while it was written. */
interface Written {
  bytes: Buffer;
  /** Where an event ends, behind magic and format description. */
  ends: number[];
  /** Where one ends behind which no transaction is open, and the newest of each domain there. */
  wholes: { at: number; gtid: string }[];
  /** From the end of its GTID event to its own end. */
  transactions: { gtid: string; position: number; from: number; to: number }[];
  headEnd: number;
}

type Step =
  | { kind: 'rows'; domain: number; sizes: number[]; ending: 'xid' | 'COMMIT' | 'ROLLBACK' }
  | { kind: 'statement'; domain: number }
  | { kind: 'checkpoint' };

const domain = fc.constantFrom(0, 5, 4_294_967_295);
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('rows' as const),
    domain,
    sizes: fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 1, maxLength: 4 }),
    ending: fc.constantFrom('xid' as const, 'COMMIT' as const, 'ROLLBACK' as const),
  }),
  fc.record({ kind: fc.constant('statement' as const), domain }),
  fc.constant({ kind: 'checkpoint' as const }),
);

const history = fc.record({
  checksums: fc.boolean(),
  steps: fc.array(step, { maxLength: 12 }),
  close: fc.constantFrom('rotate' as const, 'stop' as const, undefined),
});

function write({
  checksums,
  steps,
  close,
}: typeof history extends fc.Arbitrary<infer T> ? T : never): Written {
  const builder = new BinlogBuilder({ checksums });
  const state = new Map([[0, '0-7-2']]);
  const found: Written = {
    bytes: Buffer.alloc(0),
    ends: [builder.position],
    wholes: [],
    transactions: [],
    headEnd: 0,
  };
  const gtid = (): string =>
    [...state.keys()]
      .toSorted((a, b) => a - b)
      .map((one) => state.get(one))
      .join(',');
  const event = (add: () => unknown): void => {
    add();
    found.ends.push(builder.position);
  };
  const whole = (): void => void found.wholes.push({ at: builder.position, gtid: gtid() });
  event(() => builder.gtidList([[0, 7, 2n]]));
  found.headEnd = builder.position;
  whole();
  for (const [index, one] of steps.entries()) {
    if (one.kind === 'checkpoint') {
      event(() => builder.event(161, Buffer.concat([Buffer.from([10, 0, 0, 0]), Buffer.from('bin.000001')])));
      whole();
      continue;
    }
    const position = builder.position;
    const name = `${one.domain}-7-${index + 10}`;
    const flags = one.kind === 'statement' ? standaloneFlag : transactionalFlag;
    event(() => builder.gtid(one.domain, BigInt(index + 10), flags));
    const from = builder.position;
    if (one.kind === 'statement') event(() => builder.query('CREATE TABLE t (i INT)'));
    else {
      event(() => builder.tableMap('shop', 't'));
      for (const size of one.sizes) event(() => builder.rows(size));
      event(() => (one.ending === 'xid' ? builder.xid(BigInt(index)) : builder.query(one.ending)));
    }
    found.transactions.push({ gtid: name, position, from, to: builder.position });
    state.set(one.domain, name);
    whole();
  }
  if (close === 'rotate') event(() => builder.rotate('bin.000002'));
  if (close === 'stop') event(() => builder.stop());
  if (close) whole();
  return { ...found, bytes: builder.bytes() };
}

/** A cut after so many more bytes have come. */
const moment = fc.record({
  bytes: fc.integer({ min: 1, max: 4_000 }),
  where: fc.constantFrom('wholeEnd' as const, 'eventEnd' as const, 'received' as const, 'nowhere' as const),
});

/** @returns the segments, and the rest at the end in one more */
function cutUp(bytes: Buffer, moments: readonly { bytes: number; where: string }[]): CutFacts[] {
  const track = new BinlogTrack({ position: 0, state: '' });
  const cuts: CutFacts[] = [];
  let fed = 0;
  for (const { bytes: more, where } of moments) {
    track.feed(bytes.subarray(fed, fed + more));
    fed = Math.min(bytes.length, fed + more);
    // Nothing is shipped of a file whose head is not there.
    if (!track.head || where === 'nowhere') continue;
    const end = track[where as 'wholeEnd' | 'eventEnd' | 'received'];
    if (end > track.start) cuts.push(track.cut(end));
  }
  track.feed(bytes.subarray(fed));
  if (track.eventEnd > track.start) cuts.push(track.cut(track.eventEnd));
  return cuts;
}

function wholeUpTo({ wholes }: Written, end: number): Written['wholes'][number] | undefined {
  return wholes.findLast(({ at }) => at <= end);
}

describe('whatever a server writes, and whenever it is cut', () => {
  test('segments meet, and say what was written up to their ends', () => {
    fc.assert(
      fc.property(history, fc.array(moment, { maxLength: 20 }), (story, moments) => {
        const written = write(story);
        const cuts = cutUp(written.bytes, moments);
        for (const [index, cut] of cuts.entries()) {
          const before = cuts[index - 1];
          expect(cut.start).toBe(before?.end ?? 0);
          if (before) {
            expect(cut.stateBefore).toBe(before.stateAfter);
            expect(cut.gtidBefore).toBe(before.gtidAfter);
          }
          expect(cut.head !== undefined).toBe(index === 0);
          const whole = wholeUpTo(written, cut.end);
          expect(cut.wholeEnd).toBe(Math.max(cut.start, whole?.at ?? 0));
          expect(cut.gtidAfter).toBe(whole?.gtid);
          expect(cut.eventEnd).toBe(written.ends.findLast((end) => end <= cut.end));
          const open = written.transactions.find(({ from, to }) => from <= cut.end && cut.end < to);
          expect(cut.open && { gtid: cut.open.gtid, position: cut.open.position }).toEqual(
            open && { gtid: open.gtid, position: open.position },
          );
          const last = cut.end === written.bytes.length;
          expect(cut.closed).toBe(last ? story.close : undefined);
          expect(cut.nextFile).toBe(last && story.close === 'rotate' ? 'bin.000002' : undefined);
          for (const { position } of cut.index)
            expect(written.transactions.map((one) => one.position)).toContain(position);
        }
        expect(cuts.at(-1)?.end ?? 0).toBe(written.bytes.length);
      }),
      { numRuns },
    );
  });

  test('it goes on from the end of any event as if it had never stopped', () => {
    fc.assert(
      fc.property(history, fc.array(moment, { maxLength: 20 }), (story, moments) => {
        const { bytes } = write(story);
        const cuts = cutUp(bytes, moments);
        const format = bytes.subarray(0, 4 + bytes.readUInt32LE(4 + 9));
        for (const { end, eventEnd, stateAfter, gtidAfter, open } of cuts) {
          if (end !== eventEnd || end === bytes.length) continue;
          const again = new BinlogTrack({ position: end, state: stateAfter, open });
          again.feed(format);
          again.feed(bytes.subarray(end));
          const last = again.cut(again.eventEnd);
          const whole = cutUp(bytes, [])[0]!;
          expect(last).toMatchObject({ start: end, stateBefore: stateAfter, gtidBefore: gtidAfter });
          const { stateAfter: state, gtidAfter: gtid, closed, wholeEnd } = whole;
          expect({ state: last.stateAfter, gtid: last.gtidAfter, closed: last.closed }).toEqual({
            state,
            gtid,
            closed,
          });
          expect(last.wholeEnd).toBe(Math.max(end, wholeEnd));
        }
      }),
      { numRuns },
    );
  });

  test('a segment is as large as it may be, and no larger, also in the middle of a transaction', () => {
    const size = 2_000;
    fc.assert(
      fc.property(history, fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1 }), (story, pieces) => {
        const { bytes, ends } = write(story);
        const track = new BinlogTrack({ position: 0, state: '' });
        const cuts: CutFacts[] = [];
        for (let fed = 0, turn = 0; fed < bytes.length; turn += 1) {
          const room = track.start + size - track.received;
          const more = Math.min(pieces[turn % pieces.length]!, room, bytes.length - fed);
          track.feed(bytes.subarray(fed, fed + more));
          fed += more;
          if (track.received - track.start < size) continue;
          const end = track.place(size)!;
          expect(end).toBeGreaterThan(track.start);
          cuts.push(track.cut(end));
        }
        for (const { start, end, wholeEnd } of cuts) {
          expect(end - start).toBeLessThanOrEqual(size);
          // Only what is larger than a segment is cut in its middle.
          const inside = ends.some((at) => at > start && at <= start + size);
          expect(
            wholeEnd > start ? wholeEnd : inside ? ends.includes(end) : end - start === size,
          ).toBeTruthy();
        }
      }),
      { numRuns },
    );
  });
});

describe('what is no binlog any more', () => {
  test('is refused, and what was whole before it is cut as it was', () => {
    fc.assert(
      fc.property(history, fc.nat(), fc.integer({ min: 1, max: 255 }), (story, place, flip) => {
        const written = write({ ...story, checksums: true });
        const { bytes, headEnd } = written;
        fc.pre(bytes.length > headEnd);
        const at = headEnd + (place % (bytes.length - headEnd));
        const other = Buffer.from(bytes);
        other[at]! ^= flip;
        const track = new BinlogTrack({ position: 0, state: '' });
        const broken = written.ends.findLast((end) => end <= at)!;
        let damage: unknown;
        try {
          for (let fed = 0; fed < other.length; fed += 100) track.feed(other.subarray(fed, fed + 100));
        } catch (error) {
          damage = error;
        }
        // A length that grew is waited for; nothing behind it is taken for whole.
        if (damage !== undefined) expect(damage).toBeInstanceOf(BinlogDamage);
        expect(track.closed).toBeUndefined();
        expect(track.eventEnd).toBe(broken);
        const whole = wholeUpTo(written, broken)!;
        expect(track.cut(track.wholeEnd)).toMatchObject({ end: whole.at, gtidAfter: whole.gtid });
      }),
      { numRuns },
    );
  });

  test('bytes of any kind end it, or are waited for, and are never closed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 3_000 }), fc.boolean(), (noise, behindHead) => {
        const track = new BinlogTrack({ position: 0, state: '' });
        if (behindHead) track.feed(new BinlogBuilder().gtidList([]).bytes());
        try {
          track.feed(noise);
        } catch (error) {
          expect(error).toBeInstanceOf(BinlogDamage);
        }
        expect(track.closed).toBeUndefined();
      }),
      { numRuns },
    );
  });
});
