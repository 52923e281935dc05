/** What a restore says of the server when it is called off, and how one of a part ends. */
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { controlTaskQueue } from '../../domain/ids.ts';
import { defaultTimings, type RestoreInput } from '../../domain/operations.ts';
import type { PartLeft, PutBackResult } from '../../activities/host/contract.ts';
import { type MockedPlane, mockedPlane } from './mocked.ts';

let plane: MockedPlane | undefined;

beforeAll(() => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
});

afterEach(async () => {
  await plane?.close();
  plane = undefined;
});

const input: RestoreInput = {
  restoreId: 3,
  workflowId: 'restore/3/of-a-test',
  backupId: `${'0b'.repeat(16)}:db-1:db-1`,
  serviceId: 'db-1',
  organization: 'acme',
  mode: 'in-place',
  timings: defaultTimings,
};

const layout = {
  members: [{ kind: 'data' as const, directory: '/var/lib/mysql', mountPoint: false, files: [] }],
  innodbDataFiles: [],
  innodbPageSize: 16_384,
  lowerCaseTableNames: 0,
  binlogBasename: '',
  obstacles: [],
};
const gib = 1024 ** 3;
const version = '10.11.19-MariaDB';

/** Each step may be told to fail or to call the restore off. @returns what was told last of the row */
async function told(
  given: RestoreInput,
  steps: {
    stopServer?: () => Promise<void>;
    emptyData?: () => Promise<void>;
    fetchBackup?: () => Promise<void>;
    putBack?: () => Promise<PutBackResult>;
    exchangePart?: () => Promise<void>;
    leavePart?: (order: { settled?: true }) => Promise<PartLeft>;
  },
): Promise<{ status: string; message: string }> {
  const rows: { status: string; message: string }[] = [];
  plane = await mockedPlane('restore-endings', {
    control: {
      takePlace: async () => undefined,
      releasePlace: async () => undefined,
      findAgent: async () => ({ agentId: 'agent-1', lastSeenAt: '', deploymentId: 'd-1' }),
      updateRestore: async ({ status = '', message = '' }) => void rows.push({ status, message }),
      readBackup: async () => ({
        backupId: input.backupId,
        manifestSha256: '0'.repeat(64),
        serverVersion: version,
        layout,
        storedBytes: 1,
        uncompressedBytes: 1,
        encrypted: false,
        recipients: [],
        pointInTime: '2026-01-31T12:00:00.000Z',
        memoryTables: [],
      }),
    },
    agent: {
      control: {
        inspectHost: async () => ({
          agentId: 'agent-1',
          serverVersion: version,
          serving: true,
          layout,
          space: [{ directory: '/var/lib/mysql', freeBytes: 100 * gib, usedBytes: gib }],
          tools: { mariadbBackup: version, mbstream: version, zstd: '1.5', age: '' },
          identities: { recipients: [], fault: '' },
          redoBytes: 1,
          bringsParts: true,
        }),
        stopServer: steps.stopServer ?? (async () => undefined),
        emptyData: steps.emptyData ?? (async () => undefined),
        ...(steps.putBack && { putBack: steps.putBack }),
        ...(steps.leavePart && { leavePart: steps.leavePart }),
        examinePart: async () => undefined,
      },
      bulk: {
        verifyObjects: async () => undefined,
        fetchBackup: async () => {
          await steps.fetchBackup?.();
          return undefined;
        },
        prepareBackup: async () => undefined,
        bringPart: async () => ({ reached: {} }),
        exchangePart: async () => {
          await steps.exchangePart?.();
          return { warnings: ['The view shop.v could not be made.'] };
        },
      },
    },
  });
  const handle = await plane.client.workflow.start('restore', {
    taskQueue: controlTaskQueue,
    workflowId: input.workflowId,
    args: [given],
  });
  await handle.result().catch(() => undefined);
  return rows.at(-1)!;
}

async function ended(steps: Parameters<typeof told>[1], putBack: PutBackResult): Promise<string> {
  const { status, message } = await told(input, { ...steps, putBack: async () => putBack });
  expect(status).toMatch(/Failed|Cancelled/);
  return message;
}

