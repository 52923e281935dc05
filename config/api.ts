/** The settings of the api: environment variables, or the file that TIDEMARK_CONFIG names. */
import { z } from 'zod';
import { jwtSettings } from './jwt.ts';
import { timingSettings } from './timings.ts';
import { catalogLocation, filePath, logLevel, port } from './values.ts';

export const apiSettings = z.strictObject({
  listen: z.string().min(1).default('127.0.0.1').describe('The address to listen on'),
  port: port.prefault(8080).describe('The port to listen on; 0: one that is free'),
  catalog: catalogLocation,
  catalog_password_file: filePath
    .optional()
    .describe("A file with the catalog database's password, in one line"),
  tokens_file: filePath
    .optional()
    .describe(
      'Who may do what: a line each with token, organization, role and, if wanted, a name, separated by blanks; # begins a comment. API keys need no file',
    ),
  jwt: jwtSettings.optional(),
  ...timingSettings,
  log_level: logLevel.default('info'),
});

export type ApiSettings = z.infer<typeof apiSettings>;
