/** How large a backup is going to be, for its progress; and how far it is. */
import { readFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import { dataDirectory, type Layout } from '../../domain/layout.ts';
import { matchesAny } from '../server/foreign.ts';
import { foreignEntries } from '../server/layout.ts';

/** At the top of a data directory, what is the server's own and yet in no backup. */
const neverCopied = ['ib_logfile*', 'ibtmp*', '.tidemark', 'lost+found', '#*'];

/** The size of the files that a full backup of this server reads, in bytes. Files that vanish meanwhile count 0. */
export async function estimateBytes(server: ServerSettings, layout: Layout): Promise<number> {
  const data = dataDirectory(layout);
  const skipped = [...neverCopied, ...(await foreignEntries(server, layout)), ...binlogPatterns(layout)];
  const sizes = [await sizeOf(data, (name) => !matchesAny(name, skipped))];
  for (const member of layout.members) {
    if (member.kind !== 'innodb' && member.kind !== 'undo') continue;
    sizes.push(
      await sizeOf(member.directory, (name) => matchesAny(name, member.files) && !name.startsWith('ibtmp')),
    );
  }
  return sizes.reduce((sum, size) => sum + size, 0);
}

function binlogPatterns(layout: Layout): string[] {
  return layout.binlogBasename === '' ? [] : [`${layout.binlogBasename}.*`];
}

async function sizeOf(directory: string, counts: (name: string) => boolean): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  let sum = 0;
  for (const entry of entries.filter((candidate) => counts(candidate.name))) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) sum += await sizeOf(file, () => true);
    else if (entry.isFile())
      sum += await stat(file).then(
        ({ size }) => size,
        () => 0,
      );
  }
  return sum;
}

/** How much a process has read so far, in bytes; undefined when it is gone, or where the system does not tell. */
export function bytesReadBy(pid: number | undefined): number | undefined {
  return movedBy(pid, /^rchar: (\d+)$/m);
}

/** How much it has written, likewise. */
export function bytesWrittenBy(pid: number | undefined): number | undefined {
  return movedBy(pid, /^wchar: (\d+)$/m);
}

function movedBy(pid: number | undefined, line: RegExp): number | undefined {
  try {
    const [, bytes] = line.exec(readFileSync(`/proc/${pid}/io`, 'utf8')) ?? [];
    return bytes === undefined ? undefined : Number(bytes);
  } catch {
    return undefined;
  }
}
