/** What the README tells to type exists. */
import { expect, test } from '@jest/globals';
import { readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { operations } from '../../api/operations/index.ts';
import { repositoryRoot } from '../../embedded/paths.ts';
import packageJson from '../../package.json' with { type: 'json' };

const pages = ['README.md', 'bench/README.md'];

async function page(name: string): Promise<string> {
  return readFile(join(repositoryRoot, name), 'utf8');
}

test.each(pages)('every npm command in %s is a script, and its program is there', async (name) => {
  const commands = [...(await page(name)).matchAll(/npm (?:run )?([a-z:]+)/g)].map(
    ([, script]) => script ?? '',
  );
  expect(commands.length).toBeGreaterThan(0);
  const scripts: Record<string, string> = packageJson.scripts;
  for (const command of commands.filter((script) => script !== 'packages')) {
    expect(Object.keys(scripts)).toContain(command);
    for (const file of (scripts[command] ?? '')
      .split(' ')
      .filter((word) => /^(scripts|[a-z]+)\/./.test(word)))
      await expect(stat(join(repositoryRoot, file))).resolves.toBeDefined();
  }
});

test.each(pages)('every link in %s leads to a file', async (name) => {
  const links = [...(await page(name)).matchAll(/\]\((?!http)([^)]+)\)/g)].map(([, target]) => target ?? '');
  expect(links.length).toBeGreaterThan(0);
  for (const link of links)
    await expect(stat(join(repositoryRoot, dirname(name), link))).resolves.toBeDefined();
});

test('every call in the README is an operation of the API', async () => {
  const calls = [...(await page('README.md')).matchAll(/curl -s \$API(\/[\w/-]+)[^\n]*?(\\\n\s+-d)?/g)];
  expect(calls.length).toBeGreaterThan(2);
  const known = operations.map(({ method, path }) => ({
    method: method.toUpperCase(),
    path: new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`),
  }));
  for (const [, path = '', body] of calls) {
    const method = body === undefined ? 'GET' : 'POST';
    expect({ path, known: known.some((entry) => entry.method === method && entry.path.test(path)) }).toEqual({
      path,
      known: true,
    });
  }
});
