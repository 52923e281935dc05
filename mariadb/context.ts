/** What every piece of work on a host is handed: how to stop it, and where to speak. */
import type { Progress } from '../domain/progress.ts';

/** The part of pino that is used below the processes, so that tests can listen. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** One attempt at an operation on this host. */
export interface Attempt {
  /**
   * A folder of the operation's own below the agent's state directory, private to the agent's user, there when the
   * work begins. Every child process is recorded in it, so that a later attempt can end what an earlier one left.
   */
  folder: string;
  /** Aborted when the operation is cancelled or the agent stops. */
  signal: AbortSignal;
  report(progress: Progress): void;
  log: Log;
}
