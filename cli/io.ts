/** What the command line has of the process that it runs in. */
export interface Io {
  /** For answers: what a script reads. */
  readonly stdout: NodeJS.WriteStream;
  /** For everything that is said besides: progress, hints, warnings, errors. */
  readonly stderr: NodeJS.WriteStream;
  readonly env: NodeJS.ProcessEnv;
  /** Aborted by Ctrl-C and SIGTERM, with an `Interrupted` as its reason. */
  readonly interrupted: AbortSignal;
}

/** Somebody wanted it to end before it was done. */
export class Interrupted extends Error {
  /** The exit code that shells expect of the signal. */
  readonly exitCode: number;

  constructor(exitCode: number) {
    super('Interrupted before the API has answered. What was asked may be carried out all the same.');
    this.exitCode = exitCode;
  }
}

/** Where a command leaves the exit code, when it is not 0. */
export interface Outcome {
  exitCode: number;
}
