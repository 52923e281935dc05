/** What the SDK says in our logs. */
import { expect, test } from '@jest/globals';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { withErrors } from '../../worker/temporal-runtime.ts';

test('an error is told with its type and its causes, which JSON alone would leave out', () => {
  const cause = ApplicationFailure.nonRetryable('The bucket is gone.', 'bucket_missing');
  const error = new ActivityFailure(
    'Activity task failed',
    'fetchBackup',
    '1',
    'NON_RETRYABLE_FAILURE',
    'a',
    cause,
  );
  const told: unknown = JSON.parse(JSON.stringify(withErrors({ workflowId: 'restore/1', error })));
  expect(told).toEqual({
    workflowId: 'restore/1',
    error: {
      name: 'ActivityFailure',
      message: 'Activity task failed',
      cause: { name: 'ApplicationFailure', message: 'The bucket is gone.', type: 'bucket_missing' },
    },
  });
});

test('a chain of causes that leads back to itself comes to an end', () => {
  const error = new Error('round');
  error.cause = error;
  expect(JSON.stringify(withErrors({ error }))).toContain('round');
});
