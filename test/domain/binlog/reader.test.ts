/** The reader on binlogs that are made here, byte by byte. What a real server writes is read in test/mariadb. */
import { describe, expect, test } from '@jest/globals';
import { eventTypes } from '../../../domain/binlog/event-types.ts';
import type { BinlogEvent, EventBody } from '../../../domain/binlog/events.ts';
import { BinlogReader } from '../../../domain/binlog/reader.ts';
import { BinlogBuilder, magic, u32, u64 } from './builder.ts';
import { isWhole, readAll } from './reading.ts';

const kinds = (events: BinlogEvent[]): (string | undefined)[] => events.map(({ body }) => body?.kind);
const bodyOf = (events: BinlogEvent[], kind: EventBody['kind']): EventBody | undefined =>
  events.find(({ body }) => body?.kind === kind)?.body;

function small({ checksums = true, flags = 0 } = {}): BinlogBuilder {
  return new BinlogBuilder({ checksums, flags })
    .gtidList([[0, 7, 9n]])
    .event(eventTypes.BINLOG_CHECKPOINT_EVENT, Buffer.concat([u32(10), Buffer.from('bin.000001')]))
    .gtid(0, 10n, 4)
    .tableMap('shop', 'orders')
    .rows(100)
    .xid(42n, { timestamp: 1_700_000_003 })
    .rotate('bin.000003');
}

describe.each([true, false])('a file whose checksums are %s', (checksums) => {
  const builder = small({ checksums });

  test('is read event by event, each where it stands', () => {
    const reading = readAll(builder.bytes(), [], { names: true });
    expect(reading.damage).toBeUndefined();
    expect(kinds(reading.events)).toEqual([
      'format_description',
      'gtid_list',
      'binlog_checkpoint',
      'gtid',
      'table_map',
      undefined,
      'xid',
      'rotate',
    ]);
    expect(reading.events.map(({ position }) => position)).toEqual([
      4,
      ...reading.events.slice(0, -1).map(({ end }) => end),
    ]);
    expect(reading.end).toEqual({
      position: builder.position,
      closed: 'rotate',
      torn: undefined,
      encryptedFrom: undefined,
    });
    expect(bodyOf(reading.events, 'format_description')).toMatchObject({
      format: {
        serverVersion: '10.11.19-MariaDB-log',
        checksum: checksums ? 'CRC32' : 'NONE',
        inUse: false,
        atStartup: false,
      },
    });
    expect(bodyOf(reading.events, 'gtid_list')).toMatchObject({
      gtids: [{ domainId: 0, serverId: 7, seqNo: 9n }],
    });
    expect(bodyOf(reading.events, 'binlog_checkpoint')).toMatchObject({ file: 'bin.000001' });
    expect(bodyOf(reading.events, 'table_map')).toMatchObject({ database: 'shop', table: 'orders' });
    expect(bodyOf(reading.events, 'rotate')).toMatchObject({ file: 'bin.000003', position: 4n });
    expect(reading.events[6]).toMatchObject({
      timestamp: 1_700_000_003,
      serverId: 7,
      type: eventTypes.XID_EVENT,
    });
  });

  test('cut anywhere is not there yet, with everything before the cut, and is never taken for whole', () => {
    const bytes = builder.bytes();
    const whole = readAll(bytes).events;
    for (let length = 0; length < bytes.length; length += 1) {
      const { events, end, damage } = readAll(bytes.subarray(0, length));
      expect(damage).toBeUndefined();
      expect(events).toEqual(whole.filter((event) => event.end <= length));
      const position = events.at(-1)?.end ?? (length < magic.length ? 0 : magic.length);
      expect(end).toMatchObject({ position, closed: undefined });
      expect(end.torn?.bytes ?? 0).toBe(length - position);
    }
  });

  test('goes on where a piece ended, also after it was asked how it ends', () => {
    const bytes = builder.bytes();
    const reader = new BinlogReader();
    const events: BinlogEvent[] = [];
    for (let at = 0; at < bytes.length; at += 1) {
      reader.read(bytes.subarray(at, at + 1), (event) => events.push(event));
      expect(reader.end().position + (reader.end().torn?.bytes ?? 0)).toBe(at + 1);
    }
    expect(events).toEqual(readAll(bytes).events);
  });

  test('is damaged when there is more behind the event that closes it', () => {
    const more = readAll(Buffer.concat([builder.bytes(), Buffer.from([0])]));
    expect(more.damage).toEqual({ fault: 'beyond_end', position: builder.position });
    expect(isWhole(more)).toBe(false);
  });

  test('is damaged when an event is missing, or is there twice', () => {
    const bytes = builder.bytes();
    const { events } = readAll(bytes);
    const gtid = events[3]!;
    const without = Buffer.concat([bytes.subarray(0, gtid.position), bytes.subarray(gtid.end)]);
    expect(readAll(without).damage).toEqual({ fault: 'place', position: gtid.position });
    const twice = Buffer.concat([bytes.subarray(0, gtid.end), bytes.subarray(gtid.position)]);
    expect(readAll(twice).damage).toEqual({ fault: 'place', position: gtid.end });
  });

  test('followed by zeros, as a disk leaves them that lost its power, is damaged there', () => {
    const cut = readAll(builder.bytes()).events[6]!.position;
    const bytes = Buffer.concat([builder.bytes().subarray(0, cut), Buffer.alloc(64)]);
    expect(readAll(bytes).damage).toEqual({ fault: 'header', position: cut });
  });
});

