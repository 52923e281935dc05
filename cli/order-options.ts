/** Options of what is ordered: a backup's type and where it goes. */
import { readFileSync } from 'node:fs';
import { Option } from 'commander';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import { backupTypes } from '../domain/operations.ts';

export function backupTypeOption(): Option {
  return new Option('--backup-type <type>', 'physical means full, logical means dump').choices([
    ...backupTypes,
    'physical',
    'logical',
  ]);
}

export interface StorageFlags {
  bucketPath?: string;
  bucketCredentials?: string;
}

/** A bucket of one's own: `external_storage` of the API. */
export function storageOptions(): Option[] {
  return [
    new Option('--bucket-path <path>', 's3://name/folder or gs://name/folder'),
    new Option(
      '--bucket-credentials <file>',
      'an AWS credentials file, or the JSON key of a service account',
    ),
  ].map((option) => option.helpGroup('A bucket of your own (external_storage):'));
}

/** What is missing is for the API to say. */
export function storageFields({ bucketPath, bucketCredentials }: StorageFlags): object {
  if (bucketPath === undefined && bucketCredentials === undefined) return {};
  const credentials = bucketCredentials === undefined ? {} : { credentials: inBase64(bucketCredentials) };
  return { external_storage: { bucket: { path: bucketPath, ...credentials } } };
}

/** @throws invalid_setting when the file cannot be read */
export function inBase64(file: string): string {
  return readSecret(file).toString('base64');
}

export function readSecret(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new TidemarkError('invalid_setting', `The file ${file} cannot be read: ${messageOf(error)}`);
  }
}

/** A body without the fields that nobody named. */
export function withoutUndefined(fields: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
