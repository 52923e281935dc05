/**
 * Archived binlogs that no backup could use any more are removed, file by file: the catalog forgets a file first, then
 * its headers go, by which its segments exist, then what they describe.
 */
import type { PruningRecord } from '../../catalog/pruning-types.ts';
import { neededBinlogs } from '../../domain/archive/pruning.ts';
import { removeBinlogFile } from '../../storage/remove-binlogs.ts';
import type { Plane } from './plane.ts';

/** So many files are forgotten in one transaction, which nobody else who works on the service can be in. */
const filesAtOnce = 20;

/**
 * @param finish is handed each file whose removal has begun
 * @throws storage_unavailable, catalog_unavailable
 */
export async function pruneBinlogs(
  { catalog }: Plane,
  serviceId: string,
  finish: (prunings: readonly PruningRecord[]) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  // Most services have nothing to let go, and then nobody is kept waiting.
  const facts = await catalog.pruningFacts(serviceId);
  if (facts.stretches.length === 0) return;
  if ((await catalog.unneededFiles(serviceId, neededBinlogs(facts), 1)).length === 0) return;
  for (;;) {
    signal.throwIfAborted();
    const prunings = await catalog.beginPrunings(serviceId, neededBinlogs, filesAtOnce);
    await finish(prunings);
    if (prunings.length < filesAtOnce) return;
  }
}

/** Removes the objects of one file. Again after a kill, it goes on where it stopped. @throws storage_unavailable */
export async function carryOutPruning(
  { catalog, store, log }: Plane,
  pruning: PruningRecord,
  signal: AbortSignal,
): Promise<void> {
  const { serviceId, timeline, file, segments, storedBytes } = pruning;
  await removeBinlogFile(store, pruning, signal);
  await catalog.finishPruning(pruning);
  log.info(
    {
      service: serviceId,
      timeline,
      file,
      segments,
      bytes: storedBytes,
      reason: 'No backup that is kept could use it.',
    },
    'An archived binlog was removed.',
  );
}
