/** The binlogs between a backup and what is asked for. */
import type { Choice } from './choice.ts';
import type { BinlogRange } from './plan-types.ts';
import type { Archive, Cap, Reach } from './reach.ts';
import { comparePlaces } from './stretches.ts';

/** From the base to the end of the target's stretch, or to where its timeline was left; and the state there. */
export function rangesOf(
  archive: Archive,
  { base, reaches }: Choice,
  cap: Cap,
): { ranges: BinlogRange[]; gtid: string } {
  const ranges = reaches.map((reach, index): BinlogRange => {
    const { timeline } = reach.stretch;
    const next = reaches[index + 1];
    const begins = index === 0 ? base.backup.binlog : (archive.begins(timeline) ?? base.backup.binlog);
    const end = next?.entry?.branch ?? endOf(reach, cap);
    return {
      timeline,
      from: { file: begins.file, position: begins.position },
      to: { file: end.file, position: end.position },
    };
  });
  const last = reaches.at(-1)!;
  return { ranges: ranges.filter(isSome), gtid: endOf(last, cap).gtid };
}

function isSome({ from, to }: BinlogRange): boolean {
  return comparePlaces(from, to) < 0;
}

function endOf({ stretch }: Reach, { branch }: Cap): { file: string; position: number; gtid: string } {
  const end = { file: stretch.toFile, position: stretch.toPosition, gtid: stretch.toGtid };
  return branch && comparePlaces(branch, end) < 0 ? branch : end;
}
