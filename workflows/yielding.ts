/** What a backup does that a restore has called off: its row says for whom, and another one is taken in its place. */
import { defineSignal, setHandler } from '@temporalio/workflow';
import type { MakeWay } from '../domain/operations.ts';
import type { ControlPlane } from './agents.ts';
import type { Ending } from './failures.ts';

const makeWaySignal = defineSignal<[MakeWay]>('makeWay');

export interface Yielding {
  /** The ending of a backup, with why it was cancelled. */
  explain(ending: Ending): Ending;
  /** Records the end of a backup that made way. False when it was not for that that it was cancelled. */
  settle(plane: ControlPlane, backupId: string, ending: Ending, note: readonly string[]): Promise<boolean>;
}

/** To be called at the beginning of a backup. */
export function heedRestores(): Yielding {
  let restoreId = 0;
  setHandler(makeWaySignal, (order: MakeWay | null | undefined) => {
    if (Number.isSafeInteger(order?.restoreId)) restoreId = order?.restoreId ?? 0;
  });
  return {
    explain(ending) {
      if (ending.status !== 'Cancelled' || restoreId < 1) return ending;
      return { ...ending, message: `${ending.message} It makes way for restore ${restoreId}.` };
    },
    async settle({ control }, backupId, ending, note) {
      if (ending.status !== 'Cancelled' || restoreId < 1) return false;
      await control.yieldBackup({ backupId, restoreId, note: [...note] });
      return true;
    },
  };
}
