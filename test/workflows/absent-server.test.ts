/** A backup whose database server does not answer: it says so at once, leaves the service free, and asks again. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { HostControlActivities } from '../../activities/host/contract.ts';
import { controlTaskQueue, formatBackupId, workflowIds } from '../../domain/ids.ts';
import type { BackupSummary } from '../../domain/manifest.ts';
import { type BackupInput, defaultTimings, type OperationTimings } from '../../domain/operations.ts';
import { type MockedPlane, mockedPlane } from './mocked.ts';

let plane: MockedPlane | undefined;
/** What the workflow asked for, in its order, and what it said. */
let story: string[];

beforeAll(() => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
});

afterEach(async () => {
  await plane?.close();
  plane = undefined;
});

const reason = 'The database server does not accept connections at the socket /s. Start it.';
const again = expect.stringMatching(
  /^Scheduled The database .* Start it\. It is asked again until 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC\.$/,
) as unknown;
const copying = 'Running The server is being copied.';

function away(): never {
  // Retryable, as the agent has it: it is the workflow that decides.
  throw ApplicationFailure.retryable(reason, 'database_unreachable');
}

/** Takes a backup with an agent of which `meetServer` and `takeBackup` are the test's. */
async function begin(
  agent: Partial<Pick<HostControlActivities, 'meetServer'>> & { takeBackup?: () => void },
  timings: Partial<OperationTimings> = {},
): Promise<WorkflowHandle> {
  story = [];
  const hex = randomBytes(16).toString('hex');
  const input: BackupInput = {
    backupId: formatBackupId({ hex, serviceId: 'db-1', serverName: 'db-1' }),
    scheduleId: 7,
    serviceId: 'db-1',
    organization: 'acme',
    type: 'full',
    timings: { ...defaultTimings, retryMs: 20, ...timings },
  };
  const summary = { backupId: input.backupId, warnings: [] as string[] } as BackupSummary;
  const { takeBackup, ...control } = agent;
  plane = await mockedPlane('absent-server', {
    control: {
      takePlace: async () => void story.push('takes its place'),
      releasePlace: async () => void story.push('gives its place up'),
      findAgent: async () => ({ agentId: 'agent-1', lastSeenAt: '', deploymentId: 'd-1' }),
      updateBackup: async ({ status, message }) => void story.push(`${status ?? ''} ${message ?? ''}`),
      confirmBackup: async () => undefined,
    },
    agent: {
      control: { ping: async () => ({ agentId: 'agent-1' }), cleanUpBackup: async () => null, ...control },
      bulk: {
        takeBackup: async () => {
          story.push('copies');
          takeBackup?.();
          return summary;
        },
      },
    },
  });
  return await plane.client.workflow.start('backup', {
    taskQueue: controlTaskQueue,
    workflowId: workflowIds.backup(input.backupId, input.scheduleId),
    args: [input],
  });
}

/** What happened, in its order; that a copy goes on is said beside it, a moment before or after it begins. */
function told(): string[] {
  return story.map((line, at) => {
    if (line === 'copies' && story[at + 1] === copying) return copying;
    return line === copying && story[at - 1] === 'copies' ? 'copies' : line;
  });
}

const taken = ['takes its place', copying, 'copies', 'Succeeded Backup has succeeded.', 'gives its place up'];
const waited = ['takes its place', again, 'gives its place up'];

describe('a server that does not answer when a backup begins', () => {
  test('is waited for with the service free, and copied once it is there', async () => {
    let asked = 0;
    const backup = await begin({
      meetServer: async () => {
        asked += 1;
        if (asked < 3) away();
      },
    });
    await backup.result();
    expect(told()).toEqual([...waited, ...waited, ...taken]);
  });

  test('fails the backup with its reason once it was waited for, and nothing was copied', async () => {
    const backup = await begin({ meetServer: async () => away() }, { serverWaitMs: 1_000 });
    await expect(backup.result()).rejects.toMatchObject({ cause: { type: 'database_unreachable' } });
    expect(story.slice(0, 3)).toEqual(waited);
    expect(story.slice(-2)).toEqual([
      expect.stringMatching(/^Failed .* Start it\. It was asked again for \d+ s\.$/),
      'gives its place up',
    ]);
    expect(story).not.toContain('copies');
    expect(story).not.toContain(copying);
  });

  test('is not waited for where it is the account that it refuses', async () => {
    const refusal = 'The database server refuses the account.';
    const backup = await begin({
      meetServer: async () => {
        throw ApplicationFailure.nonRetryable(refusal, 'database_access_denied');
      },
    });
    await expect(backup.result()).rejects.toMatchObject({ cause: { type: 'database_access_denied' } });
    expect(story).toEqual(['takes its place', `Failed ${refusal}`, 'gives its place up']);
  });
});

describe('a server that goes away in the middle of its copy', () => {
  test('is waited for, and copied again', async () => {
    let copies = 0;
    const backup = await begin({
      meetServer: async () => undefined,
      takeBackup: () => {
        copies += 1;
        if (copies === 1) away();
      },
    });
    await backup.result();
    expect(told()).toEqual(['takes its place', copying, 'copies', ...waited.slice(1), ...taken]);
  });

  test('each time is given up after the fifth copy', async () => {
    const backup = await begin({ meetServer: async () => undefined, takeBackup: away });
    await expect(backup.result()).rejects.toMatchObject({ cause: { type: 'database_unreachable' } });
    expect(story.filter((line) => line === 'copies')).toHaveLength(5);
    expect(story.at(-2)).toBe(`Failed ${reason} The copy was begun 5 times.`);
  });
});

describe('an agent of before backups asked for the server', () => {
  test('is heard when it copies', async () => {
    let copies = 0;
    const backup = await begin({
      takeBackup: () => {
        copies += 1;
        if (copies === 1) away();
      },
    });
    await backup.result();
    expect(told()).toEqual(['takes its place', copying, 'copies', ...waited.slice(1), ...taken]);
  });
});
