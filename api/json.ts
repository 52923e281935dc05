/**
 * JSON from a request, with the position of a mistake. The engine's own message repeats the text around it, which
 * can be a credential, and does not always name the position.
 */

export type ParsedJson = { value: unknown } | { offset: number; line: number; column: number };

/** @returns the value, or where the first mistake is: `offset` from 0, line and column from 1, in characters */
export function parseJson(text: string): ParsedJson {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    const offset = firstMistake(text);
    const before = text.slice(0, offset).split('\n');
    return { offset, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
  }
}

const blank = /[ \t\n\r]*/y;
const string = /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})|[\x7f-\x9f])*"/uy;
const scalar = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;

/** What may come next. `first` is the place right after an opening bracket, where a closing one is allowed too. */
type Expected = 'value' | 'first element' | 'first key' | 'key' | 'colon' | 'comma';

/** Walks the text with a stack of its own, so that a deep nesting cannot exhaust the engine's. */
function firstMistake(text: string): number {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let at = 0;
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const found = pattern.test(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  for (;;) {
    take(blank);
    const inside = open.at(-1);
    if (expected === 'comma' && inside === undefined) return at;
    const character = text[at] ?? '';
    if (closes(character, inside, expected)) {
      open.pop();
      at += 1;
      expected = 'comma';
    } else if (expected === 'comma') {
      if (character !== ',') return at;
      at += 1;
      expected = inside === '{' ? 'key' : 'value';
    } else if (expected === 'colon') {
      if (character !== ':') return at;
      at += 1;
      expected = 'value';
    } else if (expected === 'key' || expected === 'first key') {
      if (!take(string)) return at;
      expected = 'colon';
    } else if (character === '{' || character === '[') {
      open.push(character);
      at += 1;
      expected = character === '{' ? 'first key' : 'first element';
    } else {
      if (!take(string) && !take(scalar)) return at;
      expected = 'comma';
    }
  }
}

function closes(character: string, inside: '{' | '[' | undefined, expected: Expected): boolean {
  if (character === '}') return inside === '{' && (expected === 'comma' || expected === 'first key');
  return character === ']' && inside === '[' && (expected === 'comma' || expected === 'first element');
}
