/** The object store. */
import { entry, type ErrorEntry } from './entry.ts';

export const storeErrors = {
  object_missing: entry(
    409,
    false,
    'An object of the backup is not in the store.',
    'The message names it; restore another backup.',
  ),
  object_damaged: entry(
    409,
    false,
    'An object of the backup does not have the digest that its manifest records.',
    'The message names object, expected and found; restore another backup.',
  ),
  object_exists: entry(
    409,
    false,
    'An object of this name exists already with other content.',
    'Objects are never overwritten; look who else writes to this place.',
  ),
  storage_full: entry(
    409,
    false,
    'The object store has no room left.',
    'Free space in the store that the message names.',
  ),
  storage_unavailable: entry(
    503,
    true,
    'The object store does not answer, or refuses the request.',
    'See that the location in the settings exists and can be written to.',
  ),
  storage_throttled: entry(
    503,
    true,
    'The object store asks for fewer requests.',
    'Nothing, if it passes; otherwise lower `storage_options.parallel_requests`, or raise the quota of the store.',
  ),
  storage_timeout: entry(
    503,
    true,
    'The object store did not answer in time.',
    'Look at the network between; on a slow one, raise `storage_options.request_timeout`.',
  ),
  transfer_damaged: entry(
    503,
    true,
    'Bytes were changed on their way between Tidemark and the object store.',
    'Nothing wrong was stored or handed out. If it comes again, look at the network and at proxies between.',
  ),
  storage_forbidden: entry(
    409,
    false,
    'The object store does not allow the request with these credentials.',
    'Allow them to list the bucket, and to read, write and delete objects below the prefix.',
  ),
  storage_credentials_refused: entry(
    409,
    false,
    'The object store does not take the credentials, or there are none.',
    'Renew them where the message says that they come from.',
  ),
  bucket_missing: entry(
    409,
    false,
    'There is no bucket of this name.',
    'Make the bucket, or mend its name in the location.',
  ),
  bucket_region_wrong: entry(
    409,
    false,
    'The bucket is in another region.',
    'Set `storage_options.region` to the region that the message names; for a bucket of your own, write it into the credentials.',
  ),
  storage_refused: entry(
    409,
    false,
    'The object store lacks something that backups need, or a setting does not fit it.',
    'The message says what, and which setting to change.',
  ),
  endpoint_refused: entry(
    409,
    false,
    'The credentials of a bucket name an address that this deployment does not allow.',
    'Name one that it allows, or have its host listed in `external_endpoints` by whoever runs the deployment.',
  ),
  copy_location_unknown: entry(
    409,
    false,
    'A copy lies in a location that the settings of the process that needs it do not name.',
    'Name the location in `copies` of that process, with the `storage_options` that the others have for it.',
  ),
  storage_foreign: entry(
    409,
    false,
    'The storage is not the one that the backups of this deployment are in.',
    'The message names both: set `storage` back, or say with `storage_moved_from` that the backups in the old place are given up. Of an agent: give it the storage that the control worker has, and see that it is mounted.',
  ),
  storage_mismatch: entry(
    409,
    false,
    'The agent and the control worker do not see the same store.',
    'Give both the same storage location; a local directory has to be shared.',
  ),
} as const satisfies Record<string, ErrorEntry>;
