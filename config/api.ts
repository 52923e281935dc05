/** The settings of the api: environment variables, or the file that TIDEMARK_CONFIG names. */
import { z } from 'zod';
import { catalogLocation } from './control.ts';
import { duration, logLevel } from './values.ts';

export const apiSettings = z.strictObject({
  listen: z.string().default('127.0.0.1').describe('The address to listen on'),
  port: z.coerce.number().int().min(0).max(65535).default(8080).describe('0: one that is free'),
  catalog: catalogLocation.describe('The catalog database; a password comes by catalog_password_file'),
  catalog_password_file: z.string().optional(),
  tokens_file: z
    .string()
    .describe(
      'Who may do what: a line each with token, organization, role and, if wanted, a name; separated by blanks',
    ),
  agent_wait: duration.prefault('10m').describe('How long a backup waits for its agent'),
  log_level: logLevel.default('info'),
});

export type ApiSettings = z.infer<typeof apiSettings>;
