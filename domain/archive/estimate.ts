/** How long bringing a service back would take: what a restore of the backup takes, and the replay of binlogs after it. */
import type { ArchivedBackup } from './backups.ts';
import type { Reach } from './reach.ts';

/** Bytes a second. */
export interface RestoreRates {
  /** Of a physical backup before its compression: fetched, extracted and prepared. */
  physical: number;
  /** Of the statements of a dump. */
  dump: number;
  /** Of the binlogs that are replayed. */
  binlog: number;
  /** For the private server, its check, and the cut-over; seconds. */
  fixedSeconds: number;
}

/** @param binlogBytes to be replayed @returns whole seconds */
export function estimatedSeconds(
  chain: readonly ArchivedBackup[],
  binlogBytes: number,
  rates: RestoreRates,
): number {
  const seconds = chain.reduce(
    (sum, { type, uncompressedBytes }) =>
      sum + uncompressedBytes / (type === 'dump' ? rates.dump : rates.physical),
    rates.fixedSeconds + binlogBytes / rates.binlog,
  );
  return Math.ceil(seconds);
}

/** The same of sizes that are known already. @returns whole seconds */
export function secondsFor(
  { bytes, dump, binlogBytes }: { bytes: number; dump: boolean; binlogBytes: number },
  rates: RestoreRates,
): number {
  return Math.ceil(
    rates.fixedSeconds + bytes / (dump ? rates.dump : rates.physical) + binlogBytes / rates.binlog,
  );
}

/** About how much of a stretch's binlogs was written between two instants, as if it had been written evenly. */
export function bytesBetween({ stretch, from, to }: Reach, begin: number, end: number): number {
  const [first, last] = [Math.max(begin, from), Math.min(end, to)];
  if (last <= first) return 0;
  return Math.round((stretch.bytes * (last - first)) / (to - from));
}
