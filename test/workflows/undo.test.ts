/** What an undo says of the server, however it ends. */
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { HostControlActivities, UndoReport } from '../../activities/host/contract.ts';
import { controlTaskQueue } from '../../domain/ids.ts';
import { defaultTimings, type UndoInput } from '../../domain/operations.ts';
import type { WrittenSince } from '../../domain/undo.ts';
import { type MockedPlane, mockedPlane } from './mocked.ts';

let plane: MockedPlane | undefined;

beforeAll(() => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
});

afterEach(async () => {
  await plane?.close();
  plane = undefined;
});

const input: UndoInput = {
  restoreId: 3,
  workflowId: 'undo/3/of-a-test',
  restoreWorkflowId: 'restore/3/of-a-test',
  serviceId: 'db-1',
  organization: 'acme',
  force: false,
  timings: defaultTimings,
};
const done: UndoReport = { serving: true, replicas: [], notServingMs: 800 };

interface Told {
  status: string;
  message: string;
  notServingMs?: number;
}

/** @returns what was told of it, and how often the data was swapped */
async function ended(
  { since = { written: 'no' }, force = false }: { since?: WrittenSince; force?: boolean },
  undoRestore: HostControlActivities['undoRestore'] = async () => done,
): Promise<{ told: Told[]; swaps: number; released: string[] }> {
  const told: Told[] = [];
  const released: string[] = [];
  let swaps = 0;
  plane = await mockedPlane('undo', {
    control: {
      takePlace: async () => undefined,
      releasePlace: async ({ workflowId }) => void released.push(workflowId),
      findAgent: async () => ({ agentId: 'agent-1', lastSeenAt: '', deploymentId: 'd-1' }),
      updateUndo: async ({ restoreId, workflowId, progress, ...said }) => {
        expect([restoreId, workflowId]).toEqual([input.restoreId, input.workflowId]);
        expect(progress).toBeDefined();
        told.push(said);
      },
    },
    agent: {
      control: {
        inspectUndo: async () => ({ since, keptUntil: '', serving: true }),
        undoRestore: async (order) => {
          swaps += 1;
          expect(order).toEqual({
            restoreId: 3,
            workflowId: input.restoreWorkflowId,
            undoId: input.workflowId,
            force,
          });
          return await undoRestore(order);
        },
      },
      bulk: {},
    },
  });
  const handle = await plane.client.workflow.start('undo', {
    taskQueue: controlTaskQueue,
    workflowId: input.workflowId,
    args: [{ ...input, force }],
  });
  await handle.result().catch(() => undefined);
  return { told, swaps, released };
}

test('it says that the data from before serves, for how long nobody was served, and names replicas', async () => {
  const report = { ...done, replicas: ['10.0.0.7'] };
  const { told, released } = await ended({}, async () => report);
  expect(told.map(({ status }) => status)).toEqual(['Running', 'Running', 'Succeeded']);
  expect(told[1]?.message).toBe('server is not-ready');
  expect(told.at(-1)).toMatchObject({
    notServingMs: 800,
    message: expect.stringMatching(
      /^The restore was undone\. The server serves the data from before it\. .*10\.0\.0\.7/,
    ),
  });
  expect(released).toEqual([input.workflowId]);
});

test('it says whether what was written since is archived, or where it is kept', async () => {
  const { told } = await ended({ force: true }, async () => ({ ...done, written: 'archived' }));
  expect(told.at(-1)?.message).toMatch(
    /before it\. What was written since the restore is archived, .* or waits for that in the agent's spool\.$/,
  );
  await plane?.close();
  const kept = { directories: ['/var/lib/.tidemark/3/undone/data'], until: '2026-03-27T17:18:57.000Z' };
  const first = await ended({ force: true }, async () => ({ ...done, written: 'archived', kept }));
  expect(first.told.at(-1)?.message).toMatch(
    /spool\. .* is kept until 2026-03-27T17:18:57\.000Z, .*\/undone\/data\.$/,
  );
  await plane?.close();
  const other = await ended({ force: true }, async () => ({ ...done, written: 'kept', kept }));
  expect(other.told.at(-1)?.message).toMatch(/is kept until 2026-03-27T17:18:57\.000Z, .*\/undone\/data\.$/);
});

test('a server that did not serve before is said to be stopped', async () => {
  const { told } = await ended({ force: true, since: { written: 'unknown', reason: 'x' } }, async () => ({
    serving: false,
    replicas: [],
  }));
  expect(told.at(-1)?.message).toContain('the server is stopped, as it was then');
});

test('what was written since is not lost: nothing is swapped', async () => {
  const since = { written: 'yes', gtid: '0-1-42', at: '2026-03-26T17:18:57.000Z' } as const;
  const { told, swaps, released } = await ended({ since });
  expect(swaps).toBe(0);
  expect(told.at(-1)).toEqual({
    status: 'Failed',
    message: expect.stringMatching(/transaction 0-1-42.*The server has the restored data\.$/),
  });
  expect(released).toEqual([input.workflowId]);
});

test('what its host refuses in the last moment is told as the host says it', async () => {
  const { told } = await ended({}, async () => {
    throw ApplicationFailure.nonRetryable('Something was written since restore 3.', 'written_since');
  });
  const message = 'Something was written since restore 3. The server has the restored data.';
  expect(told.at(-1)).toEqual({ status: 'Failed', message });
});

test('called off in the middle it is brought to its end, and that is what is told', async () => {
  const { told } = await ended({}, async () => {
    await plane?.client.workflow.getHandle(input.workflowId).cancel();
    return done;
  });
  expect(told.at(-1)).toMatchObject({ status: 'Succeeded' });
});
