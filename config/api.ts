/** The settings of the api: environment variables, or the file that TIDEMARK_CONFIG names. */
import { z } from 'zod';
import { catalogSettings } from './catalog.ts';
import { copySettings } from './copies.ts';
import { externalStorageSettings } from './external-storage.ts';
import { jwtSettings } from './jwt.ts';
import { recoverySettings } from './recovery.ts';
import { serviceDefaultSettings } from './service-defaults.ts';
import { scheduleSettings, timingSettings } from './timings.ts';
import { filePath, interval, logLevel, networkList, port, wholeNumber } from './values.ts';

export const apiSettings = z.strictObject({
  listen: z.string().min(1).default('127.0.0.1').describe('The address to listen on'),
  port: port.prefault(8080).describe('The port to listen on; 0: one that is free'),
  ...catalogSettings,
  tokens_file: filePath
    .optional()
    .describe(
      'Who may do what: a line each with token, organization, role and, if wanted, a name, separated by blanks; # begins a comment. API keys need no file',
    ),
  jwt: jwtSettings.optional(),
  sealing_key_file: filePath.describe(
    'The keys under which secrets are sealed: 32 random bytes in base64 a line; the first seals, the others open what was sealed before',
  ),
  trusted_proxies: networkList
    .prefault('')
    .describe("Proxies before the api: what they say in X-Forwarded-For is taken as the client's address"),
  request_timeout: interval
    .prefault('60s')
    .describe(
      'How long a request may take to come whole, headers and body; one that takes longer is answered 408 and its connection closed',
    ),
  subject_requests_per_minute: wholeNumber(0, 10_000_000)
    .prefault(6000)
    .describe('How often the same credentials may ask within a minute, at each api process; 0: no limit'),
  address_requests_per_minute: wholeNumber(0, 10_000_000)
    .prefault(12_000)
    .describe('How often may be asked from one address within a minute, at each api process; 0: no limit'),
  event_streams: wholeNumber(1, 100_000)
    .prefault(1000)
    .describe('How many streams of events each api process serves at once'),
  subject_event_streams: wholeNumber(1, 100_000)
    .prefault(20)
    .describe('How many of them for the same credentials'),
  event_stream_duration: interval
    .prefault('15m')
    .describe('How long a stream of events lasts at most: with the next, credentials are looked at anew'),
  ...timingSettings,
  ...serviceDefaultSettings,
  ...copySettings,
  ...externalStorageSettings,
  ...recoverySettings,
  ...scheduleSettings,
  log_level: logLevel.default('info'),
});

export type ApiSettings = z.infer<typeof apiSettings>;
