/** On which timeline a place in the server's binlog lies. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import type { BinlogPoint } from '../../domain/archive/facts.ts';
import type { SegmentArchive } from '../../domain/archive/header.ts';
import { readHead } from './fetch.ts';
import { readSeen } from './seen.ts';

/**
 * The timeline that is followed, if what is archived of the file begins as the server's does; undefined where that is
 * not sure: binlogs of one name are on several.
 *
 * @throws archive_failed, and what a store throws
 */
export async function timelineAt(
  { file }: BinlogPoint,
  {
    server,
    archive,
    stateDirectory,
    signal,
  }: { server: ServerSettings; archive: SegmentArchive; stateDirectory: string; signal: AbortSignal },
): Promise<string | undefined> {
  const seen = await readSeen(stateDirectory);
  if (!seen || seen.offFrom) return undefined;
  for await (const { start, head } of archive.headers(seen.timeline, file, signal)) {
    if (start > 0 || head === undefined) return undefined;
    const folder = path.join(stateDirectory, 'follow');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const shown = await readHead(file, { server, folder, signal });
    return shown.digest === head ? seen.timeline : undefined;
  }
  return undefined;
}
