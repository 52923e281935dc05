/** What holds for every binlog and for everything that is none. In full with `npm run test:long`. */
import { crc32 } from 'node:zlib';
import { describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { crcOf, residue, withEvent } from '../../../domain/binlog/checksum.ts';
import { eventTypes } from '../../../domain/binlog/event-types.ts';
import { longRun } from '../../support/long.ts';
import { BinlogBuilder, magic, u32 } from './builder.ts';
import { isWhole, readAll } from './reading.ts';

const numRuns = longRun ? 3_000 : 300;
jest.setTimeout(longRun ? 900_000 : 600_000);
const names = true;

type Step = (builder: BinlogBuilder) => BinlogBuilder;

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.bigInt(0n, 2n ** 64n - 1n).map((seqNo) => (builder: BinlogBuilder) => builder.gtid(0, seqNo, 4)),
  fc.nat(300).map((length) => (builder: BinlogBuilder) => builder.rows(length)),
  fc.integer({ min: 2000, max: 150_000 }).map((length) => (builder: BinlogBuilder) => builder.rows(length)),
  fc.tuple(fc.nat(40), fc.nat(40)).map(
    ([a, b]) =>
      (builder: BinlogBuilder) =>
        builder.tableMap('d'.repeat(a), 't'.repeat(b)),
  ),
  fc
    .constantFrom('COMMIT', 'ROLLBACK', 'INSERT INTO t VALUES (1)', 'x'.repeat(90_000))
    .map((statement) => (builder: BinlogBuilder) => builder.query(statement)),
  fc.bigInt(0n, 2n ** 64n - 1n).map((xid) => (builder: BinlogBuilder) => builder.xid(xid)),
  fc
    .uint8Array({ maxLength: 60 })
    .map((bytes) => (builder: BinlogBuilder) => builder.event(eventTypes.USER_VAR_EVENT, Buffer.from(bytes))),
);

const close = fc.constantFrom<Step>(
  (builder) => builder.rotate('bin.000009'),
  (builder) => builder.stop(),
);

const binlog = fc
  .tuple(fc.boolean(), fc.array(step, { maxLength: 12 }), close)
  .map(([checksums, steps, last]) => {
    const builder = new BinlogBuilder({ checksums }).gtidList([[0, 1, 2n]]);
    return [...steps, last].reduce((made, add) => add(made), builder).bytes();
  });

const checked = fc
  .tuple(fc.array(step, { maxLength: 6 }), close)
  .map(([steps, last]) =>
    [...steps, last].reduce((made, add) => add(made), new BinlogBuilder().gtidList([[0, 1, 2n]])).bytes(),
  );

test('however a stream is cut into pieces, the events are the same', () => {
  fc.assert(
    fc.property(binlog, fc.array(fc.nat(), { maxLength: 30 }), (bytes, places) => {
      const whole = readAll(bytes, [], { names });
      expect(isWhole(whole)).toBe(true);
      const cuts = places.map((place) => place % (bytes.length + 1));
      expect(readAll(bytes, cuts, { names })).toEqual(whole);
    }),
    { numRuns },
  );
});

test('one changed byte is noticed, wherever it is, where it is, and alike however the stream is cut', () => {
  fc.assert(
    fc.property(
      checked,
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      fc.array(fc.nat(), { maxLength: 10 }),
      (bytes, place, change, places) => {
        const whole = readAll(bytes);
        const at = place % bytes.length;
        // The flag of a file in use is the one bit that changes in a file.
        fc.pre(!(at === 21 && change === 1));
        bytes[at]! ^= change;
        const reading = readAll(bytes);
        expect(isWhole(reading)).toBe(false);
        expect(reading.events).toEqual(whole.events.filter(({ end }) => end <= at));
        const cuts = places.map((cut) => cut % (bytes.length + 1));
        expect(readAll(bytes, cuts)).toMatchObject({ events: reading.events, damage: reading.damage });
      },
    ),
    { numRuns },
  );
});

