/** How fast restores are, for estimates, as long as a host has not measured it. */
import type { z } from 'zod';
import type { RestoreRates } from '../domain/archive/estimate.ts';
import { ratesOfSettings } from '../domain/archive/rates.ts';
import { byteSizeWithin, interval } from './values.ts';

const rate = (bytes: string, what: string): z.ZodPrefault<ReturnType<typeof byteSizeWithin>> =>
  byteSizeWithin('1K', '1T').prefault(bytes).describe(what);

export const recoverySettings = {
  restore_rate: rate(
    '150M',
    'How many bytes of a physical backup, before its compression, a restore fetches, extracts and prepares a second: for estimates, until restores of the host have measured it',
  ),
  dump_rate: rate('20M', 'How many bytes of a dump, before its compression, are loaded a second: likewise'),
  replay_rate: rate('5M', 'How many bytes of binlogs are replayed a second: likewise'),
  restore_overhead: interval
    .prefault('10s')
    .describe('What a restore takes whatever the size, its checks and the cut-over: likewise'),
};

export function restoreRatesOf(
  settings: Record<'restore_rate' | 'dump_rate' | 'replay_rate' | 'restore_overhead', number>,
): RestoreRates {
  return ratesOfSettings({
    physical: settings.restore_rate,
    dump: settings.dump_rate,
    binlog: settings.replay_rate,
    fixedSeconds: settings.restore_overhead / 1000,
  });
}
