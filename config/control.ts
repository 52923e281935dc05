/** The settings of the control worker: environment variables, or the file that TIDEMARK_CONFIG names. */
import { z } from 'zod';
import { duration, logLevel, storageLocation } from './values.ts';

export const catalogLocation = z
  .string()
  .regex(
    /^(sqlite:\/\/\/|postgres(ql)?:\/\/).+/,
    'sqlite:///path/of/file or postgres://user@host:port/database',
  );

export const controlSettings = z.strictObject({
  catalog: catalogLocation.describe('The catalog database; a password comes by catalog_password_file'),
  catalog_password_file: z.string().optional(),
  storage: storageLocation,
  agent_wait: duration.prefault('10m').describe('How long a backup waits for its agent'),
  reconcile_interval: duration.prefault('30s').describe('How often the catalog is compared with Temporal'),
  metrics_port: z.coerce.number().int().min(0).max(65535).optional(),
  log_level: logLevel.default('info'),
});

export type ControlSettings = z.infer<typeof controlSettings>;
