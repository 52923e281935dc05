import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { objectKeys } from '../../domain/ids.ts';
import { readManifest } from '../../storage/manifest.ts';
import { writeParts } from '../../storage/parts.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { backupId } from './backup.ts';
import { newFolder, openAt, type Folder } from './support.ts';

const page = path.join(import.meta.dirname, '../../docs/storage-format.md');

let folder: Folder;
let store: ObjectStore;
beforeEach(async () => {
  folder = await newFolder();
  store = await openAt(path.join(folder.path, 'store'));
});
afterEach(() => folder.remove());

function jsonIn(markdown: string): string {
  return /```json\n(.*?)```/s.exec(markdown)?.[1] ?? '';
}

/** Names of all fields, at any depth. */
function fieldsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(fieldsOf);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...fieldsOf(inner)]);
}

describe('the page on the format', () => {
  test('shows a manifest that is one', async () => {
    const example = jsonIn(await readFile(page, 'utf8'));
    await store.put(objectKeys.manifest(backupId), Buffer.from(example));
    const { manifest } = await readManifest(store, backupId);
    expect(manifest).toEqual(JSON.parse(example));
  });

  test('explains every field of it', async () => {
    const markdown = await readFile(page, 'utf8');
    const tables = markdown.split('\n').filter((line) => line.startsWith('|'));
    const named = new Set(
      tables.flatMap((line) => [...line.matchAll(/`([^`]+)`/g)].flatMap(([, code = '']) => code.split('.'))),
    );
    const unexplained = fieldsOf(JSON.parse(jsonIn(markdown))).filter((name) => !named.has(name));
    expect(unexplained).toEqual([]);
  });
});

describe('a stream in parts is read by hand', () => {
  /** Compressible, and more than a pipe holds. */
  const content = Buffer.concat(
    Array.from({ length: 300 }, () => [randomBytes(500), Buffer.alloc(1500)]).flat(),
  );

  async function storeOutputOf(command: string): Promise<void> {
    const programs = spawn('sh', ['-c', command], { stdio: ['pipe', 'pipe', 'inherit'] });
    programs.stdin.end(content);
    const ended = once(programs, 'exit');
    await writeParts(store, {
      keyOf: (index) => objectKeys.part(backupId, index),
      source: programs.stdout,
      partSize: 10_000,
      inFlight: 4,
      signal: new AbortController().signal,
      beforeLast: async () => {
        expect(await ended).toEqual([0, null]);
      },
    });
  }

  function byHand(command: string): string {
    const cwd = path.join(folder.path, 'store', objectKeys.backupFolder(backupId));
    return execFileSync('sh', ['-c', command], { cwd, encoding: 'utf8', maxBuffer: 10_000_000 });
  }

  const digest = createHash('sha256').update(content).digest('hex');

  test('with cat and zstd', async () => {
    await storeOutputOf('zstd -1 -q -c');
    expect(byHand('cat part-* | zstd -d -q | sha256sum')).toContain(digest);
  });

  test('with cat, age and zstd when it is encrypted', async () => {
    const identity = path.join(folder.path, 'key.txt');
    await writeFile(identity, execFileSync('age-keygen', { stdio: ['ignore', 'pipe', 'ignore'] }));
    const recipient = execFileSync('age-keygen', ['-y', identity], { encoding: 'utf8' }).trim();
    await storeOutputOf(`zstd -1 -q -c | age -r ${recipient}`);
    expect(byHand(`cat part-* | age -d -i '${identity}' | zstd -d -q | sha256sum`)).toContain(digest);
  });
});
