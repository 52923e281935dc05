/**
 * Where Node keeps the code that it has compiled. What is compiled with other flags of V8 is of no use, and replaced:
 * the processes that change them (worker/small-heap.ts) have a folder of their own, or each start would undo the cache
 * of the one before.
 */
import path from 'node:path';

/** Further variables for a process of ours. @param file of the program, below the repository: `worker/agent.ts` */
export function compileCacheOf(file: string): Record<string, string> {
  const folder = process.env['NODE_COMPILE_CACHE'];
  if (folder === undefined || folder === '' || !file.startsWith('worker/')) return {};
  return { NODE_COMPILE_CACHE: path.join(folder, 'small-heap') };
}