test('every bit of a small file that changes is noticed', () => {
  const bytes = new BinlogBuilder()
    .gtidList([[0, 7, 1n]])
    .gtid(0, 2n, 4)
    .tableMap('shop', 't')
    .rows(20)
    .xid(3n)
    .rotate('bin.000002')
    .bytes();
  expect(isWhole(readAll(bytes))).toBe(true);
  const unnoticed: string[] = [];
  for (let bit = 0; bit < 8 * bytes.length; bit += 1) {
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    if (isWhole(readAll(bytes))) unnoticed.push(`byte ${bit >> 3}, bit ${bit & 7}`);
    bytes[bit >> 3]! ^= 1 << (bit & 7);
  }
  // The flag of a file in use.
  expect(unnoticed).toEqual(['byte 21, bit 0']);
});

describe('what is no binlog', () => {
  const headers = fc
    .tuple(fc.nat(200), fc.nat(100), fc.uint8Array({ maxLength: 120 }))
    .map(([type, length, rest]) =>
      Buffer.concat([u32(1), Buffer.from([type]), u32(7), u32(length), Buffer.from(rest)]),
    );
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
    fc.array(headers).map((pieces) => Buffer.concat(pieces)),
  );
  const heads = fc.constantFrom(
    Buffer.alloc(0),
    magic,
    new BinlogBuilder().bytes(),
    new BinlogBuilder({ checksums: false }).bytes(),
  );

  test('never crashes the reader, never keeps it, and is never taken for whole', () => {
    fc.assert(
      fc.property(heads, garbage, fc.array(fc.nat(), { maxLength: 5 }), (head, bytes, places) => {
        const given = Buffer.concat([head, bytes]);
        const reading = readAll(given);
        expect(isWhole(reading)).toBe(false);
        const { position, torn } = reading.end;
        if (reading.damage === undefined) expect(position + (torn?.bytes ?? 0)).toBe(given.length);
        const cuts = places.map((cut) => cut % (given.length + 1));
        expect(readAll(given, cuts)).toMatchObject({ events: reading.events, damage: reading.damage });
      }),
      { numRuns: 3 * numRuns },
    );
  });

  test('pieces of a binlog in another order, left out or repeated, are never taken for whole', () => {
    fc.assert(
      fc.property(binlog, fc.nat(), fc.nat(), fc.nat(), (bytes, a, b, c) => {
        const [from = 0, middle = 0, to = 0] = [a, b, c]
          .map((place) => place % (bytes.length + 1))
          .toSorted((x, y) => x - y);
        const pieces = [
          [bytes.subarray(0, from), bytes.subarray(to)],
          [bytes.subarray(0, to), bytes.subarray(from)],
          [
            bytes.subarray(0, from),
            bytes.subarray(middle, to),
            bytes.subarray(from, middle),
            bytes.subarray(to),
          ],
        ];
        for (const other of pieces.map((parts) => Buffer.concat(parts))) {
          // Without checksums, bytes that change places inside one event cannot be noticed.
          const noticeable = bytes[251] === 1 || other.length !== bytes.length;
          if (!other.equals(bytes) && noticeable) expect(isWhole(readAll(other))).toBe(false);
        }
      }),
      { numRuns },
    );
  });
});

test('the checksum of a row of right events follows from their lengths', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.uint8Array({ maxLength: 300 }),
          fc.nat(9000).map((length) => new Uint8Array(length).fill(3)),
        ),
        { minLength: 1, maxLength: 20 },
      ),
      (bodies) => {
        const events = bodies.map((body) => Buffer.concat([body, u32(crc32(body))]));
        const row = Buffer.concat(events);
        const expected = events.reduce((crc, { length }) => withEvent(crc, length), 0);
        expect(crcOf(row, 0, row.length)).toBe(expected >>> 0);
        expect(crcOf(events[0]!, 0, events[0]!.length)).toBe(residue);
      },
    ),
    { numRuns },
  );
});
