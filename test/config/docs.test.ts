import { readFileSync } from 'node:fs';
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
