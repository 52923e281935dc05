/** Buckets and credentials of customers, as requests bring them. What they hold is never repeated in a message. */
import { z } from '@hono/zod-openapi';

const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const inBase64 = 'credentials in base64';

/** Base64, in lines if wanted, or the decoded bytes as numbers, as the vendor's generated clients send them. */
const credentials = z
  .union(
    [
      z.string().refine((value) => {
        const compact = value.replace(/\s/g, '');
        return base64.test(compact) && compact.length % 4 === 0;
      }, inBase64),
      z.array(z.int(inBase64).min(0, inBase64).max(255, inBase64)).min(1, inBase64),
    ],
    { error: inBase64 },
  )
  .openapi({ description: 'In base64' });

const bucketPath = 'a bucket as s3://name/folder or gs://name/folder';

export const externalStorage = z.strictObject(
  {
    bucket: z.strictObject(
      {
        path: z.string({ error: bucketPath }).regex(/^(s3|gs):\/\/[A-Za-z0-9._-]+(\/.*)?$/, bucketPath),
        credentials,
      },
      { error: 'an object with path and credentials' },
    ),
  },
  { error: 'an object with bucket' },
);

const plainBucket = 'the name of a bucket: letters, digits, ".", "_" and "-"';

export const externalSource = z.strictObject(
  {
    bucket: z.string({ error: plainBucket }).regex(/^((s3|gs):\/\/)?[A-Za-z0-9._-]+\/?$/, plainBucket),
    method: z.enum(['mariabackup', 'mysqldump'], { error: 'one of mariabackup, mysqldump' }),
    credentials: credentials.optional(),
    encryption_key: z.string({ error: 'a text' }).optional(),
  },
  { error: 'an object with bucket, method and credentials' },
);
