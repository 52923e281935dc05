/**
 * What was loaded takes the place of what is there: all tables of all databases in one statement, which the server carries
 * out as a whole or not at all. What depends on them is made ready before, under names of its own, so that there is no
 * moment in which a table is there without its triggers and without the keys between what comes back. Afterwards there is
 * no way back, and whatever is left to do is done by whoever comes next.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerSettings } from '../../config/agent.ts';
import { listed } from '../../domain/dump.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { Attempt } from '../context.ts';
import { type Connection, rowsOf } from '../server/sql.ts';
import { becomeAlone } from './alone.ts';
import { carryOut, triggerStatement } from './definitions.ts';
import { finishPart } from './finish.ts';
import { connectToLive, untilItWorks } from './live.ts';
import { quoted } from './names.ts';
import { contentOf } from './objects.ts';
import { type PartRecord, readPart, writePart } from './record.ts';

export interface ExchangeOptions {
  server: ServerSettings;
  workflowId: string;
  /** How long one try waits for the tables, while others wait behind it; and how long it is tried. Milliseconds. */
  lockWaitMs: number;
  giveUpMs: number;
  attempt: Attempt;
}

/**
 * May be called again after any interruption. From the exchange on it is not ended by the attempt's signal.
 *
 * @returns what a person should know, each a sentence
 * @throws part_locked when others did not let go of the tables, load_failed when a trigger cannot be made: nothing was
 *   changed then; put_back_failed when what is left to do after the exchange is refused: the next call goes on;
 *   host_busy while an earlier attempt's statement is not over; database_unreachable; the signal's reason
 */
export async function exchangePart(options: ExchangeOptions): Promise<string[]> {
  const { server, attempt, lockWaitMs } = options;
  const record = await readPart(attempt.folder);
  if (record?.workflowId !== options.workflowId || record.state === 'loading') {
    throw new TidemarkError(
      'load_failed',
      'Nothing is loaded that could be brought back: order the restore again.',
    );
  }
  if (record.state === 'done') return record.warnings;
  await using live = await connectToLive(server, lockWaitMs);
  await becomeAlone(live, record, lockWaitMs);
  let { state } = record;
  if (state === 'exchanging' && (await isExchanged(live, record))) state = 'exchanged';
  if (state !== 'exchanged') {
    await stage(live, record);
    await makeTriggers(live, record);
    attempt.signal.throwIfAborted();
    await writePart(attempt.folder, { ...record, state: 'exchanging' });
    await exchange(live, record, options);
  }
  await writePart(attempt.folder, { ...record, state: 'exchanged' });
  try {
    const warnings = [...record.warnings, ...(await finishPart(live, record, options))];
    await writePart(attempt.folder, { ...record, state: 'done', warnings });
    return warnings;
  } catch (error) {
    throw untilItWorks(error, 'What came back is there, and not yet all that belongs to it');
  }
}

/** Whether the tables have changed places: the statement that does it is carried out whole or not at all. */
export async function isExchanged(live: Connection, { databases }: PartRecord): Promise<boolean> {
  for (const { into, scratch, incoming, replaced } of databases) {
    const there = await namesIn(live, into);
    const waiting = await namesIn(live, scratch);
    if (incoming.some(({ name, staged }) => there.has(staged) || waiting.has(name))) return false;
    if (incoming.length === 0 && replaced.some(({ name }) => there.has(name))) return false;
  }
  return true;
}

async function namesIn(live: Connection, database: string): Promise<Set<string>> {
  const content = await contentOf(live, database);
  return new Set(content?.objects.map(({ name }) => name));
}

/** Into the database that they are for, under names of their own: a trigger cannot be taken to another database. */
async function stage(live: Connection, { databases }: PartRecord): Promise<void> {
  const moves: string[] = [];
  for (const { into, scratch, incoming } of databases) {
    const waiting = await namesIn(live, scratch);
    for (const { name, staged } of incoming) {
      if (waiting.has(name)) moves.push(`${quoted(scratch, name)} TO ${quoted(into, staged)}`);
    }
  }
  if (moves.length > 0) await rowsOf(live, `RENAME TABLE ${moves.join(', ')}`);
}

async function makeTriggers(live: Connection, { databases }: PartRecord): Promise<void> {
  for (const { into, incoming, triggers } of databases) {
    const staged = new Map(incoming.map((object) => [object.name, object.staged]));
    for (const trigger of triggers) {
      const table = staged.get(trigger.table);
      if (table === undefined) continue;
      await rowsOf(live, `DROP TRIGGER IF EXISTS ${quoted(into, trigger.staged)}`);
      await rowsOf(live, `USE ${quoted(into)}`);
      try {
        await carryOut(live, triggerStatement(trigger, { database: into, name: trigger.staged, table }));
      } catch (error) {
        if (error instanceof TidemarkError) throw error;
        throw new TidemarkError(
          'load_failed',
          `The server does not take the trigger ${trigger.name} of ${into}.${trigger.table}: ${messageOf(error).split('\n')[0]} ` +
            'Nothing was changed.',
          { cause: error },
        );
      }
    }
  }
}

/** The moment itself. A try is short, because whoever comes for the tables meanwhile waits behind it. */
async function exchange(
  live: Connection,
  { databases }: PartRecord,
  { lockWaitMs, giveUpMs, attempt: { signal } }: ExchangeOptions,
): Promise<void> {
  const moves: string[] = [];
  for (const { into, replaced } of databases) {
    for (const { name, aside } of replaced) moves.push(`${quoted(into, name)} TO ${quoted(into, aside)}`);
  }
  for (const { into, incoming } of databases) {
    for (const { name, staged } of incoming) moves.push(`${quoted(into, staged)} TO ${quoted(into, name)}`);
  }
  if (moves.length === 0) return;
  const end = Date.now() + giveUpMs;
  for (;;) {
    try {
      await rowsOf(live, `RENAME TABLE ${moves.join(', ')}`);
      return;
    } catch (error) {
      signal.throwIfAborted();
      if ((error as { code?: unknown }).code !== 'ER_LOCK_WAIT_TIMEOUT') throw error;
      if (Date.now() >= end) throw locked(databases, giveUpMs, error);
      await sleep(Math.min(1_000, lockWaitMs), undefined, { signal });
    }
  }
}

function locked(databases: PartRecord['databases'], giveUpMs: number, cause: unknown): TidemarkError {
  const names = databases.flatMap(({ into, replaced }) => replaced.map(({ name }) => `${into}.${name}`));
  return new TidemarkError(
    'part_locked',
    `Others have worked on ${listed(names)} all the time for ${Math.round(giveUpMs / 1000)} s, so that what was loaded could ` +
      'not take their place: see SHOW PROCESSLIST, end what holds them, and order it again. Nothing was changed.',
    { cause },
  );
}