test('the flag of a file in use is reported, and the checksum is that of the file without it', () => {
  const reading = readAll(small({ flags: 1 }).bytes());
  expect(isWhole(reading)).toBe(true);
  expect(bodyOf(reading.events, 'format_description')).toMatchObject({ format: { inUse: true } });
});

test('a damaged event is named with its position and type, what is before it is given, and nothing is read after it', () => {
  const bytes = small().bytes();
  const { events } = readAll(bytes);
  const { position } = events[5]!;
  bytes[position + 40]! ^= 1;
  const reader = new BinlogReader();
  const given: BinlogEvent[] = [];
  const read = (piece: Buffer): void => reader.read(piece, (event) => given.push(event));
  const sentence = `The binlog is damaged at position ${position}: the WRITE_ROWS_EVENT_V1 there has not the checksum that was written behind it.`;
  expect(() => read(bytes)).toThrow(sentence);
  expect(given).toEqual(events.slice(0, 5));
  expect(() => read(Buffer.alloc(1))).toThrow(sentence);
  expect(given).toHaveLength(5);
});

test.each([
  ['nothing of a binlog', Buffer.from('-- SQL'), 'magic', 0],
  ['a relay of another magic', Buffer.from([0xfe, 0x62, 0x69, 0x6f]), 'magic', 0],
  ['a file that begins with another event', new BinlogBuilder({ position: 4 }).stop().bytes(), 'header', 4],
])('%s is refused', (_, bytes, fault, position) => {
  const given = position === 0 ? bytes : Buffer.concat([magic, bytes]);
  expect(readAll(given).damage).toEqual({ fault, position });
});

test('a binlog of MySQL, which has fewer types of events, is refused as not supported', () => {
  const lengths = Buffer.alloc(41);
  const version = Buffer.alloc(50);
  version.write('8.0.36');
  const body = Buffer.concat([
    Buffer.from([4, 0]),
    version,
    u32(0),
    Buffer.from([19]),
    lengths,
    Buffer.from([1]),
  ]);
  const bytes = new BinlogBuilder({ position: 4 }).event(eventTypes.FORMAT_DESCRIPTION_EVENT, body).bytes();
  expect(readAll(Buffer.concat([magic, bytes])).damage).toEqual({ fault: 'unsupported', position: 4 });
});

