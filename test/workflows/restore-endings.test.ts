/** What a restore in place says of the server when it is called off: whose data it serves. */
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { controlTaskQueue } from '../../domain/ids.ts';
import { defaultTimings, type RestoreInput } from '../../domain/operations.ts';
import type { PutBackResult } from '../../activities/host/contract.ts';
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

/** Each step may be told to fail or to call the restore off. @returns the last message of the row */
async function ended(
  steps: {
    stopServer?: () => Promise<void>;
    emptyData?: () => Promise<void>;
    fetchBackup?: () => Promise<void>;
  },
  putBack: PutBackResult,
): Promise<string> {
  const told: string[] = [];
  plane = await mockedPlane('restore-endings', {
    control: {
      takePlace: async () => undefined,
      releasePlace: async () => undefined,
      findAgent: async () => ({ agentId: 'agent-1', lastSeenAt: '', deploymentId: 'd-1' }),
      updateRestore: async ({ message }) => void told.push(message ?? ''),
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
        }),
        stopServer: steps.stopServer ?? (async () => undefined),
        emptyData: steps.emptyData ?? (async () => undefined),
        putBack: async () => putBack,
      },
      bulk: {
        verifyObjects: async () => undefined,
        fetchBackup: async () => {
          await steps.fetchBackup?.();
          return undefined;
        },
      },
    },
  });
  const handle = await plane.client.workflow.start('restore', {
    taskQueue: controlTaskQueue,
    workflowId: input.workflowId,
    args: [input],
  });
  await expect(handle.result()).rejects.toThrow();
  return told.at(-1) ?? '';
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
