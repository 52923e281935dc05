/** What came of reading a backup's objects back, and how it is said. */
import { bytesForPeople } from './sizes.ts';

/** An object that is not what it should be. */
export interface Damage {
  /** The backup that it belongs to: the one that was verified, or one that it builds on. */
  backupId: string;
  /** Its key, relative to the storage's prefix. */
  object: string;
  /** What is wrong, a phrase: `expected 3 bytes, found 2 bytes`. */
  finding: string;
}

/** How many damaged objects are named; of a lost bucket every object is one. */
export const mostDamageNamed = 100;

export interface Examination {
  /** Manifests and parts of the backup and of all that it builds on. */
  objectsCount: number;
  /** Bytes of parts that were read. */
  bytesRead: number;
  /** In the order of the stream, at most {@link mostDamageNamed}. */
  damaged: Damage[];
  /** All of them. */
  damagedCount: number;
}

/** The result in sentences that a person can act on. */
export function verdictOf(
  backupId: string,
  { objectsCount, bytesRead, damaged, damagedCount }: Examination,
): { whole: boolean; message: string } {
  const [first] = damaged;
  if (!first) {
    const read = `${objectsCount} objects with ${bytesForPeople(bytesRead)} were read back`;
    return {
      whole: true,
      message: `The backup is whole: ${read}, and each has the digest that was recorded.`,
    };
  }
  const others = damagedCount - 1;
  const sentences = [
    `The object ${first.object} is damaged: ${first.finding}.`,
    first.backupId === backupId
      ? ''
      : `It belongs to the backup ${first.backupId}, on which this one builds.`,
    others === 0 ? '' : `So ${others === 1 ? 'is 1 more object' : `are ${others} more objects`}.`,
    'Restore another backup, or bring the objects back from a copy of the store and verify again; take a new full backup.',
  ];
  return { whole: false, message: sentences.filter((sentence) => sentence !== '').join(' ') };
}
