/** What came has another digest than the one that was put beside the object. */
import { TidemarkError } from '../../domain/errors.ts';

/** Of one answer it cannot be told whether the way or the store spoilt it; of two that agree, it can. */
export class WrongDigest extends TidemarkError {
  /** `CRC-32 cbf43926` */
  readonly expected: string;
  readonly found: string;

  /** @param message a phrase or a sentence, as the store's other errors have it */
  constructor(message: string, { expected, found }: { expected: string; found: string }) {
    super('transfer_damaged', message);
    this.expected = expected;
    this.found = found;
  }
}

/** The error that stands for good, once two reads of `key` failed alike; undefined when they did not. */
export function damagedAtRest(
  first: unknown,
  second: unknown,
  key: string,
  location: string,
): TidemarkError | undefined {
  if (!(first instanceof WrongDigest) || !(second instanceof WrongDigest)) return undefined;
  const { expected, found } = second;
  if (first.expected !== expected || first.found !== found) return undefined;
  return new TidemarkError(
    'object_damaged',
    `The object ${key} in ${location} is damaged: expected ${expected}, found ${found}, twice. Restore another backup.`,
  );
}
