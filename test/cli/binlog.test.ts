/** `tidemark binlog inspect`, as a process, on files made here. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { BinlogBuilder } from '../domain/binlog/builder.ts';
import { CommandLine } from '../support/command-line.ts';

const tidemark = new CommandLine();

function file(name: string, bytes: Uint8Array): string {
  const place = path.join(tidemark.home, name);
  writeFileSync(place, bytes);
  return place;
}

const first = new BinlogBuilder()
  .gtidList([])
  .gtid(0, 1n, 1 | 32)
  .query("CREATE USER u IDENTIFIED BY 'secret'", 'shop')
  .gtid(0, 2n, 4)
  .tableMap('shop', 'orders')
  .rows(100)
  .xid(5n)
  .rotate('bin.000002')
  .bytes();
const second = new BinlogBuilder()
  .gtidList([[0, 7, 2n]])
  .gtid(0, 3n, 4)
  .rows(10)
  .xid(6n)
  .stop()
  .bytes();
const [one, two] = [file('bin.000001', first), file('bin.000002', second)];

describe('files that are whole', () => {
  test('are listed transaction by transaction, and nothing of a statement but its first words is said', async () => {
    const { code, stdout, stderr } = await tidemark.run('binlog', 'inspect', one, two);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout.trimEnd().split('\n')).toEqual([
      expect.stringMatching(
        /bin\.000001 {2}2023-11-14T22:13:20Z {2}0-7-1 {2}\d+-\d+ {2}statement {2}CREATE USER$/,
      ),
      expect.stringMatching(/0-7-2 .* xid {2}INSERT shop\.orders$/),
      expect.stringMatching(/2 transactions, 9 events, up to 0-7-2, whole to \d+, closed by a rotate event$/),
      expect.stringMatching(/bin\.000002 .* 0-7-3 .* xid {2}INSERT$/),
      expect.stringMatching(/1 transactions, 6 events, up to 0-7-3, whole to \d+, closed by a stop event$/),
    ]);
    expect(stdout).not.toContain('secret');
  });

  test('give records for scripts', async () => {
    const records = await tidemark.answers<Record<string, unknown>>('binlog', 'inspect', one, two);
    expect(records).toHaveLength(5);
    expect(records[0]).toMatchObject({
      file: one,
      transaction: { gtid: '0-7-1', ddl: true, database: 'shop', verb: 'CREATE USER', ending: 'statement' },
    });
    expect(records[1]).toMatchObject({ transaction: { gtid: '0-7-2', events: 4, tables: ['shop.orders'] } });
    expect(records[4]).toEqual({
      file: two,
      summary: {
        server_version: '10.11.19-MariaDB-log',
        checksum: 'CRC32',
        in_use: false,
        gtid_begin: '0-7-2',
        gtid_end: '0-7-3',
        follows: true,
        events: 6,
        transactions: 1,
        position: second.length,
        whole_to: second.length,
        closed: 'stop',
      },
    });
  });

  test('can be listed event by event', async () => {
    const records = await tidemark.answers<{ event?: { type: string } }>(
      'binlog',
      'inspect',
      '--events',
      two,
    );
    expect(records.flatMap(({ event }) => event?.type ?? [])).toEqual([
      'FORMAT_DESCRIPTION_EVENT',
      'GTID_LIST_EVENT',
      'GTID_EVENT',
      'WRITE_ROWS_EVENT_V1',
      'XID_EVENT',
      'STOP_EVENT',
    ]);
    const { stdout } = await tidemark.run('binlog', 'inspect', '--events', two);
    expect(stdout).toMatch(/ GTID_EVENT {2}0-7-3\n/);
  });

  test('may be live: what is not there yet is no fault', async () => {
    const live = file('live', first.subarray(0, -10));
    const { code, stdout } = await tidemark.run('binlog', 'inspect', live);
    expect(code).toBe(0);
    expect(stdout).toMatch(/then 31 of 41 bytes of an event that is not there yet, not closed\n$/);
  });
});

describe('exit code 1, and a sentence,', () => {
  test('for a changed byte, after what is before it', async () => {
    const bytes = Buffer.from(first);
    bytes[bytes.length - 130]! ^= 1;
    const { code, stdout, stderr } = await tidemark.run('binlog', 'inspect', file('damaged', bytes));
    expect(code).toBe(1);
    expect(stdout).toMatch(/0-7-1 /);
    expect(stderr).toMatch(
      /damaged: The binlog is damaged at position \d+: the \w+ there has not the checksum/,
    );
  });

  test('for a file between two that is missing', async () => {
    const third = new BinlogBuilder()
      .gtidList([[0, 7, 3n]])
      .stop()
      .bytes();
    const { code, stderr } = await tidemark.run('binlog', 'inspect', one, file('bin.000003', third));
    expect(code).toBe(1);
    expect(stderr).toMatch(/bin\.000003: It does not follow the file before/);
  });

  test('for what is no binlog', async () => {
    const { code, stderr } = await tidemark.run(
      'binlog',
      'inspect',
      file('dump.sql', Buffer.from('-- dump')),
    );
    expect(code).toBe(1);
    expect(stderr).toContain('damaged at position 0: it does not begin as a binlog does');
  });
});

test('a file that cannot be read is wrong usage', async () => {
  const { code, stderr } = await tidemark.run('binlog', 'inspect', '/nowhere/bin.000001');
  expect(code).toBe(2);
  expect(stderr).toContain('The file /nowhere/bin.000001 cannot be read: ENOENT');
});
