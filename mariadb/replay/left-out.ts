/** What a statement does to tables that a replay leaves out. Pure. */
import { tokensOf, unquoted } from './event-statements.ts';
import { outsideEngines } from './options.ts';

const kept = new Set(['MEMORY', 'HEAP', ...outsideEngines]);

/**
 * @param database the one in use
 * @param names of the tables that are left out, `database.table`
 * @returns the one of which the statement makes something else, or that it names beside others
 */
export function madeElse(
  statement: string,
  database: string,
  names: ReadonlySet<string>,
): string | undefined {
  const tokens = tokensOf(statement);
  const words = tokens.map((text) => text.toUpperCase());
  const verb = words[0] ?? '';
  const at = words.indexOf('TABLE');
  // Before it stand OR REPLACE, ONLINE, IGNORE and the like.
  if (!['CREATE', 'ALTER', 'DROP', 'RENAME'].includes(verb) || at < 0 || at > 4) return undefined;
  const begin = ['IF', 'NOT', 'EXISTS'].reduce((next, word) => next + Number(words[next] === word), at + 1);
  const several = verb === 'DROP' || verb === 'RENAME';
  const listed = several ? listedFrom(tokens, begin, database) : [nameAt(tokens, begin, database)];
  const folded = new Map([...names].map((name) => [name.toLowerCase(), name]));
  const found = listed.map((name) => folded.get(name.toLowerCase())).find((name) => name !== undefined);
  if (found === undefined) return undefined;
  switch (verb) {
    case 'DROP':
      return listed.length > 1 ? found : undefined;
    case 'RENAME':
      return found;
    default:
      return isKept(words.slice(begin), verb === 'CREATE') ? undefined : found;
  }
}

/** Whether the table stays one that has no rows in a backup, by its name. */
function isKept(words: readonly string[], isNew: boolean): boolean {
  const engines = words.flatMap((word, index) =>
    word === 'ENGINE' ? [words[index + (words[index + 1] === '=' ? 2 : 1)] ?? ''] : [],
  );
  if (isNew && engines.length === 0) return false;
  const renamed =
    !isNew &&
    words.some((word, index) => word === 'RENAME' && !/^(COLUMN|INDEX|KEY)$/.test(words[index + 1] ?? ''));
  return !renamed && engines.every((engine) => kept.has(engine.replaceAll(/[`'"]/g, '')));
}

/** Those between commas, and behind TO. */
function listedFrom(tokens: readonly string[], from: number, database: string): string[] {
  const names = [nameAt(tokens, from, database)];
  for (let at = from; at < tokens.length; at += 1) {
    const text = tokens[at]!;
    if (text === ',' || text.toUpperCase() === 'TO') names.push(nameAt(tokens, at + 1, database));
  }
  return names;
}

function nameAt(tokens: readonly string[], at: number, database: string): string {
  const first = unquoted(tokens[at] ?? '');
  return tokens[at + 1] === '.' ? `${first}.${unquoted(tokens[at + 2] ?? '')}` : `${database}.${first}`;
}
