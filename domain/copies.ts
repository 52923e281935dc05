/** Where else a finished backup is kept. */
import { errorTable, isErrorName, TidemarkError } from './errors.ts';

/** A location in the one form by which it is known: as it was written, without slashes at its end. */
export function copyLocation(location: string): string {
  return location.replace(/(?<=[^/])\/+$/, '');
}

/** What the managed storage is called where locations are named: every process has its own way to it. */
export const managedStorage = 'storage';

/** A place that a backup can be read from. */
export interface BackupSource {
  /** As the settings name it; {@link managedStorage} for that one. */
  location: string;
  /** For people. */
  shown: string;
  /** Why it could not be read there, a sentence. */
  refusal?: string;
}

/**
 * What a place refused with, without the advice to restore another backup: that is not needed when another place
 * serves, and is said once when none does.
 */
export function withoutAdvice(refusal: string): string {
  return refusal.replaceAll(' Restore another backup.', '');
}

/**
 * Where an agent reads a backup from: the place that the plan found it in first, those that have refused last.
 *
 * @param known the locations that its settings name beside the managed storage; left out by an agent of an earlier version
 * @throws copy_location_unknown when it is only where the agent does not know the way to
 */
export function planSources(sources: readonly BackupSource[], known: readonly string[] = []): BackupSource[] {
  const reachable = sources.filter(({ location }) => location === managedStorage || known.includes(location));
  const usable = [
    ...reachable.filter(({ refusal }) => refusal === undefined),
    ...reachable.filter(({ refusal }) => refusal !== undefined),
  ];
  if (usable[0] && usable[0].refusal === undefined) return usable;
  const whole = sources.filter(({ refusal }) => refusal === undefined).map(({ shown }) => shown);
  const refused = usable.map(({ shown, refusal = '' }) => `${shown}: ${withoutAdvice(refusal)}`);
  throw new TidemarkError(
    'copy_location_unknown',
    [
      `The backup can be read in ${whole.join(', ')}, which the settings of the agent do not name. Add it to "copies" in`,
      'its settings, start it again, and order the restore again.',
      ...refused,
    ].join(' '),
  );
}

/** What is said of a copy in a place that the settings do not name any more. */
export const forgottenLocation =
  'The settings of the deployment do not name this location any more: what lies there is left alone, and no restore ' +
  'reads it.';

export const copyStatuses = ['Scheduled', 'Running', 'Succeeded', 'Failed'] as const;
export type CopyStatus = (typeof copyStatuses)[number];

const longestPauseMs = 24 * 3_600_000;

/**
 * How long a copy that failed is left alone. What may pass by itself is tried again soon; the rest ever more rarely,
 * because each attempt reads back what is there already.
 *
 * @param attempts how often it failed before
 */
export function pauseAfterFailure(attempts: number, passing: boolean, intervalMs: number): number {
  if (passing) return intervalMs;
  return Math.max(intervalMs, Math.min(intervalMs * 2 ** Math.min(attempts, 20), longestPauseMs));
}

/** Whether trying again is likely to help. @param code the stable name of what went wrong */
export function isRetryable(code: string | undefined): boolean {
  // A worker that died, or was stopped, says nothing of the copy.
  if (code === 'operation_lost' || code === 'operation_cancelled') return true;
  return isErrorName(code) && errorTable[code].retryable;
}
