/**
 * Replaying binlogs on a private server, from where a prepared copy stands to a place between two transactions. What it
 * was to come to is known beforehand, and compared with what it came to.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import type { RestoreSettings, ServerSettings } from '../../config/agent.ts';
import type { ArchivePoint } from '../../domain/archive/facts.ts';
import { GtidState, parseGtids } from '../../domain/binlog/gtid.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { Layout } from '../../domain/layout.ts';
import type { Attempt } from '../context.ts';
import { workingMemory } from '../restore/memory.ts';
import { type PrivateServer, withPrivateServer } from '../restore/private-server.ts';
import { usedBytes } from '../restore/room.ts';
import { type Owner, workFolder } from '../restore/staging.ts';
import { type Connection, rowsOf } from '../server/sql.ts';
import { besideSentence, findBeside } from './beside.ts';
import { eventStatuses, settleEvents, statementsOf } from './events.ts';
import { madeElse } from './left-out.ts';
import { outsideEngines, replayArguments, unlike } from './options.ts';
import { replayByPipe } from './pipe.ts';
import { proveBinlogs, type ProvenReplay } from './prove.ts';
import {
  attachRelayLog,
  detachRelayLog,
  makeRelayLog,
  type RelayLook,
  relayPath,
  runRelayLog,
} from './relay-log.ts';

/** What even a small copy is replayed with. */
const smallCopyBytes = 256 * 1024 ** 2;
/** Of the threads: the relay log cannot be read or used. What the binlogs hold was found right before. */
const unreadable = new Set([1200, 1201, 1594, 1595, 1872]);
const full = new Set([1021, 1114]);

export interface ReplayOptions {
  server: ServerSettings;
  restore: Pick<RestoreSettings, 'memory_share'>;
  layout: Layout;
  /** The prepared copy. */
  directory: string;
  owner: Owner;
  attempt: Attempt;
  proven: ProvenReplay;
  /** How the binlogs are replayed; by default by the relay log. */
  way?: 'relay' | 'pipe';
  threads?: number;
  /** Bytes of the binlogs that were replayed. `looks` counts how often the server was seen at work. */
  onProgress?: (bytes: number, looks: number) => void;
}

export interface ReplayResult {
  /** As planned, and as the server has it. */
  reached: ArchivePoint;
  way: 'relay' | 'pipe';
  transactions: number;
  /** What a person should know, each a sentence. */
  notes: string[];
}

/** Of all files together. */
function replayBytes({ files }: ProvenReplay): number {
  return files.reduce((sum, { begin, end }) => sum + end - begin, 0);
}

/**
 * Brings the copy to where the binlogs lead. Once this was interrupted nobody can say what the copy is: it has to be made
 * anew. Afterwards its files are not synced.
 *
 * @throws replay_failed, private_server_failed, disk_full, tool_missing; the signal's reason when it was aborted
 */