const callOff = async (): Promise<void> => {
  await plane?.client.workflow.getHandle(input.workflowId).cancel();
};
const refuse = async (): Promise<void> => {
  throw ApplicationFailure.nonRetryable('A server runs there.', 'server_stop_failed');
};

test('called off while the server stops, it serves its old data', async () => {
  const message = await ended({ stopServer: callOff }, { serving: true, emptied: false });
  expect(message).toMatch(/The server serves its old data\.$/);
});

test('refused before the first file went, it serves its old data', async () => {
  const message = await ended({ emptyData: refuse }, { serving: true, emptied: false });
  expect(message).toMatch(/^A server runs there\. The server serves its old data\.$/);
});

test('refused after some files went, the old data is said to be gone', async () => {
  const message = await ended({ emptyData: refuse }, { serving: false, emptied: true });
  expect(message).toMatch(/The server is stopped, its old data is gone: restore/);
});

test('an agent of before does not say whether files went: then they may have', async () => {
  const message = await ended({ emptyData: refuse }, { serving: false });
  expect(message).toMatch(/The server is stopped, its old data is gone: restore/);
});

test('once the data is gone it stays so, whatever the host remembers', async () => {
  const message = await ended({ fetchBackup: callOff }, { serving: false, emptied: false });
  expect(message).toMatch(/The server is stopped, its old data is gone: restore/);
});

const part: RestoreInput = { ...input, mode: 'side-by-side', part: { include: ['shop'] } };
const agentIsGone = async (): Promise<void> => {
  const handle = plane?.client.workflow.getHandle(input.workflowId);
  await handle?.signal('agentDismissed', { reason: 'Its agent was revoked.', gone: true });
};
/** Of an agent that does not come to its end. */
async function nobody(): Promise<never> {
  const context = Context.current();
  const beat = setInterval(() => context.heartbeat(), 100);
  try {
    return await context.cancelled;
  } finally {
    clearInterval(beat);
  }
}

test('a part that has come back has succeeded, though its agent is gone for good right afterwards', async () => {
  const { status, message } = await told(part, {
    leavePart: async () => {
      await agentIsGone();
      return await nobody();
    },
  });
  expect(status).toBe('Succeeded');
  expect(message).toMatch(/^Restore has succeeded! .*shop\.v could not be made\./);
  expect(message).toMatch(/could not be taken away: The agent does not answer any more/);
});

test('a part that is called off once it has come back has succeeded', async () => {
  const left: PartLeft = { outcome: 'exchanged', warnings: ['The view shop.w could not be made.'] };
  const late = await told(part, {
    leavePart: async () => {
      await callOff();
      return left;
    },
  });
  expect(late.status).toBe('Succeeded');
  await plane?.close();
  const calls: (true | undefined)[] = [];
  const within = await told(part, {
    exchangePart: async () => {
      await callOff();
      throw ApplicationFailure.nonRetryable('It was interrupted.', 'operation_cancelled');
    },
    leavePart: async ({ settled }) => {
      calls.push(settled);
      return left;
    },
  });
  // What the first of them answers decides, and may have to be asked again.
  expect(calls).toEqual([undefined, true]);
  expect(within).toEqual({ status: 'Succeeded', message: expect.stringContaining('shop.w could not') });
});

test('a part that has not come back fails, or is called off, with what was there', async () => {
  const left = async (): Promise<PartLeft> => ({ outcome: 'untouched', warnings: [] });
  const locked = async (): Promise<void> => {
    throw ApplicationFailure.nonRetryable('Others have worked on shop.t.', 'part_locked');
  };
  const refused = await told(part, { exchangePart: locked, leavePart: left });
  expect(refused).toEqual({
    status: 'Failed',
    message: 'Others have worked on shop.t. What is there is as it was.',
  });
  await plane?.close();
  const called = await told(part, { fetchBackup: callOff, leavePart: left });
  expect(called).toMatchObject({
    status: 'Cancelled',
    message: expect.stringMatching(/is as it was\.$/),
  });
});

test('where nobody can tell any more whether a part has come back, it ends by itself, and says so', async () => {
  const { status, message } = await told(part, {
    exchangePart: async () => {
      await agentIsGone();
      return await nobody();
    },
  });
  expect(status).toBe('Failed');
  expect(message).toMatch(/The agent does not answer any more, and its host was left as it is/);
});
