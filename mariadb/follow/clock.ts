/**
 * The commit clock: what had been committed at an instant, by the server's own clock. GTID events cannot say it: they
 * have whole seconds, carry the start of the statement, and follow `SET timestamp`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerSettings } from '../../config/agent.ts';
import type { BinlogPoint, ClockSample } from '../../domain/archive/facts.ts';
import { messageOf } from '../../domain/errors.ts';
import { type Connection, connect, rowsOf } from '../server/sql.ts';

/** One look, with the file that was written to. */
export interface Sample extends ClockSample {
  file: string;
}

/** More than this is thinned out: a store was away for hours. */
const mostKept = 100_000;
const longestPauseMs = 5_000;
/** A server can have thousands of files. */
const listMs = 1_000;
/** A connection on which nothing comes back for so long is dead. */
const answerMs = 10_000;

export class CommitClock {
  readonly #server: ServerSettings;
  readonly #intervalMs: number;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #samples: Sample[] = [];
  #latest: Sample | undefined;
  #trouble = '';
  /** What the server keeps, as of `#listedAt`: the last of them grows. */
  #files: { file: string; bytes: number }[] = [];
  #listedAt = 0;

  constructor(server: ServerSettings, intervalMs: number) {
    this.#server = server;
    this.#intervalMs = intervalMs;
  }

  /** Where the binlog ended when last looked at; undefined while it cannot be looked at. */
  get latest(): Sample | undefined {
    return this.#latest;
  }

  /** Why it cannot be looked at, a sentence; empty when it can. */
  get trouble(): string {
    return this.#trouble;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** How many bytes of binlog the server has written beyond a place. */
  bytesBeyond({ file, position }: BinlogPoint): number {
    const latest = this.#latest;
    if (!latest) return 0;
    if (latest.file === file) return Math.max(0, latest.position - position);
    const from = this.#files.findIndex((other) => other.file === file);
    const to = this.#files.findIndex((other) => other.file === latest.file);
    const closed = this.#files.slice(Math.max(0, from), Math.max(0, to));
    const bytes = closed.reduce((sum, other) => sum + other.bytes, latest.position);
    return Math.max(0, bytes - (from < 0 ? 0 : position));
  }

  /** Those of the front that `fits` takes, which are given out once. */
  take(fits: (sample: Sample) => boolean): Sample[] {
    const count = this.#samples.findIndex((sample) => !fits(sample));
    return this.#samples.splice(0, count < 0 ? this.#samples.length : count);
  }

  /** The samples so far are of binlogs that are not followed any more. */
  forget(): void {
    this.#samples = [];
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    for (let pauseMs = this.#intervalMs; !signal.aborted;) {
      try {
        await using connection = await connect(this.#server);
        await connection.query("SET time_zone = '+00:00'");
        this.#trouble = '';
        pauseMs = this.#intervalMs;
        await this.#sample(connection);
      } catch (error) {
        this.#trouble = messageOf(error);
        this.#latest = undefined;
      }
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
  }

  /** @throws when the connection ends */
  async #sample(connection: Connection): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const begun = Date.now();
      const sample = await within(connection, () => look(connection));
      if (sample) this.#note(sample);
      await this.#list(connection);
      const restMs = Math.max(0, this.#intervalMs - (Date.now() - begun));
      await sleep(restMs, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Now and then, where there is another file than before. */
  async #list(connection: Connection): Promise<void> {
    const known = this.#files.at(-1)?.file === this.#latest?.file;
    if (known || Date.now() - this.#listedAt < listMs) return;
    const logs = await within(connection, () =>
      rowsOf<{ Log_name: string; File_size: number | bigint }>(connection, 'SHOW BINARY LOGS'),
    );
    this.#files = logs.map(({ Log_name: file, File_size: bytes }) => ({ file, bytes: Number(bytes) }));
    this.#listedAt = Date.now();
  }

  #note(sample: Sample): void {
    const before = this.#latest ?? this.#samples.at(-1);
    // A clock that steps back: nothing has been committed earlier than what was before it.
    const t0 = before && before.t0 > sample.t0 ? before.t0 : sample.t0;
    const t1 = [t0, sample.t1, before?.t1 ?? ''].reduce((most, at) => (at > most ? at : most));
    this.#latest = { ...sample, t0, t1 };
    this.#samples = withSample(this.#samples, this.#latest);
  }
}

/** Of a row at one place the first and the last say all that there is to say. */
function withSample(samples: Sample[], sample: Sample): Sample[] {
  const same = (other: Sample | undefined): boolean =>
    other?.file === sample.file && other.position === sample.position;
  if (same(samples.at(-1)) && same(samples.at(-2))) samples.pop();
  samples.push(sample);
  if (samples.length <= mostKept) return samples;
  return samples.filter((_, index) => index % 2 === 1 || index === samples.length - 1);
}

/** Undefined where the server keeps no binlog. Sent at once, answered in order. */
async function look(connection: Connection): Promise<Sample | undefined> {
  const time = (): Promise<{ at: string }[]> => rowsOf(connection, 'SELECT SYSDATE(6) AS at');
  const [[before], [status], [after]] = await Promise.all([
    time(),
    rowsOf<{ File: string; Position: number | bigint }>(connection, 'SHOW MASTER STATUS'),
    time(),
  ]);
  if (!before || !status || !after) return undefined;
  return {
    file: status.File,
    position: Number(status.Position),
    t0: instantOf(before.at),
    t1: instantOf(after.at),
  };
}

/** `2026-01-31 23:59:59.000001` → RFC 3339 */
function instantOf(text: string): string {
  return `${text.replace(' ', 'T')}Z`;
}

/** Where the binlog of the server ends now; undefined where it keeps none. @throws the errors of `connect` */
export async function whereItEnds(server: ServerSettings): Promise<BinlogPoint | undefined> {
  await using connection = await connect(server);
  const [status] = await rowsOf<{ File: string; Position: number | bigint }>(
    connection,
    'SHOW MASTER STATUS',
  );
  return status && { file: status.File, position: Number(status.Position) };
}

/** A server that is stopped by a signal, or a network that swallows all, answers nothing and breaks nothing off. */
async function within<T>(connection: Connection, ask: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => connection.destroy(), answerMs);
  try {
    return await ask();
  } finally {
    clearTimeout(timer);
  }
}
