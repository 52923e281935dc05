/** What has to be done on the running server to bring part of a copy back: read from both, before anything is changed. */
import { listed } from '../../domain/dump.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { PartRequest } from '../../domain/part.ts';
import { type Connection, rowsOf } from '../server/sql.ts';
import {
  disabled,
  eventNames,
  readEvents,
  readPlainly,
  readRoutines,
  readTriggers,
  readViews,
  routineNames,
} from './definitions.ts';
import { childrenOf } from './children.ts';
import { quoted } from './names.ts';
import {
  type ChosenDatabase,
  contentOf,
  type DatabaseContent,
  type DatabaseObject,
  namesOf,
} from './objects.ts';
import type { PartDatabase } from './record.ts';
import { foreignKeysIn, foreignKeyText, sequencesIn, withForeignKeys, withSequences } from './table-text.ts';

export interface PartPlan {
  databases: PartDatabase[];
  /** Of the tables of each database: CREATE TABLE without its database, as it is made in the scratch. */
  texts: Map<PartDatabase, Map<string, string>>;
  warnings: string[];
}

/** Engines without rows of their own: what such a table shows lies elsewhere. */
const rowless = new Set(['MRG_MyISAM', 'FEDERATED', 'CONNECT', 'SPIDER', 'SPHINX', 'OQGRAPH', 'S3']);

interface Planning {
  copy: Connection;
  live: Connection;
  request: PartRequest;
  tag: string;
  chosen: readonly ChosenDatabase[];
  /** What tables of the copy were before an earlier attempt altered them. */
  before: ReadonlyMap<string, string>;
  fold: (name: string) => string;
  /** Gives names out that are nobody's. */
  next: (kind: string) => string;
  warnings: string[];
}

/** @throws part_conflict; what the servers say of what cannot be read */
export async function planPart(
  options: Pick<Planning, 'copy' | 'live' | 'request' | 'tag' | 'chosen' | 'before'>,
): Promise<PartPlan> {
  let count = 0;
  const planning: Planning = {
    ...options,
    fold: await namesOf(options.live),
    next: (kind) => `${options.tag}_${kind}${(count += 1)}`,
    warnings: [],
  };
  const texts: PartPlan['texts'] = new Map();
  const databases: PartDatabase[] = [];
  for (const chosen of options.chosen) {
    const { database, tables } = await planDatabase(planning, chosen);
    databases.push(database);
    texts.set(database, tables);
  }
  if (options.request.as === undefined) {
    const found = await childrenOf(options.live, databases, planning.fold);
    for (const { into, keys } of found) into.children.push(...keys);
  }
  return { databases, texts, warnings: planning.warnings };
}

async function planDatabase(
  planning: Planning,
  chosen: ChosenDatabase,
): Promise<{ database: PartDatabase; tables: Map<string, string> }> {
  const { copy, live, request, fold, next, warnings } = planning;
  const from = chosen.name;
  const into = request.as ?? from;
  const there = await contentOf(live, into);
  const own = chosen.objects.filter((object) => !isRowless(object));
  noteRowless(planning, chosen);
  await readPlainly(copy, from);
  const database: PartDatabase = {
    from,
    into,
    scratch: next('s'),
    created: !there,
    characterSet: chosen.characterSet,
    collation: chosen.collation,
    early: [],
    incoming: [],
    replaced: [],
    triggers: [],
    inner: [],
    outer: [],
    children: [],
    views: await readViews(copy, named(own, 'view')),
    routines: chosen.whole ? await readRoutines(copy, from) : [],
    events: chosen.whole ? await readEvents(copy, from) : [],
    dropped: [],
  };
  if (request.as !== undefined && database.events.length > 0) {
    database.events = database.events.map(disabled);
    warnings.push(`The events of ${into} are disabled, because those of ${from} run already.`);
  }
  for (const { name, kind, bytes } of own) {
    if (kind === 'view') continue;
    const inTheWay = there?.objects.some((other) => fold(other.name) === fold(name));
    if (kind === 'sequence' && !inTheWay) database.early.push(name);
    else database.incoming.push({ name, kind, staged: next('n'), bytes });
  }
  database.replaced = replacedBy(planning, chosen, own, there);
  if (chosen.whole && request.as === undefined && there) {
    database.dropped = await droppedWith(planning, chosen, there, database);
  }
  const tables = await planTables(planning, own, database);
  const included = new Set(tables.keys());
  for (const trigger of await readTriggers(copy, from)) {
    if (included.has(trigger.table)) database.triggers.push({ ...trigger, staged: next('t') });
  }
  return { database, tables };
}

function isRowless({ kind, engine }: DatabaseObject): boolean {
  return kind === 'table' && rowless.has(engine);
}

function noteRowless({ warnings }: Planning, { name: db, objects }: ChosenDatabase): void {
  const tables = objects.filter(isRowless).map(({ name, engine }) => `${quoted(db, name)} (${engine})`);
  if (tables.length === 0) return;
  warnings.push(
    `Tables whose rows lie elsewhere were left as they are, and are made again by hand where they are missing: ${listed(tables)}.`,
  );
}

function named(objects: readonly DatabaseObject[], kind: DatabaseObject['kind']): string[] {
  return objects.filter((object) => object.kind === kind).map(({ name }) => name);
}

