import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  access,
  chmod,
  mkdir,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { openStore } from '../../storage/open.ts';
import { testIf } from '../support/skip.ts';
import { conformance } from './conformance.ts';
import { failure, keysOf, mountSmallDisk, mountingWorks, newFolder, openAt, type Folder } from './support.ts';

const temporaryFolder = '.tidemark-temporary';
const canMount = mountingWorks();

conformance('a local directory', async () => {
  const folder = await newFolder();
  return { store: await openAt(folder.path), again: () => openAt(folder.path), remove: folder.remove };
});

let folder: Folder;
let root: string;
beforeEach(async () => {
  folder = await newFolder();
  root = path.join(folder.path, 'store');
});
afterEach(() => folder.remove());

async function modeOf(file: string): Promise<number> {
  return (await stat(file)).mode & 0o777;
}

describe('opening a local directory', () => {
  test('makes it with the folders above it, for its owner alone', async () => {
    const store = await openAt(path.join(root, 'with', 'a space'));
    expect(store.location).toBe(`file://${root}/with/a%20space`);
    expect(await modeOf(path.join(root, 'with', 'a space'))).toBe(0o700);
    expect(await modeOf(root)).toBe(0o700);
  });

  test('gives up where no folders can be made, instead of trying for ever', async () => {
    await expect(openStore('file:///proc/tidemark/backups')).rejects.toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringContaining('/proc/tidemark/backups') as unknown,
    });
  });

  test('leaves the mode of one that is there as it is', async () => {
    await mkdir(root);
    await chmod(root, 0o750);
    await openAt(root);
    expect(await modeOf(root)).toBe(0o750);
  });

  test('gives objects and folders to owner and group, never to others', async () => {
    const store = await openAt(root);
    await store.put('a/b/object', Buffer.from('x'));
    for (const name of ['a', 'a/b', 'a/b/object']) {
      expect((await modeOf(path.join(root, name))) & 0o007).toBe(0);
    }
  });

  test('gives the same store whether its location ends in a slash or not, or is a link to it', async () => {
    await (await openAt(root)).put('key', Buffer.from('x'));
    await symlink(root, path.join(folder.path, 'link'));
    const slash = await openStore(`file://${root}/`);
    expect(slash.location).toBe(`file://${root}`);
    expect(await keysOf(slash)).toEqual(['key']);
    expect(await keysOf(await openAt(path.join(folder.path, 'link')))).toEqual(['key']);
  });

  test.each([
    '',
    '/srv/backups',
    'file:/srv',
    'file://srv/backups',
    'file:////srv',
    'file:///',
    'file:///a?b',
    'file:///a#b',
    'file:///a%2Fb',
    'file:///a%00b',
    'ftp://bucket/prefix',
  ])('refuses the location %j as a setting', async (location) => {
    await expect(openStore(location)).rejects.toEqual(failure('invalid_setting'));
  });

  test('fails on a place that is a file, or below one, and names it', async () => {
    await writeFile(root, 'a file');
    await expect(openAt(root)).rejects.toEqual(failure('storage_unavailable'));
    await expect(openAt(root)).rejects.toThrow(root);
    await expect(openAt(path.join(root, 'below'))).rejects.toEqual(failure('storage_unavailable'));
    expect(await readFile(root, 'utf8')).toBe('a file');
  });

  testIf(canMount, 'mounting a file system needs root')('fails where nothing can be written', async () => {
    const disk = mountSmallDisk('size=64k');
    try {
      disk.remount('ro');
      await expect(openAt(disk.path)).rejects.toEqual(failure('storage_unavailable'));
    } finally {
      disk.remove();
    }
  });

  test('by eight at once makes one store', async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, () => openAt(path.join(root, 'deep', 'er'))));
    await Promise.all(stores.map((store, index) => store.put(`key-${index}`, Buffer.from('x'))));
    for (const store of stores) expect(await keysOf(store)).toHaveLength(8);
  });
});

describe('a local directory that is gone', () => {
  test('is an outage, not missing objects, and is not made again', async () => {
    const store = await openAt(root);
    await store.put('a/key', Buffer.from('x'));
    await rm(root, { recursive: true });
    await expect(store.get('a/key')).rejects.toEqual(failure('storage_unavailable'));
    await expect(store.stat('a/key')).rejects.toEqual(failure('storage_unavailable'));
    await expect(store.put('a/other', Buffer.from('x'))).rejects.toEqual(failure('storage_unavailable'));
    await expect(store.delete('a/key')).rejects.toEqual(failure('storage_unavailable'));
    await expect(keysOf(store)).rejects.toEqual(failure('storage_unavailable'));
    await expect(access(root)).rejects.toThrow('ENOENT');
  });

  test('is an outage too when an empty directory is in its place, as after an unmount', async () => {
    const store = await openAt(root);
    await store.put('a/key', Buffer.from('x'));
    await rm(root, { recursive: true });
    await mkdir(root);
    await expect(store.get('a/key')).rejects.toEqual(failure('storage_unavailable'));
    await expect(store.put('a/key', Buffer.from('x'))).rejects.toEqual(failure('storage_unavailable'));
    await expect(keysOf(store)).rejects.toEqual(failure('storage_unavailable'));
    expect(await readdir(root)).toEqual([]);
  });
});

