/** How long the steps of a restore take, where that says something of the host. */
import { Context } from '@temporalio/activity';
import type { Host } from './host.ts';

/** @returns seconds; undefined for a step that was tried before, or that waited for a store that was away */
export async function timed<T>(
  { waits }: Pick<Host, 'waits'>,
  work: () => Promise<T>,
): Promise<{ result: T; seconds?: number }> {
  const before = waits?.count ?? 0;
  const begun = performance.now();
  const result = await work();
  const seconds = (performance.now() - begun) / 1000;
  const plain = Context.current().info.attempt === 1 && (waits?.count ?? 0) === before;
  return plain ? { result, seconds } : { result };
}
