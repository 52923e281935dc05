/** The refusal of what the API describes and this deployment cannot do yet. */
import { TidemarkError } from '../domain/errors.ts';

/**
 * Thrown last of all: a request that is wrong, not allowed or for something that does not exist is told that instead.
 *
 * @param what sentence about what is missing
 * @param instead sentence about what is there
 * @example throw notAvailable('Cancelling a restore is not available yet.', 'Wait until it has ended.')
 */
export function notAvailable(what: string, instead: string): TidemarkError {
  return new TidemarkError('not_available', `${what} ${instead}`);
}
