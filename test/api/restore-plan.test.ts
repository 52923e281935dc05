/** What the plan of a restore says of its time. */
import { type Client, WorkflowFailedError } from '@temporalio/client';
import { RetryState, TimeoutFailure, TimeoutType } from '@temporalio/common';
import { expect, test } from '@jest/globals';
import { planThrough } from '../../api/restore-plans.ts';
import type { PlanContext } from '../../api/views/restore-plan.ts';
import { restorePlanView } from '../../api/views/restore-plan.ts';
import { type KeptMeasurement, ratesFrom, ratesOfSettings } from '../../domain/archive/rates.ts';
import { defaultTimings, type RestoreInput } from '../../domain/operations.ts';
import type { RestorePlanReport } from '../../domain/restore-plan.ts';

const settings = ratesOfSettings({
  physical: 100_000_000,
  dump: 10_000_000,
  binlog: 1_000_000,
  fixedSeconds: 10,
});

const input: RestoreInput = {
  restoreId: 1,
  workflowId: 'restore/1/a',
  backupId: 'last',
  serviceId: 'shop-1',
  organization: 'default',
  mode: 'side-by-side',
  recovery: { serviceId: 'shop-1', target: { latest: true } },
  timings: defaultTimings,
};

const report: RestorePlanReport = {
  backupId: 'last',
  mode: 'side-by-side',
  bytesToFetch: 1,
  bytesNeeded: 1,
  bytesFree: 1,
  warnings: [],
  chain: ['full', 'last'],
  chainBytes: 1_200_000_000,
  chainSizes: [1_000_000_000, 200_000_000],
  dump: false,
  backupVersion: '10.11.6-MariaDB',
  serverVersion: '10.11.6-MariaDB',
  recipients: [],
  serving: true,
  pointInTime: '2026-01-01T00:00:00.000Z',
  recovery: { chain: ['full', 'last'], ranges: [], stop: { at: 'end', gtid: '0-1-7' }, seconds: 40 },
  binlogs: { files: 1, segments: 2, bytes: 8_000_000, storedBytes: 3_000_000 },
};

function told(given: { kept?: KeptMeasurement[]; next?: PlanContext['next']; input?: RestoreInput }) {
  const rates = ratesFrom(settings, given.kept ?? []);
  return restorePlanView(given.input ?? input, report, { rates, next: given.next });
}

test('each stage is told with its bytes and its time, and their sum is the estimate', () => {
  const { estimated_by, estimated_seconds, reason } = told({});
  expect(estimated_by).toEqual([
    { stage: 'fetching', bytes: 1_000_000_000, seconds: 6.7, measured: 0 },
    { stage: 'preparing', bytes: 1_000_000_000, seconds: 3.3, measured: 0 },
    { stage: 'applying', bytes: 200_000_000, seconds: 2, measured: 0 },
    { stage: 'replaying', bytes: 8_000_000, seconds: 8, measured: 0 },
    { stage: 'rest', bytes: 0, seconds: 10, measured: 0 },
  ]);
  expect(estimated_seconds).toBe(30);
  expect(reason).toBe(
    'Of all that lead there it takes the least time. With it and the replay of 8000000 bytes of binlogs, about 30 s, ' +
      'by the settings: nothing was restored on this host yet.',
  );
});

test('what was measured is told apart from what is guessed, and so is the next best', () => {
  const kept: KeptMeasurement[] = [
    { stage: 'fetching', bytes: 1_000_000_000, seconds: 20, at: '2026-01-01T10:00:00.000Z' },
    { stage: 'rest', bytes: 0, seconds: 3, at: '2026-01-01T11:00:00.000Z' },
  ];
  const { estimated_by, reason } = told({ kept, next: { backupId: 'another', seconds: 12 } });
  expect(estimated_by[0]).toMatchObject({ measured: 1, last_measured: '2026-01-01T10:00:00Z' });
  expect(estimated_by[1]).not.toHaveProperty('last_measured');
  expect(reason).toMatch(
    /by what restores on this host took, the last at 2026-01-01 11:00:00 UTC, and for preparing and applying and replaying by the settings\. With another, the next best, 12 s longer\.$/,
  );
});

test('a backup that the request names is not said to be the best', () => {
  const { recovery: _, ...named } = input;
  expect(told({ input: named }).reason).toMatch(/^The request names the backup\. With it/);
});

test.each([
  ['of a backup of this deployment says who may be away', {}, /See that a control worker and the agent run/],
  [
    'of a backup that was made elsewhere says that all is read for it, and to order the restore',
    { foreign: true },
    /is read for a plan, .*Order the restore itself/,
  ],
])('a plan that is not there in time, %s', async (_, changes, told) => {
  const cause = new TimeoutFailure('too long', undefined, TimeoutType.START_TO_CLOSE);
  const client = {
    connection: { withDeadline: async (_deadline: number, work: () => Promise<unknown>) => await work() },
    workflow: {
      execute: async () => {
        throw new WorkflowFailedError('it failed', cause, RetryState.TIMEOUT);
      },
    },
  } as unknown as Client;
  const planned = planThrough(client, '127.0.0.1:1', { ...input, ...changes });
  await expect(planned).rejects.toMatchObject({
    code: 'agent_unavailable',
    message: expect.stringMatching(told),
  });
  await expect(planned).rejects.toThrow(/Nothing was started\.$/);
});
