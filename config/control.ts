/** The settings of the control worker: environment variables, or the file that TIDEMARK_CONFIG names. */
import { z } from 'zod';
import { longestRetentionDays } from '../domain/retention/policy.ts';
import { catalogSettings } from './catalog.ts';
import { copySettings } from './copies.ts';
import { externalStorageSettings } from './external-storage.ts';
import { serviceDefaultSettings } from './service-defaults.ts';
import { storageOptions } from './storage.ts';
import { recoverySettings } from './recovery.ts';
import { scheduleSettings, timingSettings } from './timings.ts';
import { duration, filePath, interval, logLevel, port, storageLocation, wholeNumber } from './values.ts';

export const controlSettings = z.strictObject({
  ...catalogSettings,
  storage: storageLocation,
  storage_options: storageOptions.prefault({}),
  storage_moved_from: storageLocation
    .optional()
    .describe(
      'Where the storage was before, when it was changed on purpose and the backups there are given up. Without it, a storage that has none of the backups of the catalog is refused',
    ),
  sealing_key_file: filePath
    .optional()
    .describe(
      "The api's file of keys, under which customers' credentials are sealed; without it, buckets of customers are refused",
    ),
  ...timingSettings,
  ...scheduleSettings,
  ...serviceDefaultSettings,
  ...copySettings,
  ...recoverySettings,
  copy_interval: interval
    .prefault('10m')
    .describe(
      'How often it is looked which backups lack a copy, and how soon one that failed is tried again; where trying again alone is unlikely to help, the pauses grow to a day',
    ),
  ...externalStorageSettings,
  reconcile_interval: interval.prefault('30s').describe('How often the catalog is compared with Temporal'),
  retention_interval: interval
    .prefault('1h')
    .describe('How often it is looked which backups have expired, and these are removed'),
  retention_grace: duration
    .prefault('1h')
    .describe(
      'How long a backup stays after it was found to have expired, so that a clock that is wrong for a moment removes nothing',
    ),
  objects_interval: interval
    .prefault('1d')
    .describe(
      'How often everything in the store is listed and held against the catalog: objects that no row tells of, and rows whose objects are gone',
    ),
  audit_days: wholeNumber(0, longestRetentionDays)
    .prefault(400)
    .describe('How many days an entry of the audit is kept; 0: for ever'),
  metrics_listen: z.string().min(1).default('127.0.0.1').describe('The address to serve metrics on'),
  metrics_port: port
    .optional()
    .describe('Where the metrics for Prometheus are served; 0: a free port; not set: nowhere'),
  log_level: logLevel.default('info'),
});

export type ControlSettings = z.infer<typeof controlSettings>;
