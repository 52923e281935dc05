/** What the activities of an agent work with. */
import path from 'node:path';
import type { AgentSettings } from '../../config/agent.ts';
import type { SignedReport, ToldReport } from '../../domain/archive/following.ts';
import type { Log } from '../../domain/log.ts';
import type { ObjectStore } from '../../storage/store.ts';
import type { Waits } from '../../storage/waits.ts';
import type { Following } from './following.ts';

export interface Host {
  agentId: string;
  /** Opens what was sealed for this agent. A secret. */
  ageIdentity?: string;
  settings: AgentSettings;
  store: ObjectStore;
  /** The further storages that a backup may be read from, by the locations that the settings know them by. */
  copies: ReadonlyMap<string, ObjectStore>;
  /**
   * The same and the storage, by the name `storage`, for reading where there is another place to read from: one that
   * fails is not waited for for long.
   */
  impatient?: ReadonlyMap<string, ObjectStore>;
  /** Which of them are waited for now. */
  waits?: Waits;
  log: Log;
  /** Makes the agent announce itself now: somebody says that what is known of it has changed. */
  announceNow: () => void;
  /** Makes it remove now what nobody needs any more. */
  tidyNow?: () => void;
  /** Tells a workflow something. @throws what Temporal does not take; WorkflowNotFoundError where there is none */
  signal: (workflowId: string, name: string, content: unknown) => Promise<void>;
  /** Signs what the follower tells, by this agent's key. */
  signReport: (told: ToldReport) => SignedReport;
  /** The follower of the server's binlog. */
  following: Following;
  /** The attempts that this process works on now, by operation. */
  attempts: Map<string, RunningAttempt>;
  /** Whose turn it is to stop, start or move the server: a swap, or the keeper that starts it after a crash. */
  turn: Turn;
}

/** Lets one piece of work in this process go on at a time, in the order in which they came. */
export class Turn {
  #last: Promise<unknown> = Promise.resolve();

  async take<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work, work);
    this.#last = mine.catch(() => undefined);
    return await mine;
  }
}

export interface RunningAttempt {
  /** Ends it, when it can be interrupted. */
  supersede(reason?: Error): void;
  /** It works beside the server, and not on it. */
  beside: boolean;
  /** Resolves, never rejects, once nothing of it is going on any more. */
  ended: Promise<void>;
}

/** Where an operation keeps its own files below the agent's state directory. */
export function operationFolder(stateDirectory: string, operation: string): string {
  return path.join(stateDirectory, 'operations', operation);
}
