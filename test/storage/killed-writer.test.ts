import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setImmediate as turn } from 'node:timers/promises';
import { longRun } from '../support/long.ts';
import { keysOf, newFolder, openAt, type Folder } from './support.ts';

const writer = fileURLToPath(new URL('writer.ts', import.meta.url));
const hourMs = 3_600_000;

let folder: Folder;
let temporary: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  folder = await newFolder();
  temporary = path.join(folder.path, '.tidemark-temporary');
});
afterEach(async () => {
  for (const child of children.splice(0)) await kill(child);
  await folder.remove();
});

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Starts a writer; `stored` grows by the keys whose put has resolved. */
function startWriter(prefix: string): { child: ChildProcess; stored: () => string[] } {
  const child = spawn(process.execPath, [writer, pathToFileURL(folder.path).href, prefix], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  // What follows the last line end may be half a line.
  return { child, stored: () => output.split('\n').slice(0, -1) };
}

/** The first file that the process is writing at this moment. */
async function temporaryOf(child: ChildProcess): Promise<string> {
  for (;;) {
    expect(child.exitCode).toBeNull();
    const name = (await readdir(temporary)).find((file) => file.includes(`-${child.pid}-`));
    if (name !== undefined) return name;
    await turn();
  }
}

async function makeOld(name: string, hours: number): Promise<void> {
  const then = new Date(Date.now() - hours * hourMs);
  await utimes(path.join(temporary, name), then, then);
}

describe('a process that is killed while it writes', () => {
  const rounds = longRun ? 30 : 5;

  test(`leaves whole objects only, ${rounds} times`, async () => {
    const store = await openAt(folder.path);
    for (let round = 0; round < rounds; round++) {
      const prefix = `round-${round}`;
      const { child, stored } = startWriter(prefix);
      while (stored().length < 3) {
        expect(child.exitCode).toBeNull();
        await turn();
      }
      await temporaryOf(child);
      await kill(child);

      const keys = await keysOf(store, `${prefix}/`);
      expect(keys).toEqual(expect.arrayContaining(stored()));
      for (const key of keys) {
        const expected = Buffer.alloc(2_000_000, Number(key.split('/')[1]) % 256);
        expect((await store.get(key)).equals(expected)).toBe(true);
        await store.delete(key);
      }
    }
    expect(await keysOf(store)).toEqual([]);
  });
});

describe('temporary files that were left', () => {
  test('go when they are old and their process has ended, and not before', async () => {
    await openAt(folder.path);
    const { child } = startWriter('living');
    const living = await temporaryOf(child);
    // The same owner, another file: what the process writes itself comes and goes.
    const left = living.replace(/.{12}$/, '000000000000');
    await writeFile(path.join(temporary, left), 'x');

    await makeOld(left, 2);
    await openAt(folder.path);
    expect(await readdir(temporary)).toContain(left);

    await kill(child);
    await makeOld(left, 0.5);
    await openAt(folder.path);
    expect(await readdir(temporary)).toContain(left);

    await makeOld(left, 2);
    await openAt(folder.path);
    expect(await readdir(temporary)).not.toContain(left);
  });

  test('of a process id that was given to another process go too', async () => {
    await openAt(folder.path);
    const { child } = startWriter('reused');
    const name = await temporaryOf(child);
    const before = name.replace(/-\d+-\d+-.*$/, `-${child.pid}-1-00000000-0000-0000-0000-000000000000`);
    await writeFile(path.join(temporary, before), 'x');
    await makeOld(before, 2);
    await openAt(folder.path);
    expect(await readdir(temporary)).not.toContain(before);
  });

  test('of another machine go only after a day', async () => {
    await openAt(folder.path);
    const name = '0123456789abcdef-1-1-00000000-0000-0000-0000-000000000000';
    await writeFile(path.join(temporary, name), 'x');
    await makeOld(name, 23);
    await openAt(folder.path);
    expect(await readdir(temporary)).toEqual([name]);
    await makeOld(name, 25);
    await openAt(folder.path);
    expect(await readdir(temporary)).toEqual([]);
  });

  test('with a name that Tidemark does not give stay', async () => {
    await openAt(folder.path);
    await writeFile(path.join(temporary, 'notes'), 'x');
    await makeOld('notes', 1000);
    await openAt(folder.path);
    expect(await readdir(temporary)).toEqual(['notes']);
  });
});
