/** What the workflows do where their activities fail, hang on or are flooded. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { BackupSummary } from '../../domain/manifest.ts';
import { controlTaskQueue, formatBackupId, workflowIds } from '../../domain/ids.ts';
import {
  announcementLimits,
  type BackupInput,
  defaultTimings,
  type Registration,
  type SignedAnnouncement,
} from '../../domain/operations.ts';
import { until } from '../support/stack.ts';
import { type MockedPlane, mockedPlane } from './mocked.ts';

let plane: MockedPlane | undefined;

beforeAll(() => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
});

afterEach(async () => {
  await plane?.close();
  plane = undefined;
});

function newBackup(): BackupInput {
  const hex = randomBytes(16).toString('hex');
  return {
    backupId: formatBackupId({ hex, serviceId: 'db-1', serverName: 'db-1' }),
    scheduleId: 7,
    serviceId: 'db-1',
    organization: 'acme',
    type: 'full',
    timings: defaultTimings,
  };
}

const damaged = 'The object part-000001 was changed: its digest is not the one of the manifest.';

describe('a backup whose stored parts are not what its manifest says', () => {
  test.each(['the copy', 'an interrupted copy'])(
    'ends as Failed, with that reason, after %s',
    async (after) => {
      const input = newBackup();
      const told: { status?: string; message?: string }[] = [];
      const released: string[] = [];
      const summary = { backupId: input.backupId, warnings: [] as string[] } as BackupSummary;
      plane = await mockedPlane('backup-damaged', {
        control: {
          takePlace: async () => undefined,
          releasePlace: async ({ workflowId }) => void released.push(workflowId),
          findAgent: async () => ({ agentId: 'agent-1', lastSeenAt: '', deploymentId: 'd-1' }),
          updateBackup: async ({ status, message }) => {
            told.push({ ...(status && { status }), ...(message !== undefined && { message }) });
          },
          confirmBackup: async () => {
            throw ApplicationFailure.nonRetryable(damaged, 'object_damaged');
          },
        },
        agent: {
          control: { ping: async () => ({ agentId: 'agent-1' }), cleanUpBackup: async () => summary },
          bulk: {
            takeBackup: async () => {
              if (after === 'the copy') return summary;
              throw ApplicationFailure.nonRetryable('The agent was stopped.', 'internal');
            },
          },
        },
      });
      const workflowId = workflowIds.backup(input.backupId, input.scheduleId);
      const handle = await plane.client.workflow.start('backup', {
        taskQueue: controlTaskQueue,
        workflowId,
        args: [input],
      });
      await expect(handle.result()).rejects.toMatchObject({
        cause: { type: 'object_damaged', message: damaged },
      });
      expect(told.at(-1)).toEqual({ status: 'Failed', message: damaged });
      expect(released).toEqual([workflowId]);
      expect(await handle.query('status')).toMatchObject({ status: 'Failed', message: damaged });
    },
  );
});

describe('a backup that is to be encrypted, by an agent of an earlier version', () => {
  test('fails before anything is stored', async () => {
    const input = newBackup();
    const told: { status?: string; message?: string }[] = [];
    let taken = 0;
    plane = await mockedPlane('backup-unheeded', {
      control: {
        takePlace: async () => undefined,
        releasePlace: async () => undefined,
        findAgent: async () => ({
          agentId: 'agent-1',
          lastSeenAt: '',
          deploymentId: 'd-1',
          encryption: { recipients: ['age1of-the-safe'], unencrypted: 'allowed' },
          heedsEncryption: false,
        }),
        updateBackup: async ({ status, message }) => {
          told.push({ ...(status && { status }), ...(message !== undefined && { message }) });
        },
      },
      agent: {
        control: { ping: async () => ({ agentId: 'agent-1' }), cleanUpBackup: async () => null },
        bulk: {
          takeBackup: async () => {
            taken += 1;
            throw ApplicationFailure.nonRetryable('It was not to be taken.', 'internal');
          },
        },
      },
    });
    const handle = await plane.client.workflow.start('backup', {
      taskQueue: controlTaskQueue,
      workflowId: workflowIds.backup(input.backupId, input.scheduleId),
      args: [input],
    });
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'encryption_required' } });
    expect(told).toEqual([
      { status: 'Failed', message: expect.stringMatching(/age1of-the-safe.*Nothing was stored\. Upgrade/) },
    ]);
    expect(taken).toBe(0);
  });
});

describe("a backup to a customer's bucket by an agent of before there were such buckets", () => {
  test('ends before anything is copied, and says that the agent is too old', async () => {
    const told: string[] = [];
    let copied = 0;
    plane = await mockedPlane('backup-outdated', {
      control: {
        takePlace: async () => undefined,
        releasePlace: async () => undefined,
        findAgent: async () => ({ agentId: 'agent-1', lastSeenAt: '', deploymentId: 'd-1' }),
        updateBackup: async ({ message }) => void told.push(message ?? ''),
        sealBucket: async () => ({ location: 's3://mine', sealed: 'c2VhbGVk' }),
      },
      agent: {
        control: { ping: async () => ({ agentId: 'agent-1' }) },
        bulk: {
          takeBackup: async () => {
            copied += 1;
            throw new Error('it would go to the managed storage');
          },
        },
      },
    });
    const input = { ...newBackup(), external: true, timings: { ...defaultTimings, retryMs: 20 } };
    const handle = await plane.client.workflow.start('backup', {
      taskQueue: controlTaskQueue,
      workflowId: workflowIds.backup(input.backupId, input.scheduleId),
      args: [input],
    });
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'agent_outdated' } });
    expect(told).toContain('The bucket is being tried.');
    expect(told.at(-1)).toContain('bring it to the version of the deployment');
    expect(copied).toBe(0);
  });
});

describe("a customer's bucket that is gone", () => {
  const gone = 'The bucket mine does not answer: connect ECONNREFUSED.';
  const notAnswering = async (): Promise<never> => {
    asked += 1;
    throw ApplicationFailure.create({ message: gone, type: 'storage_unavailable', nonRetryable: false });
  };
  const timings = { ...defaultTimings, retryMs: 20 };
  let asked = 0;
  let released = 0;
  const told: { status?: string; message?: string }[] = [];
  const tell = async ({ status, message }: { status?: string; message?: string }): Promise<void> => {
    told.push({ ...(status && { status }), ...(message !== undefined && { message }) });
  };
  const control = {
    takePlace: async (): Promise<undefined> => undefined,
    releasePlace: async (): Promise<void> => void (released += 1),
    findAgent: async () => ({ agentId: 'agent-1', lastSeenAt: '', deploymentId: 'd-1' }),
    sealBucket: async () => ({ location: 's3://mine', sealed: 'c2VhbGVk' }),
  };
  beforeEach(() => {
    asked = released = 0;
    told.length = 0;
  });

  test('once its backup was copied, ends the backup with what the store says', async () => {
    const input = { ...newBackup(), external: true, timings };
    const summary = { backupId: input.backupId, warnings: [] as string[] } as BackupSummary;
    plane = await mockedPlane('backup-gone', {
      control: { ...control, updateBackup: tell, confirmBackup: notAnswering },
      agent: {
        control: {
          ping: async () => ({ agentId: 'agent-1' }),
          confirmBucket: async () => undefined,
          cleanUpBackup: async () => null,
        },
        bulk: { takeBackup: async () => summary },
      },
    });
    const handle = await plane.client.workflow.start('backup', {
      taskQueue: controlTaskQueue,
      workflowId: workflowIds.backup(input.backupId, input.scheduleId),
      args: [input],
    });
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'storage_unavailable' } });
    expect(told.at(-1)).toEqual({ status: 'Failed', message: gone });
    expect([asked > 1, released]).toEqual([true, 1]);
  });

  test('when it is to be restored from, ends the restore with what the store says', async () => {
    plane = await mockedPlane('restore-gone', {
      control: { ...control, updateRestore: tell, readBackup: notAnswering },
    });
    const handle = await plane.client.workflow.start('restore', {
      taskQueue: controlTaskQueue,
      workflowId: 'restore/4/of-a-test',
      args: [
        {
          restoreId: 4,
          workflowId: 'restore/4/of-a-test',
          backupId: newBackup().backupId,
          serviceId: 'db-1',
          organization: 'acme',
          mode: 'side-by-side',
          external: true,
          timings,
        },
      ],
    });
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'storage_unavailable' } });
    expect(told.at(-1)).toEqual({ status: 'Failed', message: gone });
    expect([asked > 1, released]).toEqual([true, 1]);
  });
});

describe('a run of a schedule whose backup another one takes', () => {
  test('asks for its end less and less often', async () => {
    const backup = newBackup();
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
    plane = await mockedPlane('backup-elsewhere', {
      control: {
        beginRun: async () => ({ backup, nextDueAt: inAnHour }),
        isRunOver: async () => false,
        // What the backup asks for first, and does not get while the test lasts.
        takePlace: async () => void (await Context.current().sleep('1h')),
      },
    });
    const { client } = plane;
    const taken = await client.workflow.start('backup', {
      taskQueue: controlTaskQueue,
      workflowId: workflowIds.backup(backup.backupId, backup.scheduleId),
      args: [backup],
    });
    const run = await client.workflow.start('scheduledBackup', {
      taskQueue: controlTaskQueue,
      workflowId: 'schedule/d-1/7/run',
      args: [{ deploymentId: 'd-1', scheduleId: 7 }],
    });
    const pauses = await until(
      async () => {
        const { events } = await run.fetchHistory();
        const timers = (events ?? []).map(({ timerStartedEventAttributes }) =>
          Number(timerStartedEventAttributes?.startToFireTimeout?.seconds ?? 0),
        );
        // The one of nearly an hour waits for the next run.
        return timers.filter((seconds) => seconds > 0 && seconds < 3_000);
      },
      (timers) => timers.length === 2,
      'the second pause',
    );
    expect(pauses).toEqual([15, 30]);
    await run.terminate();
    await taken.terminate();
  });
});

describe('the workflow of an agent', () => {
  const signed = (values: Partial<SignedAnnouncement>): SignedAnnouncement => ({
    announcement: '{}',
    signature: 'a signature',
    ...values,
  });

  test('keeps nothing that is longer than it may be, and asks nobody about it', async () => {
    const asked: SignedAnnouncement[] = [];
    plane = await mockedPlane('agent-limits', {
      control: {
        registerService: async (announcement) => {
          asked.push(announcement);
          throw ApplicationFailure.nonRetryable('x'.repeat(10_000), 'internal');
        },
      },
    });
    const handle = await plane.client.workflow.start('agent', {
      taskQueue: controlTaskQueue,
      workflowId: workflowIds.agent('agent-1'),
    });
    const answerTo = async (signature: string): Promise<Registration | undefined> =>
      await handle.query<Registration | undefined, [string]>('registration', signature);
    const long = 's'.repeat(announcementLimits.signature + 1);
    await handle.signal('announce', signed({ signature: long }));
    await handle.signal('announce', signed({ signature: 'of a long proof', proof: long }));
    const text = 'a'.repeat(announcementLimits.announcement + 1);
    await handle.signal('announce', signed({ signature: 'of a long text', announcement: text }));
    await handle.signal('announce', { announcement: '{}', signature: [long] });
    await handle.signal('announce', signed({ signature: 'of what fits' }));
    const answered = await until(
      () => answerTo('of what fits'),
      (answer) => answer !== undefined,
      'the answer',
    );
    expect(answered?.reason).toHaveLength(announcementLimits.reason);
    expect(await answerTo(long)).toBeUndefined();
    for (const signature of ['of a long text', 'of a long proof']) {
      const refused = await answerTo(signature);
      expect(refused).toMatchObject({
        accepted: false,
        reason: expect.stringContaining('too long') as unknown,
      });
    }
    // What is no announcement is refused where announcements are read; it is not kept either.
    expect(asked.map(({ signature }) => signature)).toEqual([[long], 'of what fits']);
    await handle.terminate();
  });
});
