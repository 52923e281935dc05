/** What the tests of stores have in common. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from '@jest/globals';
import type { ErrorName } from '../../domain/errors.ts';
import { openStore } from '../../storage/open.ts';
import type { ObjectStore } from '../../storage/store.ts';

/** Matches a TidemarkError by its stable name. */
export function failure(code: ErrorName): unknown {
  return expect.objectContaining({ name: 'TidemarkError', code });
}

export interface Folder {
  path: string;
  remove: () => Promise<void>;
}

/** A folder of the test's own, below the run's. */
export async function newFolder(): Promise<Folder> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'storage-'));
  return { path: folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

export function openAt(directory: string): Promise<ObjectStore> {
  return openStore(pathToFileURL(directory).href);
}

export async function keysOf(store: ObjectStore, prefix = ''): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

export interface Disk {
  path: string;
  /** Changes mount options: `ro`. */
  remount: (options: string) => void;
  remove: () => void;
}

/** Mounts a small file system in memory on a new folder. @param options of tmpfs: `size=1M,nr_inodes=50` */
export function mountSmallDisk(options: string): Disk {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'disk-'));
  const mount = (withOptions: string): void => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', withOptions, 'tmpfs', folder], { stdio: 'pipe' });
  };
  try {
    mount(options);
  } catch (error) {
    rmdirSync(folder);
    throw error;
  }
  return {
    path: folder,
    remount: (changed) => mount(`remount,${changed}`),
    remove: () => {
      execFileSync('umount', [folder], { stdio: 'pipe' });
      rmdirSync(folder);
    },
  };
}

/** Whether this process may mount: root may, unless it is in a container that forbids it. */
export function mountingWorks(): boolean {
  try {
    mountSmallDisk('size=64k').remove();
    return true;
  } catch {
    return false;
  }
}
