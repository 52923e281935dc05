/** How a backup ended: what the tool wrote about it, or which error its last words mean. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { TidemarkError, type ErrorName } from '../../domain/errors.ts';
import type { BinlogPosition } from '../../domain/manifest.ts';
import type { StageResult } from '../processes/pipeline.ts';
import type { Scratch } from './command.ts';

/** What mariadb-backup notes beside the stream. */
export interface ToolNotes {
  fromLsn: number;
  toLsn: number;
  lastLsn: number;
  /** Undefined when the server keeps no binlog. */
  binlog: BinlogPosition | undefined;
  serverVersion: string;
  toolVersion: string;
}

/** @throws backup_tool_failed when the notes are not there, or do not say what they should */
export async function readToolNotes(scratch: Scratch): Promise<ToolNotes> {
  const checkpoints = parseNotes(await readNotes(scratch, 'checkpoints'));
  const info = parseNotes(await readNotes(scratch, 'info'));
  const number = (name: string): number => {
    const value = checkpoints.get(name) ?? '';
    if (/^\d+$/.test(value)) return Number(value);
    throw new TidemarkError(
      'backup_tool_failed',
      `mariadb-backup noted no ${name}: the backup is not usable.`,
    );
  };
  return {
    fromLsn: number('from_lsn'),
    toLsn: number('to_lsn'),
    lastLsn: number('last_lsn'),
    binlog: parsePosition(info.get('binlog_pos') ?? ''),
    serverVersion: info.get('server_version') ?? '',
    toolVersion: info.get('tool_version') ?? '',
  };
}

/** From 11.1 on the files have another name. */
async function readNotes(scratch: Scratch, name: string): Promise<string> {
  for (const prefix of ['mariadb_backup_', 'xtrabackup_']) {
    const text = await readFile(path.join(scratch.facts, prefix + name), 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
  }
  throw new TidemarkError('backup_tool_failed', `mariadb-backup left no ${name}: the backup is not usable.`);
}

/** Lines `name = value`. */
export function parseNotes(text: string): Map<string, string> {
  const pairs = text.split('\n').flatMap((line): [string, string][] => {
    const [, name, value] = /^(\w+) = ?(.*)$/.exec(line) ?? [];
    return name === undefined ? [] : [[name, value?.trim() ?? '']];
  });
  return new Map(pairs);
}

/** `filename 'bin.000002', position '336', GTID of the last change '0-1-18'`; several domains stand side by side. */
export function parsePosition(text: string): BinlogPosition | undefined {
  const [, file, position] = /filename '([^']+)', position '(\d+)'/.exec(text) ?? [];
  if (file === undefined || position === undefined) return undefined;
  const [, gtid = ''] = /GTID of the last change '([^']*)'/.exec(text) ?? [];
  return { file, position: Number(position), gtid: gtid.replaceAll(/\s/g, '') };
}

/** The bytes that zstd has read, from its closing line. */
export function bytesCompressed(stderr: string): number | undefined {
  const [, bytes] = /\(\s*(\d+) B =>/.exec(stderr) ?? [];
  return bytes === undefined ? undefined : Number(bytes);
}

/** Which words of the tool mean which error, the first that fits. */
const meanings: [RegExp, ErrorName, string][] = [
  [
    /only able to copy log|log block.*overwritten|increas\w+ innodb_log_file_size/i,
    'redo_overrun',
    'The redo log was overwritten before it was copied; make innodb_log_file_size larger, or back up when there is ' +
      'less to write',
  ],
  [
    /No space left on device|Errcode: 28|errno:? 28|OS error (number )?28/i,
    'disk_full',
    "There is no room left on a file system of this host that the backup writes to, the agent's state directory or " +
      "the server's own; free some",
  ],
  [
    /need \(at least one of\)|command denied/i,
    'privilege_missing',
    "The agent's account lacks a privilege; grant RELOAD, PROCESS, BINLOG MONITOR ON *.*",
  ],
  [
    /Access denied for user/i,
    'database_access_denied',
    "The server refuses the agent's account; mend the file that server.client_file names",
  ],
  [
    /Failed to connect|Can't connect|server has gone away|Lost connection/i,
    'database_unreachable',
    'The database server went away during the backup; see that it runs, then try again',
  ],
];

/** The error that a failed stage means. `said` are the telling lines of mariadb-backup. */
export function explainFailure(failed: StageResult, said: readonly string[]): TidemarkError {
  if (failed.error) return failed.error;
  const name = path.basename(failed.program);
  const words =
    name === 'mariadb-backup' ? said.join(' | ') : (failed.stderr.trim().split('\n').at(-1) ?? '');
  for (const [pattern, code, sentence] of meanings) {
    if (pattern.test(words)) return new TidemarkError(code, `${sentence}. ${name} said: ${words}`);
  }
  const how = failed.signal === null ? `exit code ${failed.code ?? 'unknown'}` : `signal ${failed.signal}`;
  return new TidemarkError(
    'backup_tool_failed',
    `${name} ended with ${how} in the middle of the backup. It said: ${words || 'nothing'}`,
  );
}

const keepLines = 8;
const longestLine = 300;

/** Listens to mariadb-backup: which stage of its work it has come to, and what explains a failure. */
export class ToolLog {
  /** When the tool was about to let go of its lock: what it then had is what the backup restores to. */
  unlockedAt: number | undefined;
  private telling: string[] = [];
  private last = '';

  add(line: string): void {
    // `[00] 2026-11-22 16:20:47 text`; fatal ones have no thread and their date in the middle.
    const text = line.replace(/^\[\d+\] /, '').replace(/\d{4}-\d\d-\d\d +\d+:\d\d:\d\d /, '');
    if (/BACKUP STAGE END/.test(text)) this.unlockedAt ??= Date.now();
    this.last = text.slice(0, longestLine);
    if (/error|fatal|fail|denied|unable|cannot|can't|no space|only able|abort/i.test(text)) {
      this.telling = [...this.telling, this.last].slice(-keepLines);
    }
  }

  get completed(): boolean {
    return this.last.endsWith('completed OK!');
  }

  get tellingLines(): readonly string[] {
    return this.telling.length > 0 ? this.telling : [this.last];
  }
}
