/** Workflows as they are, over activities that a test decides. */
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import type { ControlActivities } from '../../activities/control/contract.ts';
import type {
  HostBulkActivities,
  HostControlActivities,
  HostFollowActivities,
} from '../../activities/host/contract.ts';
import type { HostProofActivities } from '../../activities/prover/contract.ts';
import { agentTaskQueue, controlTaskQueue } from '../../domain/ids.ts';
import { workflowBundle } from '../../worker/workflow-bundle.ts';
import { createNamespace } from '../support/temporal.ts';

export interface Mocks {
  control: Partial<ControlActivities>;
  /** Of the agent `agent-1`, where there is one, or of those that are named. */
  agent?: {
    names?: string[];
    /** Agents that take short orders alone: what lies in their other queues nobody takes up. */
    occupied?: string[];
    control: Partial<HostControlActivities>;
    bulk: Partial<HostBulkActivities>;
    follow?: Partial<HostFollowActivities>;
    prove?: HostProofActivities;
  };
}

export interface MockedPlane {
  client: Client;
  close(): Promise<void>;
}

/** Workers of all queues, until it is closed. The runtime is to be installed before. @param name of the namespace */
export async function mockedPlane(name: string, { control, agent }: Mocks): Promise<MockedPlane> {
  const { address, namespace } = await createNamespace(name);
  const worked = await NativeConnection.connect({ address });
  const common = { connection: worked, namespace, maxHeartbeatThrottleInterval: 10 };
  const bundle = await workflowBundle();
  const workers = [
    await Worker.create({
      ...common,
      taskQueue: controlTaskQueue,
      workflowBundle: bundle,
      activities: control,
    }),
  ];
  for (const name of [...(agent?.names ?? ['agent-1']), ...(agent?.occupied ?? [])]) {
    for (const queue of ['control', 'bulk', 'follow', 'prove'] as const) {
      const activities = agent?.[queue];
      if (!activities || Object.keys(activities).length === 0) continue;
      if (queue !== 'control' && agent?.occupied?.includes(name)) continue;
      const taskQueue = agentTaskQueue(name, queue);
      workers.push(await Worker.create({ ...common, taskQueue, activities }));
    }
  }
  const running = Promise.all(workers.map(async (worker) => await worker.run()));
  const connection = await Connection.connect({ address });
  return {
    client: new Client({ connection, namespace }),
    async close() {
      for (const worker of workers) worker.shutdown();
      await running;
      await worked.close();
      await connection.close();
    },
  };
}
