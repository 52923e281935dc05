import { describe, expect, test } from '@jest/globals';
import { hasCredentialsService } from '../../storage/s3/client.ts';
import { s3Error } from '../../storage/s3/errors.ts';
import type { StoreFault } from '../../storage/store.ts';

function without(message: string, more: object = {}): Error {
  return Object.assign(new Error(message), { name: 'CredentialsProviderError', ...more });
}

describe('credentials of S3 that do not come', () => {
  test.each<[string, Error, boolean, StoreFault]>([
    [
      'on a machine without any are refused',
      without('Could not load credentials from any providers'),
      false,
      'storage_credentials_refused',
    ],
    [
      'where there are some pass',
      without('Could not load credentials from any providers'),
      true,
      'storage_unavailable',
    ],
    [
      'for a profile that is not there are refused',
      without('Profile x was not found.'),
      true,
      'storage_credentials_refused',
    ],
    [
      'because their service is overloaded pass',
      without('Server responded with status: 503', { $metadata: { httpStatusCode: 503 } }),
      false,
      'storage_unavailable',
    ],
    ['because of the network pass', without('no way', { code: 'ECONNRESET' }), false, 'storage_unavailable'],
  ])('%s', (_, error, expected, fault) => {
    expect(s3Error(error, 'read a', 's3://bucket', undefined, expected).code).toBe(fault);
  });

  test('are to be expected of a container and of a machine of Amazon’s', () => {
    expect(hasCredentialsService({}, 'QEMU')).toBe(false);
    expect(hasCredentialsService({}, 'Amazon EC2')).toBe(true);
    expect(hasCredentialsService({ AWS_EC2_METADATA_DISABLED: 'true' }, 'Amazon EC2')).toBe(false);
    expect(hasCredentialsService({ AWS_CONTAINER_CREDENTIALS_FULL_URI: 'http://127.0.0.1/' }, '')).toBe(true);
  });
});
