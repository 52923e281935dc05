/** Transactions and the state of GTIDs, on binlogs that are made here. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { eventTypes } from '../../../domain/binlog/event-types.ts';
import { type Gtid, GtidState, gtidText } from '../../../domain/binlog/gtid.ts';
import { type Transaction, TransactionTracker } from '../../../domain/binlog/transactions.ts';
import { BinlogBuilder, u32 } from './builder.ts';
import { readAll } from './reading.ts';

function transactionsOf(builder: BinlogBuilder): { found: Transaction[]; tracker: TransactionTracker } {
  const tracker = new TransactionTracker();
  const found = readAll(builder.bytes(), [], { names: true }).events.flatMap(
    (event) => tracker.take(event) ?? [],
  );
  return { found, tracker };
}

const brief = (found: readonly Transaction[]): [string, string, number][] =>
  found.map(({ gtid, ending, events }) => [gtidText(gtid), ending, events]);

describe('a transaction', () => {
  const xid = Buffer.concat([u32(1), Buffer.from([1, 0]), Buffer.from('x')]);

  test('ends with an XID, a COMMIT, a ROLLBACK, an XA PREPARE, or with its one statement', () => {
    const builder = new BinlogBuilder()
      .gtidList([])
      .gtid(0, 1n, 4)
      .tableMap('shop', 'a')
      .tableMap('shop', 'b')
      .rows(10)
      .xid(1n)
      .gtid(0, 2n, 0)
      .query('INSERT INTO t VALUES (1)')
      .query('COMMIT')
      .gtid(0, 3n, 4)
      .query('ROLLBACK TO SAVEPOINT a')
      .query('ROLLBACK')
      .gtid(0, 4n, 1 | 32)
      .query('CREATE TABLE t (i INT)')
      .gtid(0, 5n, 4 | 64, xid)
      .rows(10)
      .event(
        eventTypes.XA_PREPARE_LOG_EVENT,
        Buffer.concat([Buffer.alloc(5), u32(1), u32(0), Buffer.from('x')]),
      )
      .gtid(0, 6n, 1 | 128, xid)
      .query("XA COMMIT X'78',X'',1")
      .gtid(0, 7n, 1)
      .event(eventTypes.INTVAR_EVENT, Buffer.alloc(9))
      .query('INSERT INTO m VALUES (1)')
      .rotate('bin.000002');
    const { found, tracker } = transactionsOf(builder);
    expect(brief(found)).toEqual([
      ['0-7-1', 'xid', 5],
      ['0-7-2', 'commit', 3],
      ['0-7-3', 'rollback', 3],
      ['0-7-4', 'statement', 2],
      ['0-7-5', 'xa_prepare', 3],
      ['0-7-6', 'statement', 2],
      ['0-7-7', 'statement', 3],
    ]);
    expect(found[0]).toMatchObject({ tables: ['shop.a', 'shop.b'], statement: undefined });
    expect(found[3]).toMatchObject({
      tables: ['shop.t'],
      statement: { database: 'shop', verb: 'CREATE TABLE' },
    });
    expect(found.slice(1).map(({ position }) => position)).toEqual(found.slice(0, -1).map(({ end }) => end));
    expect(tracker.wholeTo).toBe(builder.position);
    expect(tracker.open).toBeUndefined();
  });

  test.each([
    ["INSERT INTO t VALUES ('a')", false],
    ['DELETE FROM t', false],
    ["LOAD DATA INFILE 'a' INTO TABLE t", false],
    ['TRUNCATE TABLE t', true],
    ['CREATE TABLE t (i INT)', true],
  ])('of the statement %s says whether triggers may have done more', (statement, known) => {
    const { found } = transactionsOf(new BinlogBuilder().gtid(0, 1n, 4).query(statement).xid(1n));
    expect(found).toMatchObject([{ tables: ['shop.t'], tablesKnown: known }]);
  });

  test('has the time of its start and of its last event', () => {
    const builder = new BinlogBuilder()
      .gtid(0, 1n, 4, undefined, { timestamp: 100 })
      .xid(1n, { timestamp: 104 });
    expect(transactionsOf(builder).found).toMatchObject([{ startedAt: 100, endedAt: 104 }]);
  });

  test('that is not at its end is open, and what is whole ends before it', () => {
    const builder = new BinlogBuilder().gtid(0, 1n, 4).xid(1n);
    const { position } = builder;
    const { found, tracker } = transactionsOf(builder.gtid(0, 2n, 4).rows(10));
    expect(brief(found)).toEqual([['0-7-1', 'xid', 2]]);
    expect(tracker.wholeTo).toBe(position);
    expect(tracker.open).toMatchObject({ position, end: builder.position, events: 2 });
  });

  test('without an end is told as one, not taken for whole', () => {
    const builder = new BinlogBuilder().gtid(0, 1n, 4).rows(10).gtid(0, 2n, 4).rows(10).stop();
    expect(brief(transactionsOf(builder).found)).toEqual([
      ['0-7-1', 'nothing', 2],
      ['0-7-2', 'nothing', 2],
    ]);
  });
});

test('in a stream that begins inside a transaction, the first one told is the first that begins in it', () => {
  const format = readAll(new BinlogBuilder().bytes()).events[0]?.body;
  if (format?.kind !== 'format_description') throw new Error('There is no format description.');
  const builder = new BinlogBuilder({ position: 5000 }).rows(10).xid(1n).gtid(0, 2n, 4).xid(2n);
  const tracker = new TransactionTracker();
  const { events } = readAll(builder.bytes(), [], { startPosition: 5000, format: format.format });
  expect(tracker.take(events[0]!)).toBeUndefined();
  expect(tracker.wholeTo).toBeUndefined();
  expect(brief(events.slice(1).flatMap((event) => tracker.take(event) ?? []))).toEqual([['0-7-2', 'xid', 2]]);
  expect(tracker.wholeTo).toBe(builder.position);
});

describe('the state of GTIDs', () => {
  const gtids = fc.array(
    fc.record({ domainId: fc.nat(3), serverId: fc.integer({ min: 1, max: 3 }), seqNo: fc.bigInt(1n, 99n) }),
  );

  test('is the last transaction of each server in each domain, the newest of a domain last', () => {
    const state = new GtidState();
    const add = (domainId: number, serverId: number, seqNo: bigint): void =>
      state.advance({ domainId, serverId, seqNo });
    add(5, 2, 1n);
    add(0, 1, 1n);
    add(0, 3, 2n);
    add(0, 2, 3n);
    add(0, 1, 4n);
    expect(state.list().map(gtidText)).toEqual(['0-2-3', '0-3-2', '0-1-4', '5-2-1']);
    expect(state.position()).toBe('0-1-4,5-2-1');
    expect(new GtidState().position()).toBe('');
  });

  test('comes back from its list, and is the same only as one to which the same has happened', () => {
    fc.assert(
      fc.property(gtids, gtids, (before, after) => {
        const state = new GtidState(before);
        const read = new GtidState(state.list());
        expect(read.equals(state)).toBe(true);
        for (const gtid of after) {
          state.advance(gtid);
          read.advance(gtid);
        }
        expect(read.equals(state)).toBe(true);
        const next: Gtid = { domainId: 0, serverId: 1, seqNo: 100n };
        read.advance(next);
        expect(read.equals(state)).toBe(false);
      }),
    );
  });
});