describe('what else can lie in a local directory', () => {
  test('a link that leads out is not followed, in any direction', async () => {
    const store = await openAt(root);
    const outside = path.join(folder.path, 'outside');
    await mkdir(outside);
    await writeFile(path.join(outside, 'secret'), 'secret');
    await symlink(outside, path.join(root, 'folder'));
    await symlink(path.join(outside, 'secret'), path.join(root, 'file'));

    const refused = failure('storage_unavailable');
    await expect(store.get('folder/secret')).rejects.toEqual(refused);
    await expect(store.stat('folder/secret')).rejects.toEqual(refused);
    await expect(store.put('folder/new', Buffer.from('x'))).rejects.toEqual(refused);
    await expect(store.put('folder/deep/new', Buffer.from('x'))).rejects.toEqual(refused);
    await expect(store.replace('folder/secret', Buffer.from('x'))).rejects.toEqual(refused);
    await expect(store.delete('folder/secret')).rejects.toEqual(refused);
    await expect(keysOf(store, 'folder/')).rejects.toEqual(refused);
    await expect(store.get('file')).rejects.toEqual(refused);
    await expect(store.stat('file')).rejects.toEqual(failure('object_missing'));
    await expect(store.put('file', Buffer.from('x'))).rejects.toEqual(failure('object_exists'));
    expect(await keysOf(store)).toEqual([]);
    expect(await readdir(outside)).toEqual(['secret']);
    expect(await readFile(path.join(outside, 'secret'), 'utf8')).toBe('secret');
  });

  test('a folder that was replaced by a link is not followed either', async () => {
    const store = await openAt(root);
    const outside = path.join(folder.path, 'outside');
    await store.put('a/one', Buffer.from('x'));
    await rename(path.join(root, 'a'), outside);
    await symlink(outside, path.join(root, 'a'));
    await expect(store.put('a/two', Buffer.from('x'))).rejects.toEqual(failure('storage_unavailable'));
    expect(await readdir(outside)).toEqual(['one']);
  });

  test('the folder of temporary files and a file system’s lost+found cannot be reached by keys', async () => {
    const store = await openAt(root);
    await mkdir(path.join(root, 'lost+found'));
    await writeFile(path.join(root, 'lost+found', '#1'), 'x');
    await writeFile(path.join(root, temporaryFolder, 'x'), 'x');
    expect(await keysOf(store)).toEqual([]);
    expect(await keysOf(store, temporaryFolder)).toEqual([]);
    for (const key of [`${temporaryFolder}/x`, temporaryFolder, 'lost+found/#1']) {
      await expect(store.get(key)).rejects.toEqual(failure('internal'));
      await expect(store.put(key, Buffer.from('x'))).rejects.toEqual(failure('internal'));
    }
  });

  test('no key begins with another key and a slash, and the message says so', async () => {
    const store = await openAt(root);
    await store.put('a/object', Buffer.from('x'));
    await expect(store.put('a/object/below', Buffer.from('x'))).rejects.toEqual(failure('object_exists'));
    await expect(store.put('a', Buffer.from('x'))).rejects.toEqual(failure('object_exists'));
    expect(await keysOf(store)).toEqual(['a/object']);
  });

  test('nothing stays of folders whose last object is deleted', async () => {
    const store = await openAt(root);
    await store.put('a/b/c/one', Buffer.from('x'));
    await store.put('a/two', Buffer.from('x'));
    await store.delete('a/b/c/one');
    expect(await readdir(path.join(root, 'a'))).toEqual(['two']);
    await store.delete('a/two');
    expect(await readdir(root)).toEqual([temporaryFolder]);
  });

  test('a write that fails leaves no temporary file', async () => {
    const store = await openAt(root);
    await store.put('taken', Buffer.from('x'));
    await expect(store.put('taken', Buffer.from('y'))).rejects.toEqual(failure('object_exists'));
    const abort = new AbortController();
    const put = store.put('aborted', Buffer.alloc(1_000_000), abort.signal);
    abort.abort();
    await expect(put).rejects.toEqual(failure('operation_cancelled'));
    expect(await readdir(path.join(root, temporaryFolder))).toEqual([]);
  });
});

describe('a full disk', () => {
  const onDisk = testIf(canMount, 'mounting a file system needs root');

  onDisk('fails a put by its name, naming the place, and nothing half-done stays', async () => {
    const disk = mountSmallDisk('size=1M');
    try {
      const store = await openAt(disk.path);
      await store.put('a/small', Buffer.alloc(400_000, 1));
      await expect(store.put('b/large', Buffer.alloc(4_000_000))).rejects.toEqual(failure('storage_full'));
      await expect(store.put('b/large', Buffer.alloc(4_000_000))).rejects.toThrow(disk.path);
      await expect(store.replace('a/small', Buffer.alloc(4_000_000))).rejects.toEqual(
        failure('storage_full'),
      );
      expect(await keysOf(store)).toEqual(['a/small']);
      expect(await store.get('a/small')).toEqual(Buffer.alloc(400_000, 1));
      expect(await readdir(path.join(disk.path, temporaryFolder))).toEqual([]);
      await store.put('b/fits', Buffer.alloc(400_000));
    } finally {
      disk.remove();
    }
  });

  onDisk('does not keep a store from being opened and read', async () => {
    const disk = mountSmallDisk('size=1M,nr_inodes=50');
    try {
      await (await openAt(disk.path)).put('key', Buffer.from('content'));
      const fill = async (): Promise<never> => {
        for (let index = 0; ; index++) await writeFile(path.join(disk.path, `filler-${index}`), '');
      };
      await expect(fill()).rejects.toMatchObject({ code: 'ENOSPC' });
      const store = await openAt(disk.path);
      expect((await store.get('key')).toString()).toBe('content');
      await expect(store.put('other', Buffer.from('x'))).rejects.toEqual(failure('storage_full'));
    } finally {
      disk.remove();
    }
  });
});
