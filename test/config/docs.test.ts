import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { pages as writePages } from '../../scripts/docs.ts';

const pages = await writePages();

test.each(Object.entries(pages))('%s is as `node scripts/docs.ts` writes it', (path, text) => {
  expect(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')).toBe(text);
});

test('every setting is described', () => {
  const configuration = pages['docs/configuration.md'] ?? '';
  const settings = configuration.split('\n').filter((line) => line.startsWith('- `'));
  expect(settings.length).toBeGreaterThan(40);
  for (const line of settings) expect(line).toMatch(/^- `[\w.]+`( \(.+?\))?: .+\. Allowed: .+\.$/);
});

const numbered = (folder: string): string[] =>
  readdirSync(new URL(`../../${folder}`, import.meta.url)).filter((name) => /^\d{4}-/.test(name));

test.each(['changelog/unreleased', 'docs/decisions'])('no number comes twice in %s', (folder) => {
  const numbers = numbered(folder).map((name) => name.slice(0, 4));
  expect(numbers.length).toBeGreaterThan(0);
  expect(numbers.filter((number, index) => numbers.indexOf(number) !== index)).toEqual([]);
});

test.each(numbered('changelog/unreleased'))('the change %s begins with its kind', (name) => {
  const text = readFileSync(new URL(`../../changelog/unreleased/${name}`, import.meta.url), 'utf8');
  expect(text).toMatch(/^(New|Changed|Fixed|Removed|Security): /);
});
