/** How the object store is used that `storage` names: the same settings for every process that reads or writes there. */
import { z } from 'zod';
import { byteSize, duration, interval, trueOrFalse, wholeNumber } from './values.ts';

export const storageOptions = z.strictObject({
  region: z
    .string()
    .regex(/^[A-Za-z0-9-]+$/)
    .optional()
    .meta({ allowed: 'the name of a region: eu-central-1' })
    .describe('S3: the region of the bucket; default: AWS_REGION or the profile, else us-east-1'),
  endpoint: z
    .string()
    .regex(/^https?:\/\/[^@]+$/)
    .optional()
    .meta({ allowed: 'an address without credentials: https://s3.example.com:9000' })
    .describe(
      "The address of a store that is not the cloud's own; default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL; of gs:// STORAGE_EMULATOR_HOST",
    ),
  path_style: trueOrFalse
    .optional()
    .describe(
      'S3: name the bucket in the path of the address instead of its host; default: true with an endpoint of its own',
    ),
  storage_class: z
    .string()
    .regex(/^(?!(GLACIER|DEEP_ARCHIVE)$)[A-Z0-9_]+$/)
    .optional()
    .meta({
      allowed:
        'the name of a storage class: STANDARD_IA; not GLACIER or DEEP_ARCHIVE, whose objects cannot be read before they are brought back',
    })
    .describe("The storage class of new objects; default: the bucket's"),
  server_side_encryption: z
    .enum(['AES256', 'aws:kms', 'aws:kms:dsse'])
    .optional()
    .describe('S3: how the store encrypts new objects; default: as the bucket is set'),
  kms_key_id: z
    .string()
    .min(1)
    .optional()
    .meta({ allowed: 'the id, ARN or alias of a key' })
    .describe(
      "The key of the cloud's key service under which new objects are encrypted; default: the bucket's",
    ),
  checksums: z
    .enum(['when_supported', 'when_required'])
    .default('when_supported')
    .describe(
      "S3: whether requests carry the checksums of S3's newer clients; some servers of other makers refuse them",
    ),
  conditional_writes: z
    .enum(['required', 'checked'])
    .default('required')
    .describe(
      'S3: required: a store without writes that only create is refused. checked: there it is looked first whether the name is free, and two writers at the same moment can overwrite each other',
    ),
  parallel_requests: wholeNumber(1, 256)
    .prefault(16)
    .describe('How many requests of one process to one bucket may be under way at the same time'),
  upload_limit: byteSize
    .prefault('0')
    .describe('Bytes a second that one process may write, to all places together; 0: no limit'),
  download_limit: byteSize
    .prefault('0')
    .describe('Bytes a second that one process may read, from all places together; 0: no limit'),
  request_timeout: interval
    .prefault('2m')
    .describe('How long one request may take, with the whole of a part; on a slow network, raise it'),
  retry_for: duration
    .prefault('5m')
    .describe('How long a request that failed by something that passes is tried again'),
});

export type StorageOptions = z.infer<typeof storageOptions>;

/** The address of S3 that the environment names, as AWS's own tools read it; undefined when it names none. */
export function s3Endpoint(env: Record<string, string | undefined> = process.env): string | undefined {
  if (env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] === 'true') return undefined;
  return env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'] || undefined;
}

/** The emulator of Google Cloud Storage that the environment names, as Google's own tools read it. */
export function gcsEmulator(env: Record<string, string | undefined> = process.env): string | undefined {
  const host = env['STORAGE_EMULATOR_HOST'];
  if (!host) return undefined;
  return (/^https?:/.test(host) ? host : `http://${host}`).replace(/\/+$/, '');
}