test('GTIDs have their flags, their group of commits and the name of their XA transaction', () => {
  const xid = Buffer.concat([u32(1), Buffer.from([2, 1]), Buffer.from('x1b')]);
  const bytes = new BinlogBuilder()
    .gtid(1, 1n, 4 | 2, u64(77n))
    .xid(1n)
    .gtid(2, 18_446_744_073_709_551_615n, 64 | 4, xid)
    .gtid(2, 2n, 1 | 128, xid)
    .gtid(3, 3n, 1 | 32)
    .bytes();
  const gtids = readAll(bytes).events.flatMap(({ body }) => (body?.kind === 'gtid' ? [body] : []));
  const none = { standalone: false, transactional: false, ddl: false, preparedXa: false, completedXa: false };
  const name = { formatId: 1, gtrid: Uint8Array.from([0x78, 0x31]), bqual: Uint8Array.from([0x62]) };
  expect(gtids).toEqual([
    {
      ...none,
      kind: 'gtid',
      gtid: { domainId: 1, serverId: 7, seqNo: 1n },
      transactional: true,
      commitId: 77n,
    },
    {
      ...none,
      kind: 'gtid',
      gtid: { domainId: 2, serverId: 7, seqNo: 2n ** 64n - 1n },
      transactional: true,
      preparedXa: true,
      xid: name,
    },
    {
      ...none,
      kind: 'gtid',
      gtid: { domainId: 2, serverId: 7, seqNo: 2n },
      standalone: true,
      completedXa: true,
      xid: name,
    },
    {
      ...none,
      kind: 'gtid',
      gtid: { domainId: 3, serverId: 7, seqNo: 3n },
      standalone: true,
      ddl: true,
    },
  ]);
});

test.each([
  ['a GTID', (builder: BinlogBuilder) => builder.gtid(0, 1n, 64, Buffer.from([0, 0, 0, 0, 200, 200]))],
  ['a list of GTIDs', (builder: BinlogBuilder) => builder.event(eventTypes.GTID_LIST_EVENT, u32(3))],
  ['a statement', (builder: BinlogBuilder) => builder.event(eventTypes.QUERY_EVENT, Buffer.alloc(13, 0xff))],
  ['a checkpoint', (builder: BinlogBuilder) => builder.event(eventTypes.BINLOG_CHECKPOINT_EVENT, u32(9))],
  ['an XID', (builder: BinlogBuilder) => builder.event(eventTypes.XID_EVENT, Buffer.alloc(7))],
  [
    'an XA PREPARE',
    (builder: BinlogBuilder) => builder.event(eventTypes.XA_PREPARE_LOG_EVENT, Buffer.alloc(13, 0xff)),
  ],
  [
    'a GTID longer than any',
    (builder: BinlogBuilder) => builder.event(eventTypes.GTID_EVENT, Buffer.alloc(100_000)),
  ],
])('%s whose content does not fit into it is damaged, though its checksum is right', (_, add) => {
  const builder = new BinlogBuilder().gtidList([]);
  const { position } = builder;
  const bytes = add(builder).stop().bytes();
  expect(readAll(bytes).damage).toEqual({ fault: 'content', position });
  expect(readAll(bytes, [position + 5, position + 30]).damage).toEqual({ fault: 'content', position });
});

test('a statement is known by its first word and its database, and only where they are asked for', () => {
  const bytes = new BinlogBuilder()
    .query('COMMIT')
    .query('ROLLBACK', '')
    .query('ROLLBACK TO `a`')
    .query("/* from 'app' */ insert into t values ('secret')")
    .query('')
    .bytes();
  const found = (names: boolean): unknown[] =>
    readAll(bytes, [], { names }).events.flatMap(({ body }) =>
      body?.kind === 'query' ? [[body.ending, body.database, body.statement?.verb]] : [],
    );
  expect(found(true)).toEqual([
    ['commit', 'shop', 'COMMIT'],
    ['rollback', '', 'ROLLBACK'],
    [undefined, 'shop', 'ROLLBACK'],
    [undefined, 'shop', 'INSERT'],
    [undefined, 'shop', ''],
  ]);
  expect(found(false).flat().filter(Boolean)).toEqual(['commit', 'rollback']);
});

