/**
 * Keeps child processes running: one that dies is started again, with back-off, and it is said so. Each leads a
 * process group of its own, so that Ctrl-C in a terminal reaches the supervisor alone, which then stops all in order.
 */
import { open, rename, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import { startChild, type Child, type Exit } from '../mariadb/processes/child.ts';
import { endProcess, readRecord, removeRecord, writeRecord } from './process-record.ts';

export interface ProcessSpec {
  name: string;
  /** The program's absolute path. */
  program: string;
  args: string[];
  /** Added to this process's own environment; undefined takes a variable away. */
  environment: NodeJS.ProcessEnv;
  /** Where its stdout and stderr go, appended. */
  logFile: string;
  /** Where its record is kept while it runs. */
  recordFile: string;
  /** Which rights its new files do not have; undefined: as this process. */
  umask?: number;
  /** How long it may take to end by itself after SIGTERM. Milliseconds. */
  graceMs: number;
}

/** Pauses before a process is started again: doubled at each death, the first again once one has lived long. */
export interface BackOff {
  firstMs: number;
  mostMs: number;
  livedLongMs: number;
}

const defaultBackOff: BackOff = { firstMs: 500, mostMs: 30_000, livedLongMs: 60_000 };
/** A log that is larger when its process starts is kept as `.1`, and a new one begun. */
const largeLog = 32 * 1024 * 1024;

/** One process that is kept running from {@link start} to {@link stop}. */
export class Supervised {
  readonly spec: ProcessSpec;
  readonly #say: (message: string) => void;
  readonly #backOff: BackOff;
  readonly #stopping = new AbortController();
  #deaths = 0;
  #pid: number | undefined;
  #keeping: Promise<void> = Promise.resolve();

  constructor(spec: ProcessSpec, say: (message: string) => void, backOff: BackOff = defaultBackOff) {
    this.spec = spec;
    this.#say = say;
    this.#backOff = backOff;
  }

  /** Of the process that runs now; undefined while none does. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** How often it ended without having been asked to. */
  get deaths(): number {
    return this.#deaths;
  }

  /**
   * A program that cannot be started counts as a death.
   * @throws when its log or its record cannot be written; nothing runs then. Later on that, too, counts as a death.
   */
  async start(): Promise<void> {
    this.#keeping = this.#keep(await this.#spawn());
  }

  /** Ends the process, and its group when it takes too long; it stays ended. May be called twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const record = await readRecord(this.spec.recordFile);
    if (record) await endProcess(record, this.spec.graceMs);
    await this.#keeping;
    await removeRecord(this.spec.recordFile);
  }

  async #keep(first: Running): Promise<void> {
    let running = first;
    let pauseMs = this.#backOff.firstMs;
    for (;;) {
      const startedAt = Date.now();
      const exit = await running.exited;
      this.#pid = undefined;
      if (this.#stopping.signal.aborted) return;
      this.#deaths += 1;
      if (Date.now() - startedAt >= this.#backOff.livedLongMs) pauseMs = this.#backOff.firstMs;
      this.#say(
        `${this.spec.name} ${wordsFor(exit)}; it is started again in ${pauseMs / 1000} s (its log: ${this.spec.logFile})`,
      );
      await this.#pause(pauseMs);
      if (this.#stopping.signal.aborted) return;
      pauseMs = Math.min(pauseMs * 2, this.#backOff.mostMs);
      running = await this.#spawn().catch(asDeath);
    }
  }

  async #pause(ms: number): Promise<void> {
    try {
      await sleep(ms, undefined, { signal: this.#stopping.signal });
    } catch {
      // Stopped meanwhile; the caller sees that at the signal.
    }
  }

  async #spawn(): Promise<Running> {
    const { spec } = this;
    await turnLog(spec.logFile);
    let child: Child;
    {
      await using log = await open(spec.logFile, 'a', 0o600);
      child = withUmask(spec.umask, () =>
        startChild(spec.program, spec.args, {
          ours: true,
          env: spec.environment,
          stdio: ['ignore', log.fd, log.fd],
        }),
      );
    }
    const { pid } = child;
    try {
      if (pid !== undefined) await writeRecord(spec.recordFile, pid);
    } catch (error) {
      // Without a record neither a stop nor a later start would find it.
      await child.end();
      throw error;
    }
    this.#pid = pid;
    // A stop that came before there was a record found nobody to end.
    if (this.#stopping.signal.aborted) child.kill('SIGKILL');
    return { exited: child.exited };
  }
}

/** In an object, because a promise of a promise would wait for both. */
interface Running {
  exited: Promise<Exit>;
}

/** What keeps a process from being started again, such as a full disk, passes; to give up would leave it dead. */
function asDeath(error: unknown): Running {
  const reason = new TidemarkError('internal', messageOf(error), { cause: error });
  return {
    exited: Promise.resolve({
      code: null,
      signal: null,
      endedAt: performance.now(),
      stderr: '',
      error: reason,
    }),
  };
}

function wordsFor(exit: Exit): string {
  if (exit.error) return `could not be started (${exit.error.message})`;
  return exit.signal ? `was ended by ${exit.signal}` : `ended with exit code ${exit.code}`;
}

async function turnLog(file: string): Promise<void> {
  const bytes = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (bytes > largeLog) await rename(file, `${file}.1`);
}

/** A child has the umask that its parent has at the moment it is started. */
function withUmask<T>(umask: number | undefined, start: () => T): T {
  if (umask === undefined) return start();
  const before = process.umask(umask);
  try {
    return start();
  } finally {
    process.umask(before);
  }
}
