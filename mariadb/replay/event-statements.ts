/** What a statement does to the status of events of the scheduler. Pure. */

export type EventStatus = 'ENABLED' | 'DISABLED' | 'SLAVESIDE_DISABLED';

/** Names of events are the same in small and in capital letters. */
export function eventKey(database: string, name: string): string {
  return `${database}\0${name.toLowerCase()}`;
}

/** Quoted names and strings, words, and every other sign by itself; comments are left out. */
const token =
  /\/\*[^!M][^]*?\*\/|--\s[^\n]*|#[^\n]*|`(?:[^`]|``)*`|'(?:[^'\\]|\\[^]|'')*'|"(?:[^"\\]|\\[^]|"")*"|[\w$\u0080-\uffff]+|[^\s]/g;

/** Of a statement, without its comments. */
export function tokensOf(statement: string): string[] {
  return (statement.match(token) ?? []).filter((text) => !/^(?:\/\*|--\s|#)/.test(text));
}

/**
 * Reads CREATE, ALTER and DROP EVENT, and DROP DATABASE.
 *
 * @param database the one in use
 * @param replicated it was told to a replica, which disables whatever it is told of
 * @returns what to do with the statuses; undefined for any other statement
 */
export function eventChange(
  statement: string,
  database: string,
  replicated = false,
): ((statuses: Map<string, EventStatus>) => void) | undefined {
  const tokens = tokensOf(statement);
  const words = tokens.map((text) => text.toUpperCase());
  const verb = words.find((word) => /^[A-Z]+$/.test(word));
  if (verb === 'DROP' && (words[1] === 'DATABASE' || words[1] === 'SCHEMA'))
    return dropDatabase(tokens, words);
  const at = words.indexOf('EVENT');
  // Before it stand the verb, OR REPLACE and the definer.
  if (at < 0 || words.slice(0, at).some((word) => word === 'ON' || word === 'AS' || word === 'BEGIN'))
    return undefined;
  const named = nameAt(tokens, words, at + 1, database);
  const key = eventKey(named.database, named.name);
  const body = words.indexOf('DO', named.end);
  const clauses = words.slice(named.end, body < 0 ? undefined : body);
  const status = replicated ? 'SLAVESIDE_DISABLED' : statusOf(clauses);
  switch (verb) {
    case 'CREATE':
      return (statuses) => {
        const kept = words.includes('IF') && named.conditional && statuses.has(key);
        if (!kept) statuses.set(key, status ?? 'ENABLED');
      };
    case 'ALTER':
      return (statuses) => {
        const now = status ?? statuses.get(key);
        const renamed = clauses.indexOf('RENAME');
        const to = renamed < 0 ? named : nameAt(tokens, words, named.end + renamed + 2, database);
        statuses.delete(key);
        if (now !== undefined) statuses.set(eventKey(to.database, to.name), now);
      };
    case 'DROP':
      return (statuses) => void statuses.delete(key);
    default:
      return undefined;
  }
}

/** The last clause that names a status counts; a schedule and a name cannot hold the words unquoted. */
function statusOf(clauses: readonly string[]): EventStatus | undefined {
  const disabled = clauses.lastIndexOf('DISABLE');
  if (disabled < 0) return clauses.includes('ENABLE') ? 'ENABLED' : undefined;
  return clauses[disabled + 1] === 'ON' ? 'SLAVESIDE_DISABLED' : 'DISABLED';
}

interface Named {
  database: string;
  name: string;
  /** IF EXISTS or IF NOT EXISTS stood before it. */
  conditional: boolean;
  /** Of the tokens, the one behind it. */
  end: number;
}

function nameAt(tokens: readonly string[], words: readonly string[], from: number, database: string): Named {
  let at = from;
  const conditional = words[at] === 'IF';
  if (conditional) at = words.indexOf('EXISTS', at) + 1;
  const first = unquoted(tokens[at] ?? '');
  if (tokens[at + 1] !== '.') return { database, name: first, conditional, end: at + 1 };
  return { database: first, name: unquoted(tokens[at + 2] ?? ''), conditional, end: at + 3 };
}

function dropDatabase(
  tokens: readonly string[],
  words: readonly string[],
): (statuses: Map<string, EventStatus>) => void {
  const { name } = nameAt(tokens, words, 2, '');
  return (statuses) => {
    for (const key of [...statuses.keys()]) if (key.startsWith(`${name}\0`)) statuses.delete(key);
  };
}

export function unquoted(name: string): string {
  return name.startsWith('`') ? name.slice(1, -1).replaceAll('``', '`') : name;
}
