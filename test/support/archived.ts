/** Archived binlogs, put together again and held against what the server has. */
import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect } from '@jest/globals';
import { meeting, type SegmentArchive, type SegmentHeader } from '../../domain/archive/header.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { TestServer } from './mariadb.ts';
import { runFolder } from './run.ts';
import { until } from './until.ts';

const run = promisify(execFile);
const inUseByte = 21;

/** Of all files of a timeline. */
export async function allHeaders(archive: SegmentArchive, timeline: string): Promise<SegmentHeader[]> {
  const all: SegmentHeader[] = [];
  for await (const file of archive.files(timeline)) all.push(...(await headersOf(archive, timeline, file)));
  return all;
}

/** What can be expected of any header. */
export function expectSound(headers: readonly SegmentHeader[]): void {
  for (const { clock, start, end, wholeEnd, index } of headers) {
    for (const [at, { t0, t1, position }] of clock.entries()) {
      expect(t0 <= t1).toBe(true);
      if (at > 0) expect(t0 >= clock[at - 1]!.t0 && position >= clock[at - 1]!.position).toBe(true);
    }
    for (const { position } of index) expect(position >= start && position < end).toBe(true);
    expect(wholeEnd >= start && wholeEnd <= end).toBe(true);
  }
}

export async function headersOf(
  archive: SegmentArchive,
  timeline: string,
  file: string,
): Promise<SegmentHeader[]> {
  const headers: SegmentHeader[] = [];
  for await (const header of archive.headers(timeline, file)) headers.push(header);
  return headers;
}

/**
 * A file as its segments have it, empty where it has none. Each is checked against what its header says. Read anew, some times, where small ones
 * were joined meanwhile, and are gone.
 *
 * @param identity a file of age's
 */
export async function rebuilt(
  archive: SegmentArchive,
  timeline: string,
  file: string,
  identity?: string,
  attempts = 5,
): Promise<Buffer> {
  try {
    return await readOnce(archive, timeline, file, identity);
  } catch (error) {
    const gone = error instanceof TidemarkError && error.code === 'object_missing';
    if (!gone || attempts === 1) throw error;
    return await rebuilt(archive, timeline, file, identity, attempts - 1);
  }
}

async function readOnce(
  archive: SegmentArchive,
  timeline: string,
  file: string,
  identity?: string,
): Promise<Buffer> {
  const { segments, gap } = meeting(await headersOf(archive, timeline, file));
  expect({ file, gap }).toEqual({ file, gap: undefined });
  // What was begun and has no header yet has nothing.
  if (segments.length === 0) return Buffer.alloc(0);
  expect(segments[0]?.start).toBe(0);
  const parts: Buffer[] = [];
  for (const [index, header] of segments.entries()) {
    const part = await unpacked(await archive.body(header), identity);
    expect(part.length).toBe(header.end - header.start);
    expect(hash('sha256', part)).toBe(header.plainSha256);
    if (index > 0) expect(header.stateBefore).toBe(segments[index - 1]!.stateAfter);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

async function unpacked(body: Buffer, identity?: string): Promise<Buffer> {
  const folder = await mkdtemp(path.join(runFolder(), 'unpacked-'));
  const file = path.join(folder, 'segment');
  await writeFile(file, body);
  const opened = identity === undefined ? 'cat "$0"' : 'age -d -i "$1" "$0"';
  try {
    await run('/bin/sh', ['-c', `${opened} | zstd -d -q -c > "$0.plain"`, file, identity ?? '']);
    return await readFile(`${file}.plain`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * Every binlog of the server, from `first` on, is in the archive byte for byte, the flag of a file in use aside.
 *
 * @param asSent what is compared is what the server sends, not its files: it encrypts them
 * @returns their names
 */
export async function expectSame(
  server: TestServer,
  archive: SegmentArchive,
  timeline: string,
  { first = '', asSent = false, identity }: { first?: string; asSent?: boolean; identity?: string } = {},
): Promise<string[]> {
  const logs = await server.query<{ Log_name: string }>('SHOW BINARY LOGS');
  const names = logs.map(({ Log_name: name }) => name).filter((name) => name >= first);
  const folder = asSent ? await sent(server, names) : server.dataDirectory;
  for (const name of names) {
    const theirs = await readFile(path.join(folder, name));
    theirs[inUseByte]! &= ~1;
    // The server notes a checkpoint in a file a moment after it was begun.
    await until(
      async () => (await headersOf(archive, timeline, name)).some(({ end }) => end === theirs.length),
      30_000,
    );
    const ours = await rebuilt(archive, timeline, name, identity);
    expect({ name, bytes: ours.length }).toEqual({ name, bytes: theirs.length });
    expect({ name, same: ours.equals(theirs) }).toEqual({ name, same: true });
  }
  expect(names.length).toBeGreaterThan(0);
  return names;
}

async function sent(server: TestServer, names: string[]): Promise<string> {
  const folder = await mkdtemp(path.join(runFolder(), 'sent-'));
  const args = [`--defaults-file=${server.settings.client_file}`, '--read-from-remote-server', '--raw'];
  await run('mariadb-binlog', [...args, `--result-file=${folder}/`, '--to-last-log', names[0] ?? '']);
  return folder;
}
