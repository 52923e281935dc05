/** How a dump ended: what stands at its two ends, or which error the last words of its programs mean. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { TidemarkError, type ErrorName } from '../../domain/errors.ts';
import type { BinlogPosition, DumpContent } from '../../domain/manifest.ts';
import type { StageResult } from '../processes/pipeline.ts';
import { type DumpPart, type DumpScratch, partsOf } from './command.ts';

/** What a dump says of itself. */
export interface DumpNotes {
  /** Undefined when the server keeps no binlog. */
  binlog: BinlogPosition | undefined;
  /** An instant shortly after the one that it shows, in milliseconds. */
  shownAt: number;
}

const closing = /(^|\n)-- Dump completed on [^\n]*\n$/;

/**
 * Sees that every part ends as a whole one does, and reads the position.
 *
 * @throws backup_tool_failed when one does not
 */
export async function readDumpNotes(scratch: DumpScratch, content: DumpContent): Promise<DumpNotes> {
  for (const part of partsOf(content)) {
    const { head, tail } = await readEnds(scratch, part);
    // A part that is short is in its head alone.
    if (closing.test(tail === '' ? head : tail)) continue;
    throw new TidemarkError(
      'backup_tool_failed',
      'mariadb-dump ended without "Dump completed": the dump is cut short, and is not kept.',
    );
  }
  const { head, tail } = await readEnds(scratch, 'data');
  const { mtimeMs } = await stat(fileOf(scratch, 'data', 'head'));
  return { binlog: parseDumpPosition(head, tail), shownAt: mtimeMs };
}

/** The position that `--master-data=2 --gtid` writes as comments: the file at the head, the GTID at one of the ends. */
export function parseDumpPosition(head: string, tail: string): BinlogPosition | undefined {
  const [, file, position] =
    /^-- CHANGE MASTER TO MASTER_LOG_FILE='([^']+)', MASTER_LOG_POS=(\d+);$/m.exec(head) ?? [];
  if (file === undefined || position === undefined) return undefined;
  // What is in between may quote such a line: the last one is mariadb-dump's own.
  const gtids = [...`${head}\n${tail}`.matchAll(/^-- SET GLOBAL gtid_slave_pos='([^']*)';$/gm)];
  return { file, position: Number(position), gtid: (gtids.at(-1)?.[1] ?? '').replaceAll(/\s/g, '') };
}

function fileOf({ ends }: DumpScratch, part: DumpPart, end: 'head' | 'tail'): string {
  return path.join(ends, `${part}.${end}`);
}

async function readEnds(scratch: DumpScratch, part: DumpPart): Promise<{ head: string; tail: string }> {
  const read = (end: 'head' | 'tail'): Promise<string> =>
    readFile(fileOf(scratch, part, end), 'latin1').catch(() => '');
  return { head: await read('head'), tail: await read('tail') };
}

/** Which words of mariadb-dump mean which error, the first that fits. */
const meanings: [RegExp, ErrorName, string][] = [
  [
    /Access denied for user|Host .* is (not allowed|blocked)/i,
    'database_access_denied',
    "The server refuses the agent's account; mend the file that server.client_file names",
  ],
  [
    /command denied|need \(at least one of\)|access denied/i,
    'privilege_missing',
    "The agent's account lacks a privilege that a dump needs; grant it",
  ],
  [
    /Lost connection|server has gone away|Can't connect|Server shutdown/i,
    'database_unreachable',
    'The database server went away during the dump; see that it runs, then try again',
  ],
  [
    /No space left on device|Errcode: 28|errno:? 28/i,
    'disk_full',
    "There is no room left on a file system of this host that the dump writes to, the agent's state directory or the " +
      "server's own; free some",
  ],
  [
    /Table definition has changed/i,
    'backup_tool_failed',
    'A table was altered while it was to be dumped; take the dump when nobody changes tables',
  ],
  [
    /references invalid table/i,
    'backup_tool_failed',
    'A view cannot be read: mend or drop it, or leave its database out with the setting "dump"',
  ],
  [
    /max_allowed_packet/i,
    'backup_tool_failed',
    'A row is larger than the server can send; make max_allowed_packet of the server larger',
  ],
];

/** What a message has of a program's last words, in characters. */
const longestWords = 400;

/** The error that a failed stage means. */
export function explainDumpFailure(failed: StageResult): TidemarkError {
  if (failed.error) return failed.error;
  const name = path.basename(failed.program);
  const words = (failed.stderr.trim().split('\n').at(-1) ?? '').slice(0, longestWords);
  for (const [pattern, code, sentence] of meanings) {
    if (pattern.test(words)) return new TidemarkError(code, `${sentence}. ${name} said: ${words}`);
  }
  const how = failed.signal === null ? `exit code ${failed.code ?? 'unknown'}` : `signal ${failed.signal}`;
  return new TidemarkError(
    'backup_tool_failed',
    `${name} ended with ${how} in the middle of the dump. It said: ${words || 'nothing'}`,
  );
}
