/**
 * Bringing part of a copy to the running server: into databases of its own there, which nobody knows. What is there
 * already is not touched before all of it is loaded.
 */
import type { ServerSettings } from '../../config/agent.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { type PartRequest, wantedOf } from '../../domain/part.ts';
import { measure } from '../../domain/progress.ts';
import type { Attempt } from '../context.ts';
import type { LoadAccount } from '../dump/load.ts';
import { lowerPacket, raisePacket } from '../dump/packet.ts';
import { freeBytes } from '../restore/room.ts';
import { type Connection, rowsOf } from '../server/sql.ts';
import { ownSqlMode } from './definitions.ts';
import { connectToLive, requireForPart } from './live.ts';
import { quoted, tagOf } from './names.ts';
import { choose } from './objects.ts';
import { type PartPlan, planPart } from './plan.ts';
import { type PartDatabase, type PartRecord, writePart } from './record.ts';
import { sweepPart } from './sweep.ts';
import { transferRows } from './transfer.ts';
import { textsBefore, widenFloats } from './floats.ts';

export interface BringOptions {
  server: ServerSettings;
  /** Where the data of the running server lies. */
  dataDirectory: string;
  restoreId: number;
  workflowId: string;
  request: PartRequest;
  /** The copy's private server. It is not what the backup was any more afterwards. */
  copy: { connection: Connection; account: LoadAccount };
  lockWaitMs: number;
  attempt: Attempt;
}

export interface Brought {
  tables: number;
  /** As the copy's server estimates them. */
  bytes: number;
}

/**
 * Starts over when called again.
 *
 * @throws part_not_found, part_conflict, privilege_missing, disk_full, load_failed, backup_tool_failed,
 *   database_unreachable
 */
export async function bringPart(options: BringOptions): Promise<Brought> {
  const { server, request, attempt, copy, workflowId, lockWaitMs } = options;
  await sweepPart({ server, folder: attempt.folder, workflowId, lockWaitMs });
  await requireForPart(server, request);
  await using live = await connectToLive(server, lockWaitMs);
  const chosen = await choose(copy.connection, wantedOf(request.include));
  const tag = tagOf(options);
  const before = await textsBefore(attempt.folder);
  const plan = await planPart({ copy: copy.connection, live, request, tag, chosen, before });
  await requireRoom(live, plan, options.dataDirectory);
  const warnings = [
    ...plan.warnings,
    ...(await widenFloats(copy.connection, plan.databases, attempt.folder)),
  ];
  const record: PartRecord = {
    format: 1,
    workflowId,
    state: 'loading',
    databases: plan.databases,
    warnings,
  };
  await writePart(attempt.folder, record);
  await raisePacket(live, attempt.folder);
  try {
    const total = plan.databases.reduce((sum, { incoming }) => sum + bytesOf(incoming), 0);
    const begun = Date.now();
    let done = 0;
    for (const database of plan.databases) {
      await makeEmpty(copy.connection, live, database, plan, attempt.signal);
      const tables = database.incoming.filter(({ kind }) => kind === 'table').map(({ name }) => name);
      if (tables.length === 0) continue;
      done += await transferRows({
        server,
        account: copy.account,
        from: database.from,
        into: database.scratch,
        tables,
        attempt,
        onProgress: (bytes) => {
          attempt.report(
            measure('loading', done + bytes, Math.max(total, 1), Date.now() - begun),
            done + bytes,
          );
        },
      });
    }
    await writePart(attempt.folder, { ...record, state: 'loaded' });
    return { tables: plan.databases.reduce((sum, { incoming }) => sum + incoming.length, 0), bytes: total };
  } finally {
    await lowerPacket(server, attempt.folder);
  }
}

function bytesOf(objects: readonly { bytes: number }[]): number {
  return objects.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The tables beside those of now; as much again is in the binlog. */
async function requireRoom(live: Connection, { databases }: PartPlan, dataDirectory: string): Promise<void> {
  const [row] = await rowsOf<{ logBin: number }>(live, 'SELECT @@log_bin AS logBin');
  const bytes = databases.reduce((sum, { incoming }) => sum + bytesOf(incoming), 0);
  const needed = bytes * (Number(row?.logBin ?? 0) === 1 ? 2 : 1);
  const free = await freeBytes(dataDirectory);
  if (free >= needed) return;
  throw new TidemarkError(
    'disk_full',
    `What is to be brought back needs ${needed} bytes on the file system of ${dataDirectory}, its binlog included, and ` +
      `${free} are free. Free ${needed - free} bytes. Nothing was changed.`,
  );
}

/** The databases and tables, without a row in them. */
async function makeEmpty(
  copy: Connection,
  live: Connection,
  database: PartDatabase,
  { texts }: PartPlan,
  signal: AbortSignal,
): Promise<void> {
  const { from, into, scratch, created, characterSet, collation } = database;
  const like = `CHARACTER SET ${characterSet} COLLATE ${collation}`;
  await rowsOf(live, `CREATE DATABASE ${quoted(scratch)} ${like}`);
  if (created) await rowsOf(live, `CREATE DATABASE IF NOT EXISTS ${quoted(into)} ${like}`);
  for (const name of database.early) await makeSequence(copy, live, { from, into, name });
  await rowsOf(live, `USE ${quoted(scratch)}`);
  for (const { name, kind } of database.incoming) {
    signal.throwIfAborted();
    if (kind === 'sequence') await makeSequence(copy, live, { from, into: scratch, name });
    else await makeTable(live, from, name, texts.get(database)?.get(name) ?? '');
  }
}

async function makeTable(live: Connection, from: string, name: string, text: string): Promise<void> {
  try {
    await rowsOf(live, text);
  } catch (error) {
    const { sqlMessage, errno } = error as { sqlMessage?: unknown; errno?: unknown };
    if (typeof errno !== 'number') throw error;
    throw new TidemarkError(
      'load_failed',
      `The server does not take the table ${from}.${name}: ERROR ${errno}: ${String(sqlMessage).split('\n')[0]} ` +
        'Nothing was changed.',
      { cause: error },
    );
  }
}

/** With the number that it stands at. */
async function makeSequence(
  copy: Connection,
  live: Connection,
  { from, into, name }: { from: string; into: string; name: string },
): Promise<void> {
  const [shown] = await rowsOf<Record<string, string>>(copy, `SHOW CREATE SEQUENCE ${quoted(from, name)}`);
  const text = shown?.['Create Table'] ?? Object.values(shown ?? {})[1] ?? '';
  const [row] = await rowsOf<{ next: number | string; cycles: number | string }>(
    copy,
    `SELECT next_not_cached_value AS next, cycle_count AS cycles FROM ${quoted(from, name)}`,
  );
  await rowsOf(live, `SET SESSION sql_mode=?`, [ownSqlMode]);
  await rowsOf(live, `USE ${quoted(into)}`);
  await rowsOf(live, text);
  await rowsOf(live, `SELECT SETVAL(${quoted(name)}, ${row?.next ?? 1}, 0, ${row?.cycles ?? 0})`);
}
