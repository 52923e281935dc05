/** What a location says: which bucket, and which prefix in it. */
import { TidemarkError, messageOf } from '../domain/errors.ts';
import { requireKey } from './keys.ts';

export interface BucketPlace {
  bucket: string;
  /** Without slashes at its ends; empty: the whole bucket. */
  prefix: string;
}

/** As the contract has it; which of them the cloud allows, it says itself. */
const bucketRule = /^[A-Za-z0-9._-]{1,222}$/;

/**
 * @param location `s3://bucket`, `gs://bucket/a/prefix/`
 * @throws invalid_setting when it is none, or when its prefix could leave its place
 *
 * @example parseBucket('s3://backups/production/') // { bucket: 'backups', prefix: 'production' }
 */
export function parseBucket(location: string): BucketPlace {
  const [, authority = '', path = ''] = /^[a-z0-9]+:\/\/([^/]*)(.*)$/s.exec(location) ?? [];
  if (!bucketRule.test(authority) || /^\.+$/.test(authority)) {
    throw wrongLocation(
      location,
      'does not name a bucket: letters, digits, ".", "_" and "-" may stand between "//" and the next "/"',
    );
  }
  if (/[?#]/.test(path)) throw wrongLocation(location, 'has a "?" or "#", which must be written %3F and %23');
  let prefix: string;
  try {
    prefix = decodeURIComponent(path.replace(/^\//, '').replace(/\/$/, ''));
    if (prefix !== '') requireKey(prefix);
  } catch (error) {
    throw wrongLocation(location, `cannot be read (${messageOf(error)})`, error);
  }
  return { bucket: authority, prefix };
}

/** A bucket's location as its store has it. @param scheme `s3`, `gs` */
export function bucketLocation(scheme: string, { bucket, prefix }: BucketPlace): string {
  return `${scheme}://${bucket}${prefix === '' ? '' : `/${encodeURI(prefix)}`}`;
}

/** The address of a location, whatever `read` makes of it. @throws invalid_setting */
export function decoded<T>(location: string, read: (url: URL) => T): T {
  try {
    const url = new URL(location);
    if (url.search !== '' || url.hash !== '')
      throw wrongLocation(location, 'has a "?" or "#", which must be written %3F and %23');
    return read(url);
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw wrongLocation(location, `cannot be read (${messageOf(error)})`, error);
  }
}

export function wrongLocation(location: string, why: string, cause?: unknown): TidemarkError {
  return new TidemarkError(
    'invalid_setting',
    `The storage location ${JSON.stringify(withoutSecrets(location))} ${why}. Write a local directory as file:///path, a bucket as ` +
      's3://bucket/prefix or gs://bucket/prefix.',
    { cause },
  );
}

/** Somebody may have put the keys of a bucket before its name, as into other addresses. */
function withoutSecrets(location: string): string {
  return location.replace(/^([a-z0-9]+:\/\/)[^/]*([@:])[^/@:]*/i, (_all, scheme: string, end: string) =>
    end === '@' ? `${scheme}***@***` : `${scheme}***`,
  );
}