export async function replayBinlogs(options: ReplayOptions): Promise<ReplayResult> {
  const { proven, directory, owner } = options;
  const bytes = replayBytes(proven);
  const folder = path.join(directory, workFolder, 'relay');
  const useful = smallCopyBytes + (await usedBytes(directory)) + bytes;
  const memoryBytes = await workingMemory(options.restore.memory_share, useful);
  await makeRelayLog(folder, proven, owner);
  const further = replayArguments({
    folder,
    serverId: unlike(proven.serverIds),
    bytes,
    ...(options.threads !== undefined && { threads: options.threads }),
  });
  try {
    return await withPrivateServer({ ...options, memoryBytes, further }, (target) =>
      run(options, target, folder),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(options: ReplayOptions, target: PrivateServer, folder: string): Promise<ReplayResult> {
  const { proven } = options;
  const { connection } = target;
  const notes = await leaveOut(connection, options);
  const before = await eventStatuses(connection);
  await rowsOf(connection, 'SET GLOBAL gtid_slave_pos = ?', [proven.start.gtid]);
  let way = options.way ?? 'relay';
  if (proven.transactions > 0) {
    const begin = { number: 0, position: proven.start.position, begun: 0 };
    const reason = way === 'pipe' ? undefined : await byRelayLog(options, target);
    if (way === 'pipe') await byPipe(options, target, folder, begin);
    else if (reason) {
      way = 'pipe';
      const { begun } = await requireStopped(options, connection, reason);
      notes.push(reason.text);
      await byPipe(options, target, folder, { ...reason, begun });
    }
    await detachRelayLog(connection);
  }
  await requireGtid(connection, proven.stop);
  const unknown = await settleEvents(connection, before, proven.definitions);
  if (unknown.length > 0) {
    notes.push(`Events stay disabled, because nobody knows whether they were: ${unknown.join(', ')}.`);
  }
  notes.push(...(await preparedXa(connection)));
  return { reached: proven.stop, way, transactions: proven.transactions, notes };
}

/** @returns where the pipe has to go on, and why, when the relay log cannot be used */
async function byRelayLog(
  options: ReplayOptions,
  { connection, said }: PrivateServer,
): Promise<{ number: number; position: number; text: string } | undefined> {
  const { proven, attempt } = options;
  await attachRelayLog(connection, proven);
  let looks = 0;
  const watch = {
    signal: attempt.signal,
    said,
    onLook: (look: RelayLook) => void tell(options, look, (looks += 1)),
  };
  let end = await runRelayLog(connection, proven, watch);
  if (end.errno !== 0 && !unreadable.has(end.errno) && !full.has(end.errno)) {
    attempt.log.warn(
      { errno: end.errno },
      'The parallel threads stopped: one thread goes on where they are.',
    );
    await rowsOf(connection, 'STOP SLAVE');
    await rowsOf(connection, 'SET GLOBAL slave_parallel_threads = 0');
    end = await runRelayLog(connection, proven, watch);
  }
  const place = `${proven.files[end.number]?.name ?? ''}:${end.position}`;
  if (full.has(end.errno)) {
    throw new TidemarkError(
      'disk_full',
      `The private server found the disk full while it replayed ${place}.`,
    );
  }
  if (unreadable.has(end.errno)) {
    return {
      ...end,
      text: `From ${place} on the binlogs were replayed by mariadb-binlog (error ${end.errno}).`,
    };
  }
  const last = proven.files.length - 1;
  if (end.errno !== 0 || end.number !== last || end.position !== proven.lastEnd.position) {
    const what = end.errno === 0 ? 'without an error' : `with error ${end.errno} of MariaDB`;
    throw new TidemarkError(
      'replay_failed',
      `The replay of the binlogs stopped at ${place} ${what}; it should have come to ` +
        `${proven.lastEnd.file}:${proven.lastEnd.position}.`,
    );
  }
  return undefined;
}

function tell({ proven, onProgress }: ReplayOptions, { number, position }: RelayLook, looks: number): void {
  const file = proven.files[number];
  if (!file) return;
  const before = proven.files.slice(0, number).reduce((sum, { begin, end }) => sum + end - begin, 0);
  onProgress?.(before + Math.min(Math.max(0, position - file.begin), file.end - file.begin), looks);
}

/** Where threads of several domains stopped, one may be ahead of the place: going on there would apply it twice. */
async function requireStopped(
  { proven, attempt }: ReplayOptions,
  connection: Connection,
  { number, position }: { number: number; position: number },
): Promise<ProvenReplay> {
  await rowsOf(connection, 'STOP SLAVE');
  const files = proven.files.slice(0, number + 1);
  const stop = { at: { file: files.at(-1)?.name ?? '', position } };
  const here = await proveBinlogs({ files, start: proven.start, stop }, { signal: attempt.signal });
  await requireGtid(connection, here.stop);
  return here;
}

/** @param from where it begins, and what was begun before */
async function byPipe(
  { server, attempt, proven }: ReplayOptions,
  target: PrivateServer,
  folder: string,
  { number, position, begun }: { number: number; position: number; begun: number },
): Promise<void> {
  const files = proven.files.slice(number).map((_, index) => relayPath(folder, number + index));
  await replayByPipe({
    server,
    attempt,
    target,
    files,
    from: position,
    to: proven.lastEnd.position,
    begun: proven.begun - begun,
  });
  await rowsOf(target.connection, 'STOP SLAVE');
  // The client leaves none there.
  await rowsOf(target.connection, 'SET GLOBAL gtid_slave_pos = ?', [proven.stop.gtid]);
}

/**
 * Leaves out the tables of which the copy has no rows: no row of theirs can be changed or removed, that would end the
 * replay. MEMORY tables came back empty; those of other engines reach outside of the copy. Also takes away what the user's
 * own file leaves out of a replication.
 *
 * @throws replay_failed where a statement makes something else of such a table
 */
async function leaveOut(connection: Connection, { proven, attempt }: ReplayOptions): Promise<string[]> {
  const filters = await rowsOf<{ name: string }>(
    connection,
    "SELECT LOWER(VARIABLE_NAME) AS name FROM information_schema.SYSTEM_VARIABLES WHERE VARIABLE_NAME LIKE 'replicate\\_%' " +
      "AND VARIABLE_NAME RLIKE '_(DB|TABLE)$' AND READ_ONLY = 'NO'",
  );
  for (const { name } of filters) await rowsOf(connection, `SET GLOBAL ${name} = ''`);
  // The server does not have the engines that reach elsewhere here: it knows their names alone.
  const tables = await rowsOf<{ name: string; engine: string | null }>(
    connection,
    "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) AS name, ENGINE AS engine FROM information_schema.TABLES " +
      `WHERE (ENGINE IN ('MEMORY', ?) OR (ENGINE IS NULL AND TABLE_COMMENT RLIKE ?)) ` +
      "AND TABLE_SCHEMA NOT IN ('information_schema', 'performance_schema', 'sys') ORDER BY 1",
    [outsideEngines, `'(${outsideEngines.join('|')})'`],
  );
  if (tables.length === 0) return [];
  const names = tables.map(({ name }) => name);
  await requireLeftAlone(proven, new Set(names));
  // A name with a comma cannot be told: its first row that is changed ends the replay.
  await rowsOf(connection, 'SET GLOBAL replicate_ignore_table = ?', [
    names.filter((name) => !name.includes(',')).join(','),
  ]);
  const isEmpty = ({ engine }: { engine: string | null }): boolean => engine === 'MEMORY';
  const empty = tables.filter(isEmpty).map(({ name }) => name);
  const outside = tables.filter((table) => !isEmpty(table)).map(({ name }) => name);
  return [
    ...(empty.length === 0
      ? []
      : [
          `Tables of the engine MEMORY are empty, and as they were defined in the backup: ${empty.join(', ')}.`,
        ]),
    ...(outside.length === 0
      ? []
      : [
          'Tables whose rows lie elsewhere are as they were defined in the backup, and nothing was written to them: ' +
            `${outside.join(', ')}.`,
        ]),
    ...besideSentence(await findBeside(proven.files, proven.start, new Set(names), attempt.signal)),
  ];
}

/** The server leaves out a statement on such a table as a whole, with all else that it does. */
async function requireLeftAlone({ definitions }: ProvenReplay, names: ReadonlySet<string>): Promise<void> {
  for await (const { database, statement } of statementsOf(definitions)) {
    const name = madeElse(statement, database, names);
    if (name === undefined) continue;
    throw new TidemarkError(
      'replay_failed',
      `The replay leaves out the table ${name}, whose rows no backup has, and a statement in the binlogs makes another ` +
        'table of it, or changes others with it. Begin with a backup that was taken after that, or stop before it.',
    );
  }
}

async function requireGtid(connection: Connection, { gtid, file, position }: ArchivePoint): Promise<void> {
  const [row] = await rowsOf<{ state: string }>(connection, 'SELECT @@GLOBAL.gtid_slave_pos AS state');
  const state = (text: string): string => new GtidState(parseGtids(text) ?? []).position();
  if (state(row?.state ?? '') === state(gtid)) return;
  throw new TidemarkError(
    'replay_failed',
    `The replay came to ${row?.state ?? 'no GTID'}, and ${file}:${position} is at ${gtid}.`,
  );
}

/** Nobody can end them but who began them; until then they hold their locks. */
async function preparedXa(connection: Connection): Promise<string[]> {
  const { length } = await rowsOf(connection, 'XA RECOVER');
  if (length === 0) return [];
  return [
    `XA transactions are prepared at this point, and hold locks until they are ended by XA COMMIT or XA ROLLBACK: ${length}.`,
  ];
}
