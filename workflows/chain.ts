/** What an incremental builds on: asked for before anything is copied, and given up for a full where that is allowed. */
import { TidemarkError } from '../domain/errors.ts';
import type { BackupBase } from '../domain/manifest.ts';
import type { BackupInput } from '../domain/operations.ts';
import type { BackupPhase } from '../domain/progress.ts';
import type { ControlPlane } from './agents.ts';
import { findingOf } from './failures.ts';
import type { Narrative } from './narrative.ts';

export interface Footing {
  /** Of an incremental. */
  base?: BackupBase | undefined;
  /** Why a full is taken, where an incremental was to be, or where nobody ordered it: a sentence, or nothing. */
  insteadOf: string[];
  /** A run of a schedule takes a full where there is no base; a single order is refused. */
  repeats: boolean;
}

interface Run {
  input: BackupInput;
  plane: ControlPlane;
  story: Narrative<BackupPhase>;
  footing: Footing;
}

/** @throws chain_broken when there is none, and a single backup was ordered */
export async function findBase(run: Run): Promise<void> {
  // A full was decided on in an earlier try.
  if (run.footing.insteadOf.length > 0) return;
  const { base, reason, repeats } = await run.plane.waiting.chooseBase({ backupId: run.input.backupId });
  run.footing = { base, insteadOf: [], repeats };
  if (base === undefined) await takeFullInstead(run, new TidemarkError('chain_broken', reason));
}

/** Only the host knows whether the server goes on where the chain ends. @throws `error` when it is about something else */
export function chainBroken(error: unknown): Error {
  if (error instanceof Error && findingOf(error).code === 'chain_broken') return error;
  throw error;
}

/** Nothing was copied yet. @throws `reason` when a single backup was ordered */
export async function takeFullInstead(run: Run, reason: Error): Promise<void> {
  const { input, plane, story, footing } = run;
  if (!footing.repeats) throw reason;
  const message = `A full backup is taken instead of an incremental. ${findingOf(reason).message}`;
  run.footing = { insteadOf: [message], repeats: true };
  story.tell('waiting', message, 'Scheduled');
  await plane.control.becomeFull({ backupId: input.backupId, message });
}
