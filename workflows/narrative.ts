/** What a running operation says of itself: to the query `status`, and to whoever reads Temporal's web UI. */
import { defineQuery, setCurrentDetails, setHandler } from '@temporalio/workflow';
import type { OperationStatus, WorkflowStatus } from '../domain/operations.ts';
import { endOf, type Phase, startOf } from '../domain/progress.ts';

export const statusQuery = defineQuery<WorkflowStatus>('status');

export interface Narrative<P extends Phase> {
  readonly now: WorkflowStatus<P>;
  /** A new phase, or a new sentence within one. */
  tell(phase: P, message: string, status?: OperationStatus): void;
  /** The end of the story: all of it was done. */
  succeed(phase: P, message: string, bytes: number): void;
}

/**
 * Begins the story of an operation.
 *
 * @param facts lines that stay above the story: what is worked on, from what
 */
export function beginNarrative<P extends Phase>(
  first: P,
  message: string,
  facts: readonly string[],
): Narrative<P> {
  const told: string[] = [];
  const narrative = {
    now: {
      status: 'Scheduled',
      phase: first,
      message,
      progress: startOf(first),
    } satisfies WorkflowStatus as WorkflowStatus<P>,
    tell(phase: P, next: string, status: OperationStatus = 'Running'): void {
      const samePhase = narrative.now.phase === phase;
      const progress = samePhase ? narrative.now.progress : startOf(phase);
      narrative.now = {
        status,
        phase,
        message: next,
        progress,
      };
      told.push(`- **${phase}** ${next}`);
      setCurrentDetails([...facts, '', ...told.slice(-20)].join('\n'));
    },
    succeed(phase: P, next: string, bytes: number): void {
      narrative.tell(phase, next, 'Succeeded');
      narrative.now = { ...narrative.now, progress: endOf(phase, bytes) };
    },
  };
  setHandler(statusQuery, () => narrative.now as WorkflowStatus);
  setCurrentDetails([...facts, '', `- **${first}** ${message}`].join('\n'));
  return narrative;
}