describe('a stream that begins later than its file', () => {
  test('has the positions of its file, beyond 4 GiB too, where the own figures of the events start again', () => {
    const startPosition = 2 ** 32 - 60;
    const head = new BinlogBuilder().bytes();
    const rest = new BinlogBuilder({ position: startPosition }).gtid(0, 1n, 4).rows(100).xid(1n);
    const bytes = Buffer.concat([head, rest.bytes()]);
    const { events, end, damage } = readAll(bytes, [], { startPosition });
    expect(damage).toBeUndefined();
    expect(events[1]).toMatchObject({ position: startPosition, end: startPosition + 42 });
    expect(end.position).toBe(rest.position);
    expect(end.position).toBeGreaterThan(2 ** 32);
    expect(readAll(bytes, [], { startPosition: startPosition + 1 }).damage?.fault).toBe('place');
  });

  test('needs no head where the format is known', () => {
    const builder = small();
    const whole = readAll(builder.bytes()).events;
    const [first] = whole;
    if (first?.body?.kind !== 'format_description') throw new Error('There is no format description.');
    const startPosition = whole[3]!.position;
    const bytes = builder.bytes().subarray(startPosition);
    const options = { format: first.body.format, startPosition };
    expect(readAll(bytes, [], options).events).toEqual(whole.slice(3));
  });
});

describe('encryption', () => {
  const start = (flags: number): Buffer<ArrayBuffer> =>
    new BinlogBuilder()
      .event(
        eventTypes.START_ENCRYPTION_EVENT,
        Buffer.concat([Buffer.from([1]), u32(3), Buffer.alloc(12, 5)]),
        { flags },
      )
      .bytes();

  test('of a file is reported, and of what follows nothing but its lengths is read', () => {
    const frame = Buffer.alloc(50, 0x99);
    frame.writeUInt32LE(50, 9);
    const begin = start(0);
    const bytes = Buffer.concat([begin, frame, frame]);
    const reading = readAll(bytes);
    expect(reading.events.at(-1)?.body).toEqual({
      kind: 'start_encryption',
      scheme: 1,
      keyVersion: 3,
      decrypted: false,
    });
    expect(reading.end).toEqual({
      position: bytes.length,
      closed: undefined,
      torn: undefined,
      encryptedFrom: begin.length,
    });
    expect(readAll(bytes.subarray(0, -1)).end.torn).toEqual({
      position: bytes.length - 50,
      bytes: 49,
      of: 50,
    });
    expect(readAll(Buffer.concat([begin, Buffer.alloc(50)])).damage?.fault).toBe('header');
  });

  test('that the server has undone on the way is no hindrance', () => {
    const begin = start(0x80);
    const rest = new BinlogBuilder({ position: begin.length }).gtid(0, 1n, 4).xid(1n).stop().bytes();
    const reading = readAll(Buffer.concat([begin, rest]));
    expect(isWhole(reading)).toBe(true);
    expect(kinds(reading.events)).toEqual(['format_description', 'start_encryption', 'gtid', 'xid', 'stop']);
  });
});

test('a large event passes through in pieces, none of which is kept', () => {
  const length = 200 * 1024 * 1024;
  const head = new BinlogBuilder().gtid(0, 1n, 4);
  const reader = new BinlogReader();
  const events: BinlogEvent[] = [];
  const take = (event: BinlogEvent): void => void events.push(event);
  reader.read(head.bytes(), take);
  const header = Buffer.concat([
    u32(1_700_000_000),
    Buffer.from([eventTypes.WRITE_ROWS_EVENT_V1]),
    u32(7),
    u32(length),
    u32(head.position + length),
    Buffer.alloc(2),
  ]);
  const piece = Buffer.alloc(1024 * 1024, 1);
  const before = process.memoryUsage().arrayBuffers;
  reader.read(header, take);
  for (let sent = header.length; sent + piece.length < length; sent += piece.length) reader.read(piece, take);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
  const { torn } = reader.end();
  expect(torn).toMatchObject({ position: head.position, of: length });
  // What was made up here has no right checksum: the event is not given.
  expect(() => reader.read(Buffer.alloc(length - torn!.bytes), take)).toThrow('checksum');
  expect(events).toHaveLength(2);
});
