/** Compares the catalog with Temporal, again and again: what a crash left between the two is settled here. */
import { continueAsNew, isCancellation, sleep, workflowInfo } from '@temporalio/workflow';
import { defaultTimings } from '../domain/operations.ts';
import { controlPlaneOf } from './agents.ts';

export async function reconcile(): Promise<void> {
  const { waiting } = controlPlaneOf(defaultTimings);
  while (!workflowInfo().continueAsNewSuggested) {
    await sleep(await pauseAfter(() => waiting.reconcile()));
  }
  await continueAsNew<typeof reconcile>();
}

/** What fails once is looked at again: this workflow has nobody who would start it anew. */
async function pauseAfter(look: () => Promise<{ nextMs: number }>): Promise<number> {
  try {
    return (await look()).nextMs;
  } catch (error) {
    if (isCancellation(error)) throw error;
    return 30_000;
  }
}
