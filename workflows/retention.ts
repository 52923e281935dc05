/** Removes what has expired, again and again. */
import { continueAsNew, isCancellation, sleep, workflowInfo } from '@temporalio/workflow';
import { defaultTimings } from '../domain/operations.ts';
import { controlPlaneOf } from './agents.ts';

export async function retention(): Promise<void> {
  const { waiting } = controlPlaneOf(defaultTimings);
  while (!workflowInfo().continueAsNewSuggested) {
    await sleep(await pauseAfter(() => waiting.removeExpired({ now: Date.now() })));
  }
  await continueAsNew<typeof retention>();
}

/** What fails once is tried again: this workflow has nobody who would start it anew. */
async function pauseAfter(sweep: () => Promise<{ nextMs: number }>): Promise<number> {
  try {
    return (await sweep()).nextMs;
  } catch (error) {
    if (isCancellation(error)) throw error;
    return 60_000;
  }
}
