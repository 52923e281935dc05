/** How long bringing a service back would take: what a restore of the backup takes, and the replay of binlogs after it. */
import type { ArchivedBackup } from './backups.ts';
import type { Reach } from './reach.ts';

/**
 * What a restore spends its time with: the full fetched and unpacked; prepared; an incremental fetched and applied; a dump
 * fetched and loaded; binlogs replayed; and what is the same whatever the size: its planning, its check, the cut-over.
 */
export const stages = ['fetching', 'preparing', 'applying', 'loading', 'replaying', 'rest'] as const;
export type Stage = (typeof stages)[number];

/** How long one stage takes, by its size. */
export interface StageRate {
  /** Whatever the size. */
  seconds: number;
  /** Beyond that; infinite where the size counts for nothing. */
  bytesPerSecond: number;
  /** By restores of this host: how many, and when the last was; left out where it is as the settings say. */
  measured?: { times: number; last: string };
}

export type RestoreRates = Readonly<Record<Stage, StageRate>>;

/** What one stage has to do. A stage may be done more than once, as incrementals are applied one by one. */
export interface StageWork {
  stage: Stage;
  bytes: number;
}

/**
 * What a restore would do, stage by stage.
 *
 * @param chain the sizes of its backups before their compression, from the full on; of a dump, what its rows take
 */
export function workOf(chain: readonly number[], dump: boolean, binlogBytes: number): StageWork[] {
  const work = workOfBackups(chain, dump);
  return binlogBytes > 0 ? [...work, { stage: 'replaying', bytes: binlogBytes }] : work;
}

function workOfBackups([first = 0, ...incrementals]: readonly number[], dump: boolean): StageWork[] {
  const rest: StageWork = { stage: 'rest', bytes: 0 };
  if (dump) return [{ stage: 'loading', bytes: first }, rest];
  const applying = incrementals.map((bytes) => ({ stage: 'applying' as const, bytes }));
  return [{ stage: 'fetching', bytes: first }, { stage: 'preparing', bytes: first }, ...applying, rest];
}

/** @returns seconds, not rounded */
export function secondsOf(work: readonly StageWork[], rates: RestoreRates): number {
  return work.reduce((sum, { stage, bytes }) => sum + secondsAt(rates[stage], bytes), 0);
}

function secondsAt({ seconds, bytesPerSecond }: StageRate, bytes: number): number {
  return seconds + bytes / bytesPerSecond;
}

/** Whoever keeps the chains of a service finds what was made of them: windows weigh thousands. */
const made = new WeakMap<readonly ArchivedBackup[], readonly StageWork[]>();

/** A restore from a chain of the catalog. @param binlogBytes to be replayed @returns seconds, not rounded */
export function secondsOfChain(
  chain: readonly ArchivedBackup[],
  binlogBytes: number,
  rates: RestoreRates,
): number {
  let work = made.get(chain);
  if (!work) made.set(chain, (work = workOfBackups(sizesOf(chain), chain[0]?.type === 'dump')));
  return secondsOf(work, rates) + (binlogBytes > 0 ? secondsAt(rates.replaying, binlogBytes) : 0);
}

/**
 * What a catalog says of an incremental is what its server took then: what it holds itself is told by what is stored, in the
 * proportion of its full.
 */
function sizesOf(chain: readonly ArchivedBackup[]): number[] {
  const [full] = chain;
  const packed = full?.storedBytes ? full.uncompressedBytes / full.storedBytes : 1;
  return chain.map(({ type, uncompressedBytes, storedBytes }) =>
    type === 'incremental' && storedBytes !== undefined
      ? Math.min(uncompressedBytes, storedBytes * packed)
      : uncompressedBytes,
  );
}

/** As it is said: whole seconds, and never none. */
export function wholeEstimate(seconds: number): number {
  return Math.max(1, Math.round(seconds));
}

/** About how much of a stretch's binlogs was written between two instants, as if it had been written evenly. */
export function bytesBetween({ stretch, from, to }: Reach, begin: number, end: number): number {
  const [first, last] = [Math.max(begin, from), Math.min(end, to)];
  if (last <= first) return 0;
  return Math.round((stretch.bytes * (last - first)) / (to - from));
}