/** What has to go out of the way: what has the same name, and of a whole database what is not in the copy. */
function replacedBy(
  { fold, next }: Planning,
  { objects, whole }: ChosenDatabase,
  own: readonly DatabaseObject[],
  there: DatabaseContent | undefined,
): PartDatabase['replaced'] {
  const kindOf = new Map(own.map(({ name, kind }) => [fold(name), kind]));
  const all = new Set(objects.map(({ name }) => fold(name)));
  return (there?.objects ?? []).flatMap(({ name, kind }) => {
    const coming = kindOf.get(fold(name));
    // A view is replaced where it is, and one that is not in the copy is dropped in the end.
    const goes = coming === undefined ? whole && kind !== 'view' && !all.has(fold(name)) : true;
    if (!goes || (coming === 'view' && kind === 'view')) return [];
    return [{ name, kind, aside: next('o') }];
  });
}

/** Of a database that comes back as a whole: what is there and not in the copy. Tables of it are replaced by nothing. */
async function droppedWith(
  { live, fold, warnings }: Planning,
  chosen: ChosenDatabase,
  there: DatabaseContent,
  { routines, events, replaced }: PartDatabase,
): Promise<PartDatabase['dropped']> {
  const all = new Set(chosen.objects.map(({ name }) => fold(name)));
  const views = named(there.objects, 'view').filter((name) => !all.has(fold(name)));
  const kept = new Set(routines.map(({ kind, name }) => `${kind} ${name.toLowerCase()}`));
  const keptEvents = new Set(events.map(({ name }) => name.toLowerCase()));
  const gone = [
    ...views.map((name) => ({ kind: 'VIEW', name })),
    ...(await routineNames(live, there.name)).filter(
      ({ kind, name }) => !kept.has(`${kind} ${name.toLowerCase()}`),
    ),
    ...(await eventNames(live, there.name))
      .filter((name) => !keptEvents.has(name.toLowerCase()))
      .map((name) => ({ kind: 'EVENT', name })),
  ];
  const tables = replaced.filter(({ name }) => !all.has(fold(name))).map(({ name }) => name);
  const names = [...tables, ...gone.map(({ name }) => name)];
  if (names.length > 0)
    warnings.push(`What ${there.name} had and the backup does not was dropped: ${listed(names)}.`);
  return gone;
}

/** The tables' texts for the scratch, with the names that their foreign keys have there. */
async function planTables(
  planning: Planning,
  own: readonly DatabaseObject[],
  database: PartDatabase,
): Promise<Map<string, string>> {
  const { copy, request, fold, next, warnings } = planning;
  const { from, into } = database;
  const tables = new Set(named(own, 'table').map(fold));
  const sequences = new Set(named(own, 'sequence').map(fold));
  const texts = new Map<string, string>();
  const leftOut: string[] = [];
  for (const name of named(own, 'table')) {
    const [row] = await rowsOf<Record<string, string>>(copy, `SHOW CREATE TABLE ${quoted(name)}`);
    const text = planning.before.get(quoted(from, name)) ?? row?.['Create Table'] ?? '';
    await requireSequences(planning, { from, name, text, sequences });
    const staged = new Map<string, string>();
    for (const key of foreignKeysIn(text)) {
      const inside = key.referencedDatabase === undefined && tables.has(fold(key.referencedTable));
      if (inside) {
        const constraint = next('f');
        staged.set(key.name, constraint);
        const made = { database: into, table: name, name: key.name, staged: constraint };
        database.inner.push({ ...made, text: foreignKeyText(key, into) });
      } else if (request.as === undefined) {
        database.outer.push({ database: into, table: name, name: key.name, text: foreignKeyText(key, from) });
      } else leftOut.push(`${key.name} of ${name}`);
    }
    const moved = (db: string, sequence: string): string | undefined =>
      fold(db) === fold(from) && sequences.has(fold(sequence)) ? into : undefined;
    texts.set(
      name,
      withSequences(
        withForeignKeys(text, ({ name: key }) => staged.get(key)),
        moved,
      ),
    );
  }
  if (leftOut.length > 0) {
    warnings.push(
      `Foreign keys to tables that are not in ${into} were left out: ${listed(leftOut)}. They would have held rows of the running service.`,
    );
  }
  return texts;
}

async function requireSequences(
  { live, request, fold, warnings }: Planning,
  { from, name, text, sequences }: { from: string; name: string; text: string; sequences: Set<string> },
): Promise<void> {
  for (const needed of sequencesIn(text)) {
    if (fold(needed.database) === fold(from) && sequences.has(fold(needed.name))) continue;
    const there = await contentOf(live, needed.database);
    const shown = `${needed.database}.${needed.name}`;
    if (!there?.objects.some((object) => fold(object.name) === fold(needed.name))) {
      throw new TidemarkError(
        'part_conflict',
        `The table ${from}.${name} takes its numbers from the sequence ${shown}, which is not included and not on the ` +
          `server: include ${shown}, too. Nothing was changed.`,
      );
    }
    if (request.as !== undefined) {
      warnings.push(`${request.as}.${name} takes its numbers from ${shown}, as ${from}.${name} does.`);
    }
  }
}
