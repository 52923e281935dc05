/** A drill whose provers lack something, and one that finds damage. */
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { HostProofActivities } from '../../activities/prover/contract.ts';
import { agentTaskQueue, controlTaskQueue, workflowIds } from '../../domain/ids.ts';
import { defaultTimings } from '../../domain/operations.ts';
import type { ProofInput, Prover, ProofReport } from '../../domain/proofs/types.ts';
import type { BackupFacts } from '../../domain/restore-plan.ts';
import { recordHistory } from '../support/histories.ts';
import { type MockedPlane, mockedPlane } from './mocked.ts';

let plane: MockedPlane | undefined;
let story: string[];

beforeAll(() => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
});
afterEach(async () => {
  await plane?.close();
  plane = undefined;
});

const prover = (agentId: string): Prover => ({
  agentId,
  serviceId: 'stock',
  hostname: agentId,
  ownHost: false,
});
const report = { digest: 'aa', tables: 3 } as ProofReport;

/** @param provers of whom `agent-1` and `agent-2` are there, and `agent-3`, which is at work on other drills */
async function begin(
  provers: [Prover, ...Prover[]],
  proveService: HostProofActivities['proveService'],
  begun: { proofId?: number } = { proofId: 7 },
  proverWaitMs = 60_000,
): Promise<WorkflowHandle> {
  story = [];
  const there = provers.map(({ agentId }) => agentId);
  const target = { backupId: 'b', external: false, time: 'T', ranges: [], stop: { at: 'backup' as const } };
  plane = await mockedPlane('proof', {
    control: {
      beginProof: async () => begun,
      aimProof: async () => ({ target, provers }),
      readBackup: async () => ({ backupId: 'b', storedBytes: 5 }) as BackupFacts,
      updateProof: async ({ status, message, code }) =>
        void story.push([status, ...(code === undefined ? [] : [code]), message].join(' ')),
      recordProof: async ({ prover: by, report: found }) => {
        story.push(`${by.agentId} found ${found.tables} tables`);
        return { message: 'Proven.' };
      },
    },
    agent: {
      names: there.filter((name) => /^agent-[12]$/.test(name)),
      occupied: there.filter((name) => name === 'agent-3'),
      control: { ping: async () => ({ agentId: 'agent-1' }) },
      bulk: {},
      prove: { proveService },
    },
  });
  const input: ProofInput = {
    serviceId: 'db-1',
    deploymentId: 'd-1',
    timings: { ...defaultTimings, retryMs: 20, pickUpMs: 200, proverWaitMs },
  };
  const workflowId = workflowIds.proof('db-1', 'abcd');
  return await plane.client.workflow.start('proof', {
    taskQueue: controlTaskQueue,
    workflowId,
    args: [input],
  });
}

test('one that is away is passed over for the next', async () => {
  const drill = await begin([prover('agent-0'), prover('agent-1')], async () => report);
  expect(await drill.result()).toBe('Proven.');
  expect(story).toEqual([
    'Running An instant of the recovery window is being drawn.',
    'Running Waiting for the agent of stock on agent-0, the prover.',
    expect.stringMatching(/^Running agent-0 cannot do it: No agent took up "ping" in time\./),
    'Running Waiting for the agent of stock on agent-1, the prover.',
    'Running The service is being brought back to T on agent-1.',
    'agent-1 found 3 tables',
  ]);
});

test('damage that one finds is the result, whoever else there is', async () => {
  const drill = await begin([prover('agent-1'), prover('agent-2')], async () => {
    throw ApplicationFailure.nonRetryable('A part is damaged.', 'object_damaged');
  });
  await expect(drill.result()).rejects.toMatchObject({ cause: { type: 'object_damaged' } });
  expect(story.at(-1)).toBe('Failed object_damaged A part is damaged.');
});

const busy = (): never => {
  throw ApplicationFailure.retryable('It made way.', 'prover_busy');
};

test('one that made way for a restore begins anew, where it is the only one', async () => {
  let tries = 0;
  const drill = await begin([prover('agent-1')], async () => ((tries += 1) < 3 ? busy() : report));
  expect([await drill.result(), tries]).toEqual(['Proven.', 3]);
  expect(story).toContain('Running Waiting until a prover is free: agent-1.');
});

test('one that made way for a restore is passed over for another at once', async () => {
  const asked: string[] = [];
  const drill = await begin([prover('agent-1'), prover('agent-2')], async () => {
    const queue = Context.current().info.taskQueue;
    asked.push(queue);
    return queue === agentTaskQueue('agent-1', 'prove') ? busy() : report;
  });
  expect(await drill.result()).toBe('Proven.');
  expect(asked).toEqual([agentTaskQueue('agent-1', 'prove'), agentTaskQueue('agent-2', 'prove')]);
  expect(story).toContain('Running agent-1 cannot do it: It made way.');
  expect(story.at(-1)).toBe('agent-2 found 3 tables');
  await recordHistory(plane!.client, 'proof-with-a-busy-prover', workflowIds.proof('db-1', 'abcd'));
});

test('none that is free in all the time ends without a verdict', async () => {
  const drill = await begin([prover('agent-1')], async () => busy(), undefined, 300);
  expect(await drill.result()).toMatch(/^No prover was free for .* on agent-1\./);
  expect(story.at(-1)).toMatch(/^Cancelled prover_busy No prover was free .* was not found out\./);
});

test('one that is at work on other drills all the time is none that has failed', async () => {
  const alone = await begin([prover('agent-3')], async () => report, undefined, 500);
  expect(await alone.result()).toMatch(/^No prover was free for .* on agent-3\./);
});

test('none begins while another one of the service is under way', async () => {
  const drill = await begin([prover('agent-1')], async () => report, {});
  expect(await drill.result()).toBe('Another proof of the service is under way.');
  expect(story).toEqual([]);
});
