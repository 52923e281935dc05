/** What a dump that others made holds, read off its lines, in pieces of any size. */
import { describe, expect, test } from '@jest/globals';
import { asLoaded, DumpScan } from '../../mariadb/foreign/sql.ts';

const head = (database: string): string =>
  '/*M!999999\\- enable the sandbox mode */ \n' +
  '-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)\n--\n' +
  `-- Host: localhost    Database: ${database}\n` +
  '-- ------------------------------------------------------\n' +
  '-- Server version\t10.11.19-MariaDB-0+deb12u1-log\n\n';
const position = "-- CHANGE MASTER TO MASTER_LOG_FILE='bin.000002', MASTER_LOG_POS=345;\n";
const gtid = "-- SET GLOBAL gtid_slave_pos='0-1-18';\n";
const tail = '-- Dump completed on 2026-11-23  8:00:00\n';
const table = "CREATE TABLE `t` (\n  `a` int\n);\nINSERT INTO `t` VALUES ('x\\nUSE `other`;');\n";
const database = (name: string): string =>
  `CREATE DATABASE /*!32312 IF NOT EXISTS*/ \`${name}\`;\n\nUSE \`${name}\`;\n${table}`;

function scan(text: string, size = 1_000_000): ReturnType<DumpScan['end']> {
  const found = new DumpScan();
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) found.add(bytes.subarray(at, at + size));
  expect(found.bytes).toBe(bytes.length);
  return found.end();
}

describe.each([1_000_000, 7, 1])('in pieces of %i bytes', (size) => {
  test('a dump of some databases names them, its version and its position', () => {
    const text = head('shop') + position + gtid + database('shop') + database('we``ird') + tail;
    expect(scan(text, size)).toEqual({
      dump: {
        databases: ['shop', 'we`ird'],
        whole: false,
        serverVersion: '10.11.19-MariaDB-0+deb12u1-log',
        binlog: { file: 'bin.000002', position: 345, gtid: '0-1-18' },
      },
      warnings: [],
    });
  });

  test('one of a whole server is known by its accounts', () => {
    const { dump } = scan(head('') + database('shop') + database('mysql') + tail, size);
    expect(dump).toMatchObject({ databases: ['shop'], whole: true });
  });

  test('one of a single database has its name in the head alone', () => {
    const { dump, warnings } = scan(head('shop') + table + tail, size);
    expect(dump).toMatchObject({ databases: ['shop'], whole: false, unnamed: 'shop' });
    expect(warnings).toEqual([expect.stringContaining('all tables of shop')]);
  });
});

test('a position that is a statement counts as one that is a comment', () => {
  const text = head('shop') + position.slice(3) + gtid.slice(3) + database('shop') + tail;
  expect(scan(text).dump.binlog).toEqual({ file: 'bin.000002', position: 345, gtid: '0-1-18' });
});

test.each([
  ['is cut short', head('shop') + database('shop'), 'source_damaged'],
  ['is cut in its last line', `${head('shop')}${database('shop')}-- Dump comp`, 'source_damaged'],
  [
    'has accounts beside some databases',
    head('mysql') + database('mysql') + database('a') + tail,
    'source_no_backup',
  ],
  ['does not say of which database it is', table, 'source_no_backup'],
  ['holds nothing', head('') + tail, 'source_no_backup'],
])('a dump that %s is refused', (_what, text, code) => {
  expect(() => scan(text)).toThrow(expect.objectContaining({ code }));
});

describe('a table outside of the data directory', () => {
  const made = (columns: string, options: string): string =>
    `${head('shop')}CREATE TABLE \`t\` (\n  \`a\` int${columns}\n) ENGINE=InnoDB${options};\n` +
    `INSERT INTO \`t\` VALUES\n(1,'x'),\n(2,' PARTITION DATA DIRECTORY ');\n${tail}`;

  test.each([
    [" DATA DIRECTORY='/mnt/fast/'"],
    [" COMMENT='it''s' INDEX DIRECTORY='/mnt/fast/'"],
    [
      '\n PARTITION BY RANGE (`a`)\n(PARTITION `p0` VALUES LESS THAN (1) ENGINE = InnoDB,\n ' +
        "PARTITION `p1` VALUES LESS THAN (9) DATA DIRECTORY = '/mnt/fast' ENGINE = InnoDB)",
    ],
  ])('is refused: %s', (options) => {
    expect(() => scan(made('', options), 7)).toThrow(expect.objectContaining({ code: 'source_unsafe' }));
  });

  test('is not one that has the words as a text', () => {
    const text = made(" COMMENT ') DATA DIRECTORY='", " COMMENT='DATA DIRECTORY=''/x'''");
    expect(scan(text).dump.databases).toEqual(['shop']);
  });
});

test('a dump without comments is taken, and said to be of unknown length', () => {
  const { dump, warnings } = scan(database('shop'));
  expect(dump).toMatchObject({ databases: ['shop'], whole: false, serverVersion: '' });
  expect(warnings).toEqual([expect.stringContaining('--skip-comments')]);
});

describe('what is loaded', () => {
  async function loaded(text: string, size: number, unnamed?: string): Promise<string> {
    const bytes = Buffer.from(text);
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    }
    const parts: Buffer[] = [];
    for await (const part of asLoaded(pieces(), unnamed)) parts.push(Buffer.from(part));
    return Buffer.concat(parts).toString();
  }

  test.each([1_000_000, 64, 5, 1])(
    'in pieces of %i bytes, orders of replication become comments',
    async (size) => {
      const text =
        `CHANGE MASTER TO MASTER_USE_GTID=slave_pos;\n${database('shop')}` +
        "SET GLOBAL gtid_slave_pos='0-1-18';\nINSERT INTO t VALUES ('CHANGE MASTER TO x');\nCHANGE MASTER TO MASTER_LOG_FILE='b';\n";
      const wanted = text.replaceAll(/^(CHANGE MASTER|SET GLOBAL)/gm, '-- $1');
      expect(await loaded(text, size)).toBe(wanted);
      expect(await loaded(database('shop'), size)).toBe(database('shop'));
      expect(await loaded('', size)).toBe('');
    },
  );

  test.each([1_000_000, 64, 5, 1])(
    'in pieces of %i bytes, bodies of routines stay as they are',
    async (size) => {
      const body = 'BEGIN\nSTOP SLAVE;\nSET GLOBAL gtid_slave_pos = "0-1-1";\nSTART SLAVE;\nEND';
      const routine = (mark: string): string =>
        `DELIMITER ${mark}\nCREATE PROCEDURE \`p\`()\n${body} ${mark}\nDELIMITER ;\n`;
      const text = `${routine(';;')}STOP SLAVE;\n${routine('//').replaceAll('DELIMITER', 'delimiter')}START SLAVE;\n`;
      const wanted = text
        .replace('\nDELIMITER ;\nSTOP', '\nDELIMITER ;\n-- STOP')
        .replace(/START SLAVE;\n$/, '-- $&');
      expect(await loaded(text, size)).toBe(wanted);
    },
  );

  test('a dump that does not name its database is loaded into it', async () => {
    expect(await loaded(table, 10, 'sh`op')).toBe(
      `CREATE DATABASE IF NOT EXISTS \`sh\`\`op\`;\nUSE \`sh\`\`op\`;\n${table}`,
    );
  });
});
