/** What is left to do once tables have changed places. Each step may have been done already. */
import { setTimeout as sleep } from 'node:timers/promises';
import { listed } from '../../domain/dump.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import { type Connection, rowsOf } from '../server/sql.ts';
import { carryOut, type NamedDefinition, readTriggers, replacing, triggerStatement } from './definitions.ts';
import { quoted } from './names.ts';
import { contentOf } from './objects.ts';
import type { PartDatabase, PartRecord } from './record.ts';
import { foreignKeysIn } from './table-text.ts';

/** How long it waits for a table that others work on, and how long one try does. Milliseconds. */
interface Patience {
  lockWaitMs: number;
  giveUpMs: number;
}

/** @returns what could not be made as it was, each a sentence @throws database_unreachable */
export async function finishPart(
  live: Connection,
  { databases }: PartRecord,
  patience: Patience,
): Promise<string[]> {
  const warnings: string[] = [];
  const trying: Trying = async (what, work) => {
    try {
      await work();
    } catch (error) {
      if (error instanceof TidemarkError && error.code === 'database_unreachable') throw error;
      warnings.push(`${what} could not be made: ${reasonOf(error)}`);
    }
  };
  const makeKeys = async (keys: PartDatabase['outer']): Promise<void> => {
    for (const key of keys) {
      const what = `The foreign key ${key.name} of ${key.database}.${key.table} (${key.text})`;
      await trying(what, () => makeForeignKey(live, key, patience));
    }
  };
  for (const { children } of databases) await makeKeys(children);
  for (const database of databases) await dropReplaced(live, database);
  for (const database of databases) {
    await makeKeys([...database.inner, ...database.outer]);
    for (const table of new Set(database.triggers.map((trigger) => trigger.table))) {
      await trying(`The triggers of ${database.into}.${table}`, async () => {
        warnings.push(...(await nameTriggers(live, database, table, patience)));
      });
    }
    await makeRoutines(live, database, trying);
    warnings.push(...(await makeViews(live, database)));
    await dropExtras(live, database, trying);
    await rowsOf(live, `DROP DATABASE IF EXISTS ${quoted(database.scratch)}`);
  }
  return [...warnings, ...(await orphans(live, databases))];
}

type Trying = (what: string, work: () => Promise<void>) => Promise<void>;

/** Nobody works on the table while its key is made again; the server does not look at the rows for it. */
async function makeForeignKey(
  live: Connection,
  { database, table, name, staged, text }: PartDatabase['outer'][number],
  patience: Patience,
): Promise<void> {
  await underLock(live, { database, table }, patience, async () => {
    const [row] = await rowsOf<Record<string, string>>(live, `SHOW CREATE TABLE ${quoted(table)}`);
    const keys = new Set(foreignKeysIn(row?.['Create Table'] ?? '').map((key) => key.name));
    const before = staged ?? name;
    if (staged !== undefined && !keys.has(staged) && keys.has(name)) return;
    if (keys.has(before))
      await rowsOf(live, `ALTER TABLE ${quoted(table)} DROP FOREIGN KEY ${quoted(before)}`);
    await rowsOf(live, `ALTER TABLE ${quoted(table)} ADD ${text}`);
  });
}

/** Has work done while nobody else is at a table. */
async function underLock(
  live: Connection,
  { database, table }: { database: string; table: string },
  { lockWaitMs, giveUpMs }: Patience,
  work: () => Promise<void>,
): Promise<void> {
  await rowsOf(live, `USE ${quoted(database)}`);
  const end = Date.now() + giveUpMs;
  for (;;) {
    try {
      await rowsOf(live, `LOCK TABLES ${quoted(table)} WRITE`);
      break;
    } catch (error) {
      const { code } = error as { code?: unknown };
      // Of a trigger whose own tables are not there: the statements themselves take locks, too.
      if (code === 'ER_NO_SUCH_TABLE') break;
      if (code !== 'ER_LOCK_WAIT_TIMEOUT' || Date.now() >= end) throw error;
      await sleep(Math.min(1_000, lockWaitMs));
    }
  }
  try {
    await work();
  } finally {
    await rowsOf(live, 'UNLOCK TABLES');
  }
}

async function dropReplaced(live: Connection, { into, replaced }: PartDatabase): Promise<void> {
  for (const { aside, kind } of replaced) {
    const what = { table: 'TABLE', sequence: 'SEQUENCE', view: 'VIEW' }[kind];
    await rowsOf(live, `DROP ${what} IF EXISTS ${quoted(into, aside)}`);
  }
}

