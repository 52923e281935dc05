/** What every piece of work on a host is handed: how to stop it, and where to speak. */
import type { Log } from '../domain/log.ts';
import type { Progress } from '../domain/progress.ts';

export type { Log } from '../domain/log.ts';

/** One attempt at an operation on this host. */
export interface Attempt {
  /**
   * A folder of the operation's own below the agent's state directory, private to the agent's user, there when the
   * work begins. Every child process is recorded in it, so that a later attempt can end what an earlier one left.
   */
  folder: string;
  /** Aborted when the operation is cancelled or the agent stops. */
  signal: AbortSignal;
  /**
   * Says how far it is. `bytesMoved` is for work whose total is not known, and shows no bytes for that reason: what it
   * has moved so far. Work that says neither a total nor this counts no bytes, and may take as long as it takes.
   */
  report: (progress: Progress, bytesMoved?: number) => void;
  log: Log;
}
