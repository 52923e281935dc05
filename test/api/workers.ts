/** Workers for the tests that need somebody to answer. */
import { fileURLToPath } from 'node:url';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';

export interface Workers {
  /** Runs a worker while `action` runs: of the workflows under fixtures/, or of activities if there are some. */
  during<T>(
    taskQueue: string,
    activities: Record<string, (...asked: never[]) => Promise<unknown>> | undefined,
    action: () => Promise<T>,
  ): Promise<T>;
  close(): Promise<void>;
}

export async function openWorkers({
  address,
  namespace,
}: {
  address: string;
  namespace: string;
}): Promise<Workers> {
  const logger = new DefaultLogger('ERROR');
  Runtime.install({ logger });
  const connection = await NativeConnection.connect({ address });
  const workflowBundle: WorkflowBundleWithSourceMap = await bundleWorkflowCode({
    logger,
    workflowsPath: fileURLToPath(new URL('fixtures/workflows.ts', import.meta.url)),
  });
  return {
    async during(taskQueue, activities, action) {
      const worker = await Worker.create({
        connection,
        namespace,
        taskQueue,
        ...(activities === undefined ? { workflowBundle } : { activities }),
        maxHeartbeatThrottleInterval: 10,
      });
      return worker.runUntil(action);
    },
    close: async () => connection.close(),
  };
}
