/**
 * Programs joined by pipes, as a shell does it: each reads what the one before writes, directly. No byte passes
 * through this process but at the open end.
 */
import type { Readable, Writable } from 'node:stream';
import { startChild, type Child, type Exit } from './child.ts';
import { makeOpenEnd, type OpenEnd } from './open-end.ts';

export interface Stage {
  program: string;
  args: readonly string[];
  uid?: number | undefined;
  gid?: number | undefined;
  env?: Record<string, string> | undefined;
  /** A descriptor that the program finds as its number 3. It stays open here. */
  stdio3?: number | undefined;
  /** A text that the program reads from its descriptor 3, in place of a descriptor: for what nobody else may see. */
  handed?: string | undefined;
  /** What it is called when it fails, where a shell stands in for it. */
  name?: string | undefined;
}

export interface StageResult extends Exit {
  program: string;
}

export interface PipelineOptions {
  /** The attempt's folder: every process is recorded below it. */
  folder: string;
  signal: AbortSignal;
  /** `pipe`: what is written to `input` is read by the first program, and the last one's stdout is thrown away. */
  input?: 'pipe' | undefined;
  /** With `input`: a descriptor that the last one's stdout goes to instead. It stays open here. */
  outputTo?: number | undefined;
  onStderrLine?: ((line: string, stage: number) => void) | undefined;
}

export interface Pipeline {
  /** What the last program writes. Ended without an error when a program was killed: only `finished` tells. */
  output: AsyncIterable<Uint8Array> | undefined;
  /** What the first program reads, with `input: 'pipe'`. */
  input: Writable | undefined;
  /** The programs' process ids, in their order; undefined for one that could not be started. */
  pids: (number | undefined)[];
  /** Resolves when all programs have ended, however they did; never rejects. */
  finished: Promise<StageResult[]>;
  /** Ends all programs and waits until they are gone; what was not read is lost. May be called at any time, and again. */
  end(): Promise<void>;
}

/**
 * Starts all programs at once. When one fails, or the signal is aborted, the others are ended.
 *
 * @example
 * const pipeline = await startPipeline([{ program: 'tar', args: ['-c', '.'] }, { program: 'zstd', args: ['-q'] }], attempt);
 * await store(pipeline.output);
 * const results = await pipeline.finished; // whole only if every code is 0
 */
export async function startPipeline(stages: readonly Stage[], options: PipelineOptions): Promise<Pipeline> {
  options.signal.throwIfAborted();
  const openEnd = options.input === 'pipe' ? undefined : await makeOpenEnd(options.folder);
  if (options.signal.aborted) openEnd?.close();
  options.signal.throwIfAborted();
  const children = startStages(stages, options, openEnd);
  let ending: Promise<void> | undefined;
  const endPrograms = (): Promise<void> => {
    ending ??= Promise.all(children.map((child) => child.end())).then(() => undefined);
    return ending;
  };
  const onAbort = (): void => void endPrograms();
  options.signal.addEventListener('abort', onAbort, { once: true });

  const finished = Promise.all(
    children.map(async (child, index): Promise<StageResult> => {
      const exit = await child.exited;
      if (exit.code !== 0) void endPrograms();
      return { program: stages[index]?.name ?? stages[index]?.program ?? '', ...exit };
    }),
  ).finally(() => options.signal.removeEventListener('abort', onAbort));

  const input = options.input === 'pipe' ? children[0]?.stdin : undefined;
  // Without a listener, the EPIPE of a program that died would take the whole process with it.
  input?.on('error', () => undefined);
  const output = children.at(-1)?.pid === undefined ? undefined : openEnd;
  const end = async (): Promise<void> => {
    await endPrograms();
    openEnd?.close();
  };
  return { input, output, pids: children.map((child) => child.pid), finished, end };
}

/**
 * Everything here happens in one tick: Node begins to read a child's stdout at the next one, and by then the stream
 * has been handed on and our copy of it is closed. Were it left open, a program that died in the middle would not
 * be noticed by the one before it, which would write into a pipe that nobody reads.
 */
function startStages(
  stages: readonly Stage[],
  options: PipelineOptions,
  openEnd: OpenEnd | undefined,
): Child[] {
  const children: Child[] = [];
  let before: Readable | undefined;
  for (const [index, stage] of stages.entries()) {
    const last = index === stages.length - 1;
    const stdin = before ?? (options.input === 'pipe' ? 'pipe' : 'ignore');
    const stdout = last ? (openEnd?.writeEnd ?? options.outputTo ?? 'ignore') : 'pipe';
    const extra = stage.stdio3 === undefined ? [] : [stage.stdio3];
    const child = startChild(stage.program, stage.args, {
      folder: options.folder,
      uid: stage.uid,
      gid: stage.gid,
      env: stage.env,
      handed: stage.handed,
      stdio: [stdin, stdout, 'pipe', ...extra],
      onStderrLine: (line) => options.onStderrLine?.(line, index),
    });
    before?.destroy();
    children.push(child);
    before = child.stdout;
  }
  openEnd?.writeEnd.destroy();
  return children;
}

/**
 * The result that explains why a pipeline failed; undefined when every program ended with 0. A dead program takes
 * its neighbours along: the one that ended first is the reason, unless it only says that another was gone already. A
 * pipe of Node is a pair of sockets, and says so with a reset.
 */
export function failedStage(results: readonly StageResult[]): StageResult | undefined {
  const failed = results.filter((result) => result.code !== 0);
  const brokenPipe = (result: StageResult): number =>
    result.signal === 'SIGPIPE' || /broken pipe|connection reset by peer/i.test(result.stderr) ? 1 : 0;
  return failed.sort((a, b) => brokenPipe(a) - brokenPipe(b) || a.endedAt - b.endedAt)[0];
}
