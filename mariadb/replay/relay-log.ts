/**
 * Replaying by the relay log: the binlogs lie there as if a replica had fetched them, and the server's own threads apply
 * them, in parallel. The server stops exactly before a position and keeps `gtid_slave_pos`.
 */
import { chown, copyFile, mkdir, open, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { Owner } from '../restore/staging.ts';
import { rowsOf, type Connection } from '../server/sql.ts';
import { relayIndex } from './options.ts';
import { headBytes, type ProvenReplay } from './prove.ts';

const lookMs = 200;

/** How far the threads are. */
export interface RelayLook {
  running: boolean;
  /** Which of the files, from 0, and where in it. */
  number: number;
  position: number;
  /** 0: no error. */
  errno: number;
}

/**
 * Puts the files where the server finds its relay log, as links: they are only read. The folder belongs to `owner` then.
 *
 * @throws disk_full and what else the file system says
 */
export async function makeRelayLog(folder: string, proven: ProvenReplay, owner: Owner): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const names: string[] = [];
  for (const [number, file] of proven.files.entries()) {
    const place = relayPath(folder, number);
    names.push(place);
    // A file whose server crashed may end with a part of an event, which the threads would stumble over.
    const torn = number < proven.files.length - 1 && (await stat(file.path)).size > file.end;
    if (!torn) await symlink(file.path, place);
    else {
      await copyFile(file.path, place);
      await truncate(place, file.end);
      await chown(place, owner.uid, owner.gid);
    }
  }
  // The stop is noticed at the event behind it. Where nothing is behind it any more, this is.
  const place = relayPath(folder, proven.files.length);
  await using handle = await open(proven.files.at(-1)!.path, 'r');
  await writeFile(place, await headBytes(handle));
  await writeFile(relayIndex(folder), [...names, place, ''].join('\n'));
  for (const entry of [folder, place, relayIndex(folder)]) await chown(entry, owner.uid, owner.gid);
}

/** @param number of the file, from 0 */
export function relayPath(folder: string, number: number): string {
  return path.join(folder, relayName(number));
}

function relayName(number: number): string {
  return `relay.${String(number + 1).padStart(6, '0')}`;
}

/** Once: says where the relay log begins. The source's own name is needed, or parallel threads crash the server. */
export async function attachRelayLog(connection: Connection, { start }: ProvenReplay): Promise<void> {
  await rowsOf(
    connection,
    "CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_USER='nobody', MASTER_USE_GTID=no, MASTER_LOG_FILE=?, " +
      'MASTER_LOG_POS=?, RELAY_LOG_FILE=?, RELAY_LOG_POS=?',
    [start.file, start.position, relayName(0), start.position],
  );
}

/**
 * Has the threads run until the end that was proven, or until they stop with an error.
 *
 * @throws the signal's reason when it was aborted; replay_failed when the server is gone
 */
export async function runRelayLog(
  connection: Connection,
  proven: ProvenReplay,
  options: { signal: AbortSignal; onLook: (look: RelayLook) => void; said: () => Promise<string> },
): Promise<RelayLook> {
  const last = relayName(proven.files.length - 1);
  await ask(connection, options, 'START SLAVE SQL_THREAD UNTIL RELAY_LOG_FILE=?, RELAY_LOG_POS=?', [
    last,
    proven.lastEnd.position,
  ]);
  for (;;) {
    const found = await look(connection, options);
    options.onLook(found);
    if (!found.running) return found;
    await sleep(lookMs, undefined, { signal: options.signal }).catch(() => options.signal.throwIfAborted());
  }
}

interface SlaveStatus {
  Relay_Log_File: string;
  Relay_Log_Pos: number | bigint;
  Slave_SQL_Running: string;
  Last_SQL_Errno: number;
}

async function look(
  connection: Connection,
  options: { signal: AbortSignal; said: () => Promise<string> },
): Promise<RelayLook> {
  const [row] = await ask<SlaveStatus>(connection, options, 'SHOW SLAVE STATUS');
  return {
    running: row?.Slave_SQL_Running === 'Yes',
    number: Number(/\.(\d+)$/.exec(row?.Relay_Log_File ?? '')?.[1] ?? 1) - 1,
    position: Number(row?.Relay_Log_Pos ?? 0),
    errno: Number(row?.Last_SQL_Errno ?? 0),
  };
}

/** A server that is gone has said why in its log, and not to the one who asks. */
async function ask<Row>(
  connection: Connection,
  { signal, said }: { signal: AbortSignal; said: () => Promise<string> },
  sql: string,
  values?: unknown[],
): Promise<Row[]> {
  try {
    return await rowsOf<Row>(connection, sql, values);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof TidemarkError) || error.code !== 'database_unreachable') throw error;
    // What its threads log of a failing statement holds data.
    const lines = (await said()).split(' | ').filter((line) => !/Slave/.test(line));
    const told = lines.join(' | ') || messageOf(error);
    throw new TidemarkError('replay_failed', `The private server ended while it replayed: ${told}`, {
      cause: error,
    });
  }
}

/** Takes the relay log away from the server: it is as if it had never been a replica, but for `gtid_slave_pos`. */
export async function detachRelayLog(connection: Connection): Promise<void> {
  await rowsOf(connection, 'STOP SLAVE');
  await rowsOf(connection, 'RESET SLAVE ALL');
}
