/** How much memory a restore may work with, on a host that serves meanwhile. */
import { readFile } from 'node:fs/promises';
import { freemem } from 'node:os';
import path from 'node:path';

/** Less does not prepare a backup in reasonable time. */
const leastBytes = 64 * 1024 ** 2;

/**
 * A share of what is available now, in bytes, and no more than is of use.
 * @param useful more than this would only be allocated
 */
export async function workingMemory(share: number, useful: number): Promise<number> {
  const available = Math.min(await availableOnHost(), await availableInGroups());
  return Math.max(leastBytes, Math.floor(Math.min(available * share, useful)));
}

/** What can be had without swapping; unlike free memory it counts the file cache. */
async function availableOnHost(): Promise<number> {
  const text = await readFile('/proc/meminfo', 'utf8').catch(() => '');
  const kilobytes = /^MemAvailable:\s+(\d+) kB$/m.exec(text)?.[1];
  return kilobytes === undefined ? freemem() : Number(kilobytes) * 1024;
}

/**
 * What the control groups of this process leave, the tightest of them counting. Whoever takes more is killed, however
 * much the host has.
 */
async function availableInGroups(): Promise<number> {
  const text = await readFile('/proc/self/cgroup', 'utf8').catch(() => '');
  let least = Infinity;
  for (const line of text.split('\n')) {
    const [, controllers, group] = line.split(':');
    if (group === undefined) continue;
    if (controllers === '') least = Math.min(least, await tightest('/sys/fs/cgroup', group, version2));
    if (controllers?.split(',').includes('memory')) {
      least = Math.min(least, await tightest('/sys/fs/cgroup/memory', group, version1));
    }
  }
  return least;
}

interface GroupFiles {
  limit: string;
  usage: string;
  /** The line of memory.stat that counts file cache which gives way. */
  cache: RegExp;
}

const version2: GroupFiles = {
  limit: 'memory.max',
  usage: 'memory.current',
  cache: /^inactive_file (\d+)$/m,
};
const version1: GroupFiles = {
  limit: 'memory.limit_in_bytes',
  usage: 'memory.usage_in_bytes',
  cache: /^total_inactive_file (\d+)$/m,
};

async function tightest(root: string, group: string, files: GroupFiles): Promise<number> {
  let least = Infinity;
  for (let place = group; ; place = path.dirname(place)) {
    const folder = path.join(root, place);
    const limit = Number(await read(folder, files.limit));
    const usage = Number(await read(folder, files.usage));
    const cache = Number(files.cache.exec(await read(folder, 'memory.stat'))?.[1] ?? 0);
    // `max`, and a file that is not there, are no limit.
    if (limit > 0) least = Math.min(least, Math.max(0, limit - usage + cache));
    if (place === '/' || place === '.') return least;
  }
}

async function read(folder: string, file: string): Promise<string> {
  return (await readFile(path.join(folder, file), 'utf8').catch(() => '')).trim();
}
