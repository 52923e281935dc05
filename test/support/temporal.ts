/** The run's Temporal server, with a namespace for each suite that asks. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection, isGrpcServiceError } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { searchAttributeNames } from '../../domain/ids.ts';
import { askKeeper } from './run.ts';

const keyword = 2;
/** gRPC's number for it. */
const alreadyExists = 6;

/** Repeats a call until it succeeds: the server's parts learn of a new namespace one after the other. */
async function untilDone(what: string, call: () => Promise<unknown>): Promise<void> {
  const end = Date.now() + 120_000;
  for (;;) {
    try {
      await call();
      return;
    } catch (error) {
      if (isGrpcServiceError(error) && Number(error.code) === alreadyExists) return;
      if (error instanceof TypeError || Date.now() > end)
        throw new Error(`${what} did not succeed within 120 s`, { cause: error });
      await sleep(100);
    }
  }
}

/**
 * Registers a namespace of the given name and a random suffix, with our search attributes, and waits until
 * workflows can be started in it. The server starts with the first call of a run.
 * @example const { address, namespace } = await createNamespace('backup');
 */
export async function createNamespace(name: string): Promise<{ address: string; namespace: string }> {
  const address = await askKeeper('temporal');
  const namespace = `${name}-${randomBytes(4).toString('hex')}`;
  const connection = await Connection.connect({ address, connectTimeout: '60s' });
  const { workflowService, operatorService } = connection;
  try {
    await untilDone('registering the namespace', () =>
      workflowService.registerNamespace({
        namespace,
        workflowExecutionRetentionPeriod: msToTs('1 day'),
      }),
    );
    await untilDone('adding the search attributes', () =>
      operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(searchAttributeNames.map((attribute) => [attribute, keyword])),
      }),
    );
    const query = searchAttributeNames.map((attribute) => `${attribute} = 'none'`).join(' AND ');
    await untilDone('asking by the search attributes', () =>
      workflowService.countWorkflowExecutions({ namespace, query }),
    );
  } finally {
    await connection.close();
  }
  return { address, namespace };
}
