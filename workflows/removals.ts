/** Removes what was deleted on instruction, at once, and again as long as a store is away. */
import {
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { defaultTimings } from '../domain/operations.ts';
import { controlPlaneOf } from './agents.ts';

/** Somebody has deleted more. */
const lookSignal = defineSignal('look');

const firstPauseMs = 10_000;
const longestPauseMs = 10 * 60_000;

export async function removals(): Promise<void> {
  const { waiting } = controlPlaneOf(defaultTimings);
  let asked = true;
  setHandler(lookSignal, () => {
    asked = true;
  });
  for (let tries = 0; ; tries += 1) {
    if (asked) tries = 0;
    asked = false;
    const left = await leftAfter(() => waiting.removeDeleted());
    if (left === 0 && !asked) return;
    if (!asked && workflowInfo().continueAsNewSuggested) await continueAsNew<typeof removals>();
    await condition(() => asked, Math.min(firstPauseMs * 2 ** tries, longestPauseMs));
  }
}

/** What fails once is tried again. */
async function leftAfter(work: () => Promise<{ left: number }>): Promise<number> {
  try {
    return (await work()).left;
  } catch (error) {
    if (isCancellation(error)) throw error;
    return 1;
  }
}