/** Those of before are gone with their tables, so that their names are free. @returns what is called otherwise */
async function nameTriggers(
  live: Connection,
  { into, triggers }: PartDatabase,
  table: string,
  patience: Patience,
): Promise<string[]> {
  const wanted = triggers.filter((trigger) => trigger.table === table);
  const warnings: string[] = [];
  await underLock(live, { database: into, table }, patience, async () => {
    const there = await readTriggers(live, into);
    const taken = new Map(there.map((trigger) => [trigger.name, trigger.table]));
    for (const { name, staged } of wanted) {
      const owner = taken.get(name);
      if (owner !== undefined && owner !== table) {
        warnings.push(
          `The trigger ${name} of ${into}.${table} is called ${staged}: ${owner} has one of its name.`,
        );
      } else if (taken.has(staged)) await rowsOf(live, `DROP TRIGGER ${quoted(into, staged)}`);
    }
    for (const trigger of wanted) {
      if (taken.has(trigger.name)) continue;
      await carryOut(live, triggerStatement(trigger, { database: into, name: trigger.name, table }));
    }
  });
  return warnings;
}

/** Grants on a routine go when it is dropped, and stay when it is replaced. */
async function makeRoutines(
  live: Connection,
  { into, routines, events }: PartDatabase,
  trying: Trying,
): Promise<void> {
  if (routines.length + events.length === 0) return;
  await rowsOf(live, `USE ${quoted(into)}`);
  for (const routine of routines) {
    const what = `The ${routine.kind.toLowerCase()} ${into}.${routine.name}`;
    await trying(what, () => carryOut(live, replacing(routine)));
  }
  for (const event of events) {
    await trying(`The event ${into}.${event.name}`, () => carryOut(live, replacing(event)));
  }
}

/** One may need another: as long as some can be made, the others are tried again. @returns which could not be made */
async function makeViews(live: Connection, { into, views }: PartDatabase): Promise<string[]> {
  if (views.length === 0) return [];
  await rowsOf(live, `USE ${quoted(into)}`);
  let left: readonly NamedDefinition[] = views;
  for (;;) {
    const failed: { view: NamedDefinition; reason: string }[] = [];
    for (const view of left) {
      try {
        await carryOut(live, replacing(view));
      } catch (error) {
        if (error instanceof TidemarkError && error.code === 'database_unreachable') throw error;
        failed.push({ view, reason: reasonOf(error) });
      }
    }
    if (failed.length > 0 && failed.length < left.length) {
      left = failed.map(({ view }) => view);
      continue;
    }
    return failed
      .slice(0, 5)
      .map(({ view: { name }, reason }) => `The view ${into}.${name} could not be made: ${reason}`);
  }
}

async function dropExtras(live: Connection, { into, dropped }: PartDatabase, trying: Trying): Promise<void> {
  for (const { kind, name } of dropped) {
    await trying(
      `${into}.${name}`,
      async () => void (await rowsOf(live, `DROP ${kind} IF EXISTS ${quoted(into, name)}`)),
    );
  }
}

const orphanSearchMs = 10_000;

/** Rows that refer to none: what came back is of another moment than what stayed. */
async function orphans(live: Connection, databases: readonly PartDatabase[]): Promise<string[]> {
  const found: string[] = [];
  const end = Date.now() + orphanSearchMs;
  for (const { outer, children } of databases) {
    for (const key of [...outer, ...children]) {
      if (Date.now() > end || !(await contentOf(live, key.database))) continue;
      if (await hasOrphans(live, key, end - Date.now()).catch(() => false)) {
        found.push(`${key.database}.${key.table} (${key.name})`);
      }
    }
  }
  if (found.length === 0) return [];
  return [`Rows refer to ones that are not there, because not all of it came back: ${listed(found)}.`];
}

async function hasOrphans(
  live: Connection,
  { database, table, name }: PartDatabase['outer'][number],
  limitMs: number,
): Promise<boolean> {
  await rowsOf(live, `USE ${quoted(database)}`);
  const [row] = await rowsOf<Record<string, string>>(live, `SHOW CREATE TABLE ${quoted(table)}`);
  const key = foreignKeysIn(row?.['Create Table'] ?? '').find((other) => other.name === name);
  if (!key) return false;
  const own = namesOf(key.columns);
  const others = namesOf(key.rest);
  const to = quoted(key.referencedDatabase ?? database, key.referencedTable);
  const joined = own.map((column, index) => `c.${column} = p.${others[index]}`).join(' AND ');
  const set = own.map((column) => `c.${column} IS NOT NULL`).join(' AND ');
  const rows = await rowsOf(
    live,
    `SET STATEMENT max_statement_time=${Math.max(1, Math.ceil(limitMs / 1000))} FOR ` +
      `SELECT 1 FROM ${quoted(table)} c WHERE ${set} AND NOT EXISTS (SELECT 1 FROM ${to} p WHERE ${joined}) LIMIT 1`,
  );
  return rows.length > 0;
}

/** The columns in the first brackets of a key's text. */
function namesOf(text: string): string[] {
  const [, list = ''] = /\(((?:`(?:[^`]|``)+`(?:, )?)+)\)/.exec(text) ?? [];
  return list.match(/`(?:[^`]|``)+`/g) ?? [];
}

/** The server's own words, without what the connector adds to them. */
function reasonOf(error: unknown): string {
  const said = (error as { sqlMessage?: unknown }).sqlMessage;
  return (typeof said === 'string' ? said : messageOf(error)).split('\n')[0] ?? '';
}
