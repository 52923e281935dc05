/** Walking a directory in the order in which an object store lists keys. */
import { lstat, readdir } from 'node:fs/promises';
import path from 'node:path';
import type { ListedObject, ObjectState } from '../store.ts';
import { isAbsent } from './errors.ts';
import { stateOf } from './state.ts';

/** Files are asked for what they are this many at a time. */
const batch = 64;

interface Entry {
  key: string;
  folder: boolean;
  /** What the order goes by: a folder stands where its keys do, so `a-b` comes before what is in `a`. */
  rank: Buffer;
}

/**
 * Keys that begin with `prefix` with what they are, in the order of their UTF-8 bytes. Memory is that of one folder's
 * names on each level. Only plain files are objects; symbolic links are not followed, and what vanishes meanwhile
 * is left out.
 *
 * @param after only keys behind this one: what lies before it is not looked at
 * @param reserved names at the top of the root that are no objects
 */
export async function* listFiles(
  root: string,
  { prefix, after, reserved }: { prefix: string; after: string | undefined; reserved: ReadonlySet<string> },
): AsyncGenerator<ListedObject> {
  const start = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  const behind = after === undefined ? undefined : Buffer.from(after);
  const wanted = ({ key, folder, rank }: Entry): boolean =>
    !reserved.has(key) &&
    (folder ? `${key}/` : key).startsWith(prefix) &&
    (!behind || Buffer.compare(rank, behind) > 0 || (folder && startsWith(behind, rank)));
  yield* walk(root, start, wanted);
}

function startsWith(whole: Buffer, start: Buffer): boolean {
  return whole.subarray(0, start.length).equals(start);
}

async function* walk(
  root: string,
  folderKey: string,
  wanted: (entry: Entry) => boolean,
): AsyncGenerator<ListedObject> {
  const entries = await entriesOf(root, folderKey, wanted);
  let files: string[] = [];
  for (const { key, folder } of entries) {
    if (!folder) files.push(key);
    if (folder || files.length === batch) {
      yield* withStates(root, files);
      files = [];
    }
    if (folder) yield* walk(root, `${key}/`, wanted);
  }
  yield* withStates(root, files);
}

async function entriesOf(
  root: string,
  folderKey: string,
  wanted: (entry: Entry) => boolean,
): Promise<Entry[]> {
  const entries: Entry[] = [];
  try {
    for (const found of await readdir(path.join(root, folderKey), { withFileTypes: true })) {
      const folder = found.isDirectory();
      if (!folder && !found.isFile()) continue;
      const key = folderKey + found.name;
      const entry = { key, folder, rank: Buffer.from(folder ? `${key}/` : key) };
      if (wanted(entry)) entries.push(entry);
    }
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
  return entries.sort((a, b) => Buffer.compare(a.rank, b.rank));
}

async function* withStates(root: string, keys: readonly string[]): AsyncGenerator<ListedObject> {
  const states = await Promise.all(keys.map((key) => fileState(path.join(root, key))));
  for (const [index, key] of keys.entries()) {
    const state = states[index];
    if (state) yield { key, ...state };
  }
}

async function fileState(file: string): Promise<ObjectState | undefined> {
  try {
    const found = await lstat(file, { bigint: true });
    return found.isFile() ? stateOf(found) : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}
