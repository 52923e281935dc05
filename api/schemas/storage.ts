/** Buckets and credentials of customers, as requests bring them. What they hold is never repeated in a message. */
import { z } from '@hono/zod-openapi';
import { bucketPathRule, parseBucketPath } from '../../domain/bucket-path.ts';
import { type BucketScheme, mismatch, parseCredentials } from '../../domain/storage-credentials.ts';

const inBase64 = 'credentials in base64';

/** Base64, in lines if wanted, or the decoded bytes as numbers, as the vendor's generated clients send them. */
const credentials = z
  .union([z.string(), z.array(z.int().min(0).max(255)).min(1)], { error: inBase64 })
  .transform((given, context) => {
    const parsed = parseCredentials(given);
    if (!('wrong' in parsed)) return parsed;
    context.addIssue({ code: 'custom', message: parsed.wrong });
    return z.NEVER;
  })
  .openapi({
    anyOf: [
      { type: 'string' },
      { type: 'array', items: { type: 'integer', minimum: 0, maximum: 255 }, minItems: 1 },
    ],
    description:
      "In base64, or as the bytes behind it: an AWS credentials file (aws_access_key_id, aws_secret_access_key, aws_session_token, region, endpoint_url), or a Google service account's JSON key. Never given back.",
    example:
      'W2RlZmF1bHRdCmF3c19hY2Nlc3Nfa2V5X2lkID0gQUtJQUlPU0ZPRE5ON0VYQU1QTEUKYXdzX3NlY3JldF9hY2Nlc3Nfa2V5ID0gd0phbHJYVXRuRkVNSS9LN01ERU5HL2JQeFJmaUNZRVhBTVBMRUtFWQpyZWdpb24gPSB1cy1lYXN0LTEK',
  });

/** Answers with the parsed address. */
const bucketPath = z
  .string({ error: bucketPathRule })
  .transform((value, context) => {
    const parsed = parseBucketPath(value);
    if (!('wrong' in parsed)) return parsed;
    context.addIssue({ code: 'custom', message: parsed.wrong });
    return z.NEVER;
  })
  .openapi({ type: 'string', description: bucketPathRule, example: 's3://my_backup_bucket/tidemark' });

export const externalStorage = z
  .strictObject(
    {
      bucket: z
        .strictObject(
          {
            path: bucketPath,
            credentials,
          },
          { error: 'an object with path and credentials' },
        )
        .superRefine((bucket, context) => {
          const { scheme, bucket: name } = bucket.path;
          const why = mismatch(scheme, name, bucket.credentials);
          if (why !== undefined) context.addIssue({ code: 'custom', path: ['credentials'], message: why });
        }),
    },
    { error: 'an object with bucket' },
  )
  .openapi('ExternalStorage');

/** What an answer tells of it: where, and never with what. */
export const shownStorage = z
  .strictObject({
    bucket: z.strictObject({ path: z.string().openapi({ example: 's3://my_backup_bucket/tidemark' }) }),
  })
  .openapi('ShownExternalStorage', { description: 'The bucket of your own that its backups go to' });

const plainBucket = 'a bucket as s3://name, gs://name or its name alone: letters, digits, ".", "_" and "-"';
const plainBucketForm = /^(?:(s3|gs):\/\/)?([A-Za-z0-9._-]{1,222})\/?$/;

export const encryptionKey = z
  .string({ error: 'the key of the backup, as text' })
  .min(1, 'the key of the backup, as text')
  .max(1000, 'the key of the backup, as text of at most 1000 characters')
  .openapi({ description: 'Never given back' });

export const externalSource = z
  .strictObject(
    {
      bucket: z
        .string({ error: plainBucket })
        .regex(plainBucketForm, plainBucket)
        .openapi({ example: 'gs://my_backup_bucket' }),
      method: z.enum(['mariabackup', 'mysqldump'], { error: 'one of mariabackup, mysqldump' }),
      credentials: credentials.optional(),
      encryption_key: encryptionKey.optional(),
    },
    { error: 'an object with bucket, method and credentials' },
  )
  .superRefine((source, context) => {
    const [, scheme, name = ''] = plainBucketForm.exec(source.bucket) ?? [];
    if (scheme === undefined || !source.credentials) return;
    const why = mismatch(scheme as BucketScheme, name, source.credentials);
    if (why !== undefined) context.addIssue({ code: 'custom', path: ['credentials'], message: why });
  })
  .openapi('ExternalSource');
