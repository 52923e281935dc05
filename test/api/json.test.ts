import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseJson } from '../../api/json.ts';

/** Where the first mistake is, or -1. */
function mistake(text: string): number {
  const parsed = parseJson(text);
  return 'offset' in parsed ? parsed.offset : -1;
}

test('what is JSON has its value', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const parsed = parseJson(text);
      expect('value' in parsed && parsed.value).toEqual(JSON.parse(text) as unknown);
    }),
  );
});

test('a foreign character between two tokens is found where it stands', () => {
  const tokens = fc.jsonValue({ maxDepth: 3 }).map((value) =>
    JSON.stringify(value, null, 1)
      .split('\n')
      .map((line) => line.trim()),
  );
  fc.assert(
    fc.property(tokens, fc.nat(), (lines, at) => {
      const where = at % (lines.length + 1);
      const before = lines
        .slice(0, where)
        .map((line) => `${line} `)
        .join('');
      expect(mistake(`${before}\u00a7${lines.slice(where).join(' ')}`)).toBe(before.length);
    }),
  );
});

test('whatever the text, the mistake lies within it or right behind it', () => {
  fc.assert(
    fc.property(fc.string(), fc.json(), fc.nat(), (noise, json, at) => {
      const where = at % (json.length + 1);
      const text = json.slice(0, where) + noise + json.slice(where);
      const offset = mistake(text);
      expect(offset).toBeLessThanOrEqual(text.length);
      if (offset >= 0) expect(() => JSON.parse(text) as unknown).toThrow();
    }),
  );
});

test.each([
  ['', 0],
  ['tru', 0],
  ['nulll', 0],
  ['{"a":1,}', 7],
  ['{a:1}', 1],
  ["{'a':1}", 1],
  ['[1 2]', 3],
  ['[1,]', 3],
  ['{"a"}', 4],
  ['"a\nb"', 0],
  ['"\\x"', 0],
  ['{"a":.5}', 5],
  ['[}', 1],
  ['{"a":[1}', 7],
  ['1 // one', 2],
])('%j has its mistake at %d', (text, offset) => {
  expect(mistake(text)).toBe(offset);
});

test.each([
  ['{"a":1,"a":1}', ['a']],
  ['{"a":1,"\\u0061":2}', ['a']],
  ['{"a":{"b":1,"c":2,"b":3},"a":0}', ['a.b', 'a']],
  ['{"list":[{"b":1},{"b":2}],"c":{"b":1}}', []],
  ['{"list":[1,{"b":1,"b":2}]}', ['list.b']],
  ['{"__proto__":1,"__proto__":2}', ['__proto__']],
  ['["a","a"]', []],
])('%s has the repeated fields %j', (text, repeated) => {
  expect(parseJson(text)).toEqual({ value: JSON.parse(text) as unknown, repeated });
});
