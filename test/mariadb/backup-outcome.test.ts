import { describe, expect, test } from '@jest/globals';
import {
  bytesCompressed,
  explainFailure,
  parseNotes,
  parsePosition,
  ToolLog,
} from '../../mariadb/backup/outcome.ts';
import type { StageResult } from '../../mariadb/processes/pipeline.ts';

const failed = (program: string, result: Partial<StageResult> = {}): StageResult => ({
  program,
  code: 1,
  signal: null,
  stderr: '',
  endedAt: 0,
  ...result,
});

describe("the tool's notes", () => {
  test('are lines of name and value, also empty ones', () => {
    const notes = parseNotes('from_lsn = 0\nname = \nserver_version = 10.11.19-MariaDB-log\nnot a note\n');
    expect([...notes]).toEqual([
      ['from_lsn', '0'],
      ['name', ''],
      ['server_version', '10.11.19-MariaDB-log'],
    ]);
  });

  test.each([
    [
      "filename 'bin.000002', position '336', GTID of the last change '0-1-18'",
      { file: 'bin.000002', position: 336, gtid: '0-1-18' },
    ],
    [
      "filename 'a b.000002', position '4', GTID of the last change '0-1-18,1-2-3'",
      { file: 'a b.000002', position: 4, gtid: '0-1-18,1-2-3' },
    ],
    [
      "filename 'bin.000001', position '328', GTID of the last change ''",
      { file: 'bin.000001', position: 328, gtid: '' },
    ],
    ["filename 'bin.000001', position '328'", { file: 'bin.000001', position: 328, gtid: '' }],
    ['', undefined],
  ])('%s is a position in the binlog', (text, position) => {
    expect(parsePosition(text)).toEqual(position);
  });

  test("the compressor's closing line has the bytes it read", () => {
    const line = '/*stdin*\\            :  5.71%   (19301169 B => 1101583 B, /*stdout*\\) \n';
    expect(bytesCompressed(`Using stdin\n${line}`)).toBe(19_301_169);
    expect(bytesCompressed('killed')).toBeUndefined();
  });
});

describe('a failure', () => {
  test.each([
    [
      'mariabackup: Was only able to copy log from 1 to 2, not 3; try increasing innodb_log_file_size',
      'redo_overrun',
    ],
    ['Error writing file /state/target (Errcode: 28 "No space left on device")', 'disk_full'],
    [
      'Error: failed to execute query: Access denied; you need (at least one of) the BINLOG MONITOR privilege(s)',
      'privilege_missing',
    ],
    ['FATAL ERROR: Failed to connect: Access denied for user: tidemark', 'database_access_denied'],
    ['Failed to connect to MariaDB server: Can not connect', 'database_unreachable'],
    ['Error: failed to execute query BACKUP STAGE END: Server has gone away', 'database_unreachable'],
    ['mariabackup: Error: something else', 'backup_tool_failed'],
  ])('that says "%s" is %s', (words, code) => {
    const error = explainFailure(failed('/usr/bin/mariadb-backup'), [words]);
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
  });

  test('of another program is told with its last words', () => {
    const error = explainFailure(failed('/usr/bin/age', { stderr: 'age: error: malformed recipient\n' }), [
      'fine',
    ]);
    expect(error.code).toBe('backup_tool_failed');
    expect(error.message).toBe(
      'age ended with exit code 1 in the middle of the backup. It said: age: error: malformed recipient',
    );
  });

  test('by a signal names it', () => {
    const error = explainFailure(failed('zstd', { code: null, signal: 'SIGKILL' }), []);
    expect(error.message).toBe(
      'zstd ended with signal SIGKILL in the middle of the backup. It said: nothing',
    );
  });
});

describe("the tool's log", () => {
  test('is complete when its last line says so', () => {
    const log = new ToolLog();
    log.add('[00] 2026-11-22 16:20:47 completed OK!');
    expect(log.completed).toBe(true);
    log.add('[00] 2026-11-22 16:20:47 and then something broke');
    expect(log.completed).toBe(false);
  });

  test('keeps the lines that explain a failure, without their dates, and the last one where there are none', () => {
    const log = new ToolLog();
    log.add('[01] 2026-11-22 16:20:47 Streaming ./a.ibd');
    expect(log.tellingLines).toEqual(['Streaming ./a.ibd']);
    log.add('[00] FATAL ERROR: 2026-11-22 16:20:47 no');
    log.add('[01] 2026-11-22 16:20:47         ...done');
    expect(log.tellingLines).toEqual(['FATAL ERROR: no']);
  });

  test('knows when the lock was given up', () => {
    const log = new ToolLog();
    log.add('[00] 2026-11-22 16:20:47 Acquired locks for BACKUP STAGE BLOCK_COMMIT');
    expect(log.unlockedAt).toBeUndefined();
    const before = Date.now();
    log.add('[00] 2026-11-22 16:20:47 Executing BACKUP STAGE END');
    expect(log.unlockedAt).toBeGreaterThanOrEqual(before);
  });
});
