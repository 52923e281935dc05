/** What holds for a service unless it is set otherwise. The api shows it and the control worker acts on it. */
import { z } from 'zod';
import type { EncryptionPolicy } from '../domain/encryption.ts';
import type { CopyStorage } from './copies.ts';
import type { ChainSettings, ServiceDefaults } from '../domain/service-settings.ts';
import { largestKeep, largestMinFulls, policyOf } from '../domain/retention/policy.ts';
import { parseNightlyWindow } from '../domain/nightly.ts';
import {
  interval,
  nightlyWindow,
  recipientList,
  retentionDays,
  unencryptedBackups,
  wholeNumber,
} from './values.ts';

export const serviceDefaultSettings = {
  retention_days: retentionDays
    .prefault(7)
    .describe('How many days a backup is kept, where its service is not set otherwise'),
  retention_daily: wholeNumber(0, largestKeep)
    .prefault(0)
    .describe(
      'Of how many of the newest days with a backup the newest one is kept besides, where its service is not set otherwise; in UTC',
    ),
  retention_weekly: wholeNumber(0, largestKeep)
    .prefault(0)
    .describe('The same of how many weeks; a week begins on Monday'),
  retention_monthly: wholeNumber(0, largestKeep).prefault(0).describe('The same of how many months'),
  retention_yearly: wholeNumber(0, largestKeep).prefault(0).describe('The same of how many years'),
  retention_min_fulls: wholeNumber(1, largestMinFulls)
    .prefault(1)
    .describe(
      'How many of the newest full backups that succeeded are kept whatever their age, where their service is not set otherwise',
    ),
  nightly: z
    .enum(['on', 'off'])
    .default('on')
    .describe(
      'Whether a service gets a nightly full backup when it is registered; off: those that have one keep it',
    ),
  nightly_window: nightlyWindow
    .default('00:00-06:00')
    .describe('When nightly backups begin; each service has a minute of its own in it, by its service_id'),
  recipients: recipientList
    .prefault([])
    .describe(
      'Whom new backups are encrypted for, where their service is not set otherwise; empty: for nobody but whom the agent names',
    ),
  unencrypted_backups: unencryptedBackups
    .default('allowed')
    .describe('Whether a backup may be taken that is encrypted for nobody'),
  incremental_base: z
    .enum(['last', 'full'])
    .default('last')
    .describe(
      'What an incremental builds on, where its service is not set otherwise; last: the newest backup of the chain, which makes short backups; full: the full, which makes short restores',
    ),
  max_chain: wholeNumber(0, 1000)
    .prefault(7)
    .describe(
      'The most incrementals that a restore has to apply; a scheduled one beyond takes a full instead',
    ),
  max_share: wholeNumber(1, 1000)
    .prefault(100)
    .describe(
      "How much the incrementals of a chain may have, in percent of their full's size; beyond, a scheduled one takes a full instead",
    ),
  binlog_archive: z
    .enum(['on', 'off'])
    .default('on')
    .describe(
      'Whether binlogs are archived from the first full backup on, where their service is not set otherwise',
    ),
  archive_interval: interval
    .prefault('10s')
    .describe(
      'How long what is new in a binlog waits at most until it is shipped, where its service is not set otherwise: what can be lost with a host',
    ),
  full_after_hole: z
    .enum(['on', 'off'])
    .default('on')
    .describe(
      'Whether a full backup is taken at once where binlogs are missing from the archive, or the server goes on with others, where its service is not set otherwise',
    ),
};

export function serviceDefaultsOf(settings: {
  retention_days: number;
  retention_daily: number;
  retention_weekly: number;
  retention_monthly: number;
  retention_yearly: number;
  retention_min_fulls: number;
  nightly: 'on' | 'off';
  nightly_window: string;
  recipients: string[];
  unencrypted_backups: EncryptionPolicy['unencrypted'];
  copies: CopyStorage[];
  incremental_base: ChainSettings['base'];
  max_chain: number;
  max_share: number;
  binlog_archive: 'on' | 'off';
  archive_interval: number;
  full_after_hole: 'on' | 'off';
}): ServiceDefaults {
  const nightlyWindow = parseNightlyWindow(settings.nightly_window);
  if (!nightlyWindow) throw new Error(`"${settings.nightly_window}" passed for a window`);
  return {
    retention: policyOf(
      {
        days: settings.retention_days,
        keep: {
          daily: settings.retention_daily,
          weekly: settings.retention_weekly,
          monthly: settings.retention_monthly,
          yearly: settings.retention_yearly,
        },
        minFulls: settings.retention_min_fulls,
      },
      {},
    ),
    nightly: settings.nightly === 'on',
    nightlyWindow,
    encryption: { recipients: settings.recipients, unencrypted: settings.unencrypted_backups },
    copies: settings.copies.filter(({ everyService }) => everyService).map(({ location }) => location),
    copyLocations: settings.copies.map(({ location }) => location),
    chain: {
      base: settings.incremental_base,
      maxChain: settings.max_chain,
      maxShare: settings.max_share,
    },
    binlog: {
      archive: settings.binlog_archive === 'on',
      intervalMs: settings.archive_interval,
      fullAfterHole: settings.full_after_hole === 'on',
    },
  };
}
