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
  /** Where it lies. Not in the results of earlier versions. */
  location?: string;
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
  /** Where was looked, the storage first. Not in the results of earlier versions. */
  places?: PlaceFound[];
}

/** What was found in one place. */
export interface PlaceFound {
  location: string;
  damagedCount: number;
  /** Why it could not be read, a sentence. */
  unread?: string;
}

/** The result in sentences that a person can act on. */
export function verdictOf(backupId: string, examination: Examination): { whole: boolean; message: string } {
  const { objectsCount, bytesRead, damaged, damagedCount, places = [] } = examination;
  const soundPlaces = places.filter((place) => place.unread === undefined && place.damagedCount === 0);
  const sound = soundPlaces.map(({ location }) => location);
  const unread = places.flatMap(({ location, unread: why }) =>
    why === undefined ? [] : [`It could not be read in ${location}: ${why}`],
  );
  const [first] = damaged;
  if (!first) {
    const where = sound.length === 0 ? '' : ` in ${sound.join(' and ')}`;
    const read = `${objectsCount} objects with ${bytesForPeople(bytesRead)} were read back`;
    const message = `The backup is whole${where}: ${read}, and each has the digest that was recorded.`;
    return { whole: unread.length === 0, message: [message, ...unread].join(' ') };
  }
  const others = damagedCount - 1;
  const sentences = [
    damageSentence(first),
    first.backupId === backupId
      ? ''
      : `It belongs to the backup ${first.backupId}, on which this one builds.`,
    others === 0 ? '' : `So ${others === 1 ? 'is 1 more object' : `are ${others} more objects`}.`,
    places.length > 1 ? countsSentence(places) : '',
    sound.length > 0 ? `It is whole in ${sound.join(' and ')}, where a restore reads it.` : '',
    ...unread,
    sound.length > 0
      ? ''
      : 'Restore another backup, or bring the objects back from a copy of the store and verify again; take a new full backup.',
  ];
  return { whole: false, message: sentences.filter((sentence) => sentence !== '').join(' ') };
}

function damageSentence({ object, finding, location }: Damage): string {
  const where = location === undefined ? '' : ` in ${location}`;
  const missing = /^expected (.*), found no such object$/.exec(finding)?.[1];
  if (missing !== undefined) return `The object ${object}${where} is not there: expected ${missing}.`;
  return `The object ${object}${where} is damaged: ${finding}.`;
}

function countsSentence(places: readonly PlaceFound[]): string {
  const counts = places.flatMap(({ location, damagedCount: count }) =>
    count === 0 ? [] : [`${count} in ${location}`],
  );
  return `Missing or damaged are ${counts.join(', ')}.`;
}
