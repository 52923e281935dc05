import { describe, expect, test } from '@jest/globals';
import { credentialsError, gcsError, GcsRefusal } from '../../storage/gcs/errors.ts';
import { isPassing, type StoreFault } from '../../storage/store.ts';
import { TidemarkError } from '../../domain/errors.ts';

const place = 'gs://bucket/prefix';

/** As the client makes them of an answer. */
function refusal(code: number, message = 'no', reason = '', headers: Record<string, string> = {}): Error {
  return Object.assign(new Error(message), { code, errors: [{ reason }], response: { headers } });
}

function network(code: string): Error {
  return Object.assign(new Error(`connect ${code} 127.0.0.1:1`), { code, type: 'system' });
}

describe('what Google Cloud Storage says', () => {
  test.each<[string, Error, StoreFault]>([
    ['404', refusal(404, 'Not Found', 'notFound'), 'object_missing'],
    ['404 of a proxy', refusal(404, 'Not Found'), 'storage_refused'],
    ['404 of a proxy, of a download', new GcsRefusal(404, {}, '<h1>Not Found</h1>'), 'storage_refused'],
    [
      '403 of a download, for a rate',
      new GcsRefusal(403, {}, '{"error":{"message":"slower","errors":[{"reason":"rateLimitExceeded"}]}}'),
      'storage_throttled',
    ],
    ['404 of the bucket', refusal(404, 'The specified bucket does not exist.'), 'bucket_missing'],
    ['412', refusal(412, 'At least one of the pre-conditions', 'conditionNotMet'), 'object_exists'],
    ['401', refusal(401, 'Invalid Credentials', 'authError'), 'storage_credentials_refused'],
    ['403', refusal(403, 'does not have storage.objects.create access', 'forbidden'), 'storage_forbidden'],
    ['403 for a rate', refusal(403, 'slower', 'userRateLimitExceeded'), 'storage_throttled'],
    ['429', refusal(429, 'slower', 'rateLimitExceeded'), 'storage_throttled'],
    ['400 for a digest', refusal(400, 'Provided MD5 hash "a" doesn\'t match', 'invalid'), 'transfer_damaged'],
    ['400', refusal(400, 'Invalid storage class', 'invalid'), 'storage_refused'],
    ['408', refusal(408), 'storage_timeout'],
    ['500', refusal(500, 'Internal Error', 'backendError'), 'storage_unavailable'],
    ['503', refusal(503), 'storage_unavailable'],
    ['504', refusal(504), 'storage_timeout'],
    ['a refusal of a download', new GcsRefusal(404, {}, 'No such object: b/o'), 'object_missing'],
    ['a refused connection', network('ECONNREFUSED'), 'storage_unavailable'],
    ['a connection that could not be made', network('ETIMEDOUT'), 'storage_timeout'],
    ['an error of no known kind', new Error('?'), 'storage_unavailable'],
  ])('%s has a name in the closed set', (_, error, fault) => {
    const made = gcsError(error, 'write a/part-000001', place);
    expect(made.code).toBe(fault);
    expect(made.message).toMatch(/^Could not write a\/part-000001 in gs:\/\/bucket\/prefix: .*\.$/);
  });

  test('a write into nothing lacks its bucket', () => {
    expect(gcsError(refusal(404, '', 'notFound'), 'write a', place, { absent: 'bucket_missing' }).code).toBe(
      'bucket_missing',
    );
  });

  test('how long to wait is taken from the answer', () => {
    const wait = (value: string): unknown =>
      gcsError(refusal(503, '', '', { 'retry-after': value }), 'read a', place).retryAfterSeconds;
    expect(wait('7')).toBe(7);
    expect(wait(new Date(Date.now() + 30_000).toUTCString())).toBeGreaterThan(25);
    expect(wait('soon')).toBeUndefined();
  });

  test('the error carries nothing of the request, where its token is', () => {
    const error = Object.assign(refusal(500), { config: { headers: { Authorization: 'Bearer canary' } } });
    const made = gcsError(error, 'read a', place);
    expect(JSON.stringify([made, made.cause, (made.cause as Error).stack])).not.toContain('canary');
    expect(made.cause).not.toBe(error);
  });

  test('what an answer says is cut short and kept on one line', () => {
    const { message } = gcsError(refusal(400, `line\n${'x'.repeat(5000)}`), 'read a', place);
    expect(message.length).toBeLessThan(400);
    expect(message).not.toContain('\n');
  });

  test('an aborted signal is why a request failed, whatever it failed with', () => {
    const signal = AbortSignal.abort(new TidemarkError('storage_timeout', 'too late'));
    expect(gcsError(refusal(500), 'read a', place, { signal }).code).toBe('storage_timeout');
  });

  test('a token that is refused is for good, one that does not come passes', () => {
    const refused = Object.assign(new Error('invalid_grant: Invalid JWT Signature'), {
      response: { status: 400 },
    });
    expect(credentialsError(refused, place, false).code).toBe('storage_credentials_refused');
    expect(credentialsError(new Error('Could not load the default credentials'), place, false).code).toBe(
      'storage_credentials_refused',
    );
    expect(credentialsError(refused, place, false).message).toContain('GOOGLE_APPLICATION_CREDENTIALS');
    // Whoever handed a key over has nothing to set in the environment of the agents.
    expect(credentialsError(refused, place, true).message).toMatch(
      /Invalid JWT Signature\. Order it with a key/,
    );
    for (const error of [network('ECONNRESET'), network('ENOTFOUND'), { response: { status: 503 } }]) {
      expect(isPassing(credentialsError(error, place, true))).toBe(true);
    }
  });
});
