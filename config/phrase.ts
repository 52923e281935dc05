/** What is wrong with a value, as a phrase for a sentence about it. */
import type { z } from 'zod';

/** @example `It has to be ${faultsOf(error)}.` // It has to be a whole number of bytes, or one with K, M, G or T: 16M. */
export function faultsOf({ issues }: z.ZodError): string {
  return issues.map(({ message }) => message).join('; ');
}
