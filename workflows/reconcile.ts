/** Compares the catalog with Temporal, again and again: what a crash left between the two is settled here. */
import { continueAsNew, sleep, workflowInfo } from '@temporalio/workflow';
import { defaultTimings } from '../domain/operations.ts';
import { controlPlaneOf } from './agents.ts';

export async function reconcile(): Promise<void> {
  const { waiting } = controlPlaneOf(defaultTimings);
  while (!workflowInfo().continueAsNewSuggested) {
    const { nextMs } = await waiting.reconcile();
    await sleep(nextMs);
  }
  await continueAsNew<typeof reconcile>();
}
