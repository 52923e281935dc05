/** Option files as the programs of MariaDB read them: a file, and what it includes. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** As deep as the programs follow. */
const deepestInclude = 10;

/**
 * A digest over an option file and all that it includes. While it stays the same, the programs read the same from it. A
 * file that cannot be read counts as what it is: one that cannot be read. Programs are run in `/`, which relative names
 * begin at.
 */
export async function digestOptionFiles(file: string): Promise<string> {
  const digest = createHash('sha256');
  const add = async (name: string, depth: number): Promise<void> => {
    const text = await readFile(path.resolve('/', name), 'utf8').catch((error: unknown) => String(error));
    digest.update(`${name}\0${text.length}\0${text}`);
    if (depth === deepestInclude) return;
    for (const [, kind, given = ''] of text.matchAll(/^[ \t]*!(include|includedir)[ \t]+(.+?)[ \t\r]*$/gm)) {
      for (const next of kind === 'include' ? [given] : await filesIn(given)) await add(next, depth + 1);
    }
  };
  await add(file, 0);
  return digest.digest('hex');
}

async function filesIn(directory: string): Promise<string[]> {
  const names = await readdir(path.resolve('/', directory)).catch(() => []);
  return names
    .filter((name) => name.endsWith('.cnf'))
    .sort()
    .map((name) => path.join(directory, name));
}

/** A group of an option file, as text. */
export function optionGroup(group: string, options: Record<string, string | number>): string {
  const lines = Object.entries(options).map(([name, value]) => `${name}=${quote(String(value))}`);
  return [`[${group}]`, ...lines, ''].join('\n');
}

/** A value of an option file; a backslash begins an escape there, and a `#` a comment. */
function quote(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}
