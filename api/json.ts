/**
 * JSON from a request, with the position of a mistake and the names that are there twice. The engine's own message
 * repeats the text around a mistake, which can be a credential, and does not always name the position; of two fields
 * of one name it takes the last and says nothing.
 */

export type ParsedJson =
  { value: unknown; repeated: string[] } | { offset: number; line: number; column: number };

/**
 * @returns the value, with the fields that stand more than once in their object (`bucket.path`; the first ten), or
 *   where the first mistake is: `offset` from 0, line and column from 1, in characters
 */
export function parseJson(text: string): ParsedJson {
  try {
    const value = JSON.parse(text) as unknown;
    return { value, repeated: walk(text).repeated };
  } catch {
    const { offset } = walk(text);
    const before = text.slice(0, offset).split('\n');
    return { offset, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
  }
}

const blank = /[ \t\n\r]*/y;
const string = /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|[\x7f-\x9f])*"/uy;
const scalar = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;

/** What may come next. `first` is the place right after an opening bracket, where a closing one is allowed too. */
type Expected = 'value' | 'first element' | 'first key' | 'key' | 'colon' | 'comma';

/** A bracket that is not closed yet. */
interface Open {
  bracket: '{' | '[';
  /** The fields so far, and the one that stands last. */
  names: Set<string> | undefined;
  name: string;
}

const mostRepeated = 10;

/** Walks the text with a stack of its own, so that a deep nesting cannot exhaust the engine's. */
function walk(text: string): { offset: number; repeated: string[] } {
  const open: Open[] = [];
  const repeated = new Set<string>();
  let expected: Expected = 'value';
  let at = 0;
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const found = pattern.test(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  for (;;) {
    if ((text[at] ?? '') <= ' ') take(blank);
    const around = open.at(-1);
    const inside = around?.bracket;
    if (expected === 'comma' && inside === undefined) break;
    const character = text[at] ?? '';
    if (closes(character, inside, expected)) {
      open.pop();
      at += 1;
      expected = 'comma';
    } else if (expected === 'comma') {
      if (character !== ',') break;
      at += 1;
      expected = inside === '{' ? 'key' : 'value';
    } else if (expected === 'colon') {
      if (character !== ':') break;
      at += 1;
      expected = 'value';
    } else if (expected === 'key' || expected === 'first key') {
      const from = at;
      if (!take(string)) break;
      if (around) addName(text.slice(from, at), around, open, repeated);
      expected = 'colon';
    } else if (character === '{' || character === '[') {
      open.push({ bracket: character, names: undefined, name: '' });
      at += 1;
      expected = character === '{' ? 'first key' : 'first element';
    } else {
      if (!take(string) && !take(scalar)) break;
      expected = 'comma';
    }
  }
  return { offset: at, repeated: [...repeated] };
}

/** @param token the name as it stands, in its quotes: `"a"` and `"\u0061"` are one */
function addName(token: string, around: Open, open: Open[], repeated: Set<string>): void {
  around.name = token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1);
  around.names ??= new Set();
  if (around.names.has(around.name) && repeated.size < mostRepeated) {
    const fields = open.filter(({ bracket }) => bracket === '{');
    repeated.add(fields.map(({ name }) => name).join('.'));
  }
  around.names.add(around.name);
}

function closes(character: string, inside: '{' | '[' | undefined, expected: Expected): boolean {
  if (character === '}') return inside === '{' && (expected === 'comma' || expected === 'first key');
  return character === ']' && inside === '[' && (expected === 'comma' || expected === 'first element');
}
