/** A drill whose provers lack something, and one that finds damage. */
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import type { HostProofActivities } from '../../activities/prover/contract.ts';
import { controlTaskQueue, workflowIds } from '../../domain/ids.ts';
import { defaultTimings } from '../../domain/operations.ts';
import type { ProofInput, Prover, ProofReport } from '../../domain/proofs/types.ts';
import type { BackupFacts } from '../../domain/restore-plan.ts';
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

/** @param provers of whom `agent-1` alone is there */
async function begin(
  provers: [Prover, ...Prover[]],
  proveService: HostProofActivities['proveService'],
  begun: { proofId?: number } = { proofId: 7 },
): Promise<WorkflowHandle> {
  story = [];
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
      control: { ping: async () => ({ agentId: 'agent-1' }) },
      bulk: {},
      prove: { proveService },
    },
  });
  const input: ProofInput = {
    serviceId: 'db-1',
    deploymentId: 'd-1',
    timings: { ...defaultTimings, retryMs: 20, pickUpMs: 200 },
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

test('one that made way for a restore begins anew', async () => {
  let tries = 0;
  const drill = await begin([prover('agent-1')], async () => {
    tries += 1;
    if (tries < 3) throw ApplicationFailure.retryable('It made way.', 'prover_busy');
    return report;
  });
  expect([await drill.result(), tries]).toEqual(['Proven.', 3]);
});

test('none begins while another one of the service is under way', async () => {
  const drill = await begin([prover('agent-1')], async () => report, {});
  expect(await drill.result()).toBe('Another proof of the service is under way.');
  expect(story).toEqual([]);
});
