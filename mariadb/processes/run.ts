/** Running one program to its end. */
import { collectTail, startChild, type ChildOptions } from './child.ts';

export interface RunOptions extends Pick<ChildOptions, 'folder' | 'env' | 'uid' | 'gid' | 'keepBytes'> {
  signal?: AbortSignal | undefined;
  /** Written to the program's stdin, which is closed then. */
  stdin?: string | undefined;
  /** After this long the program is ended, as if it had been cancelled. */
  timeoutMs?: number | undefined;
  onStderrLine?: ((line: string) => void) | undefined;
}

export interface RunResult {
  code: number | null;
  signal: string | null;
  /** The end of each, `keepBytes` at most (1 MiB of stdout and 16 KiB of stderr unless told otherwise). */
  stdout: string;
  stderr: string;
}

/**
 * Runs a program and waits for it. It does not reject for a failed program: the caller knows what its exit code
 * means.
 * @throws tool_missing when there is no such program; the signal's reason once the program was ended because of it;
 *   a `TimeoutError` after `timeoutMs`
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const stdin = options.stdin === undefined ? 'ignore' : 'pipe';
  const child = startChild(file, args, {
    folder: options.folder,
    env: options.env,
    uid: options.uid,
    gid: options.gid,
    keepBytes: options.keepBytes,
    onStderrLine: options.onStderrLine,
    stdio: [stdin, 'pipe', 'pipe'],
  });
  const stdout = child.stdout && collectTail(child.stdout, options.keepBytes ?? 1_048_576);
  if (child.stdin) {
    // A program that ends without reading its input says why on stderr; the broken pipe itself is no news.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.stdin);
  }

  const limits = [options.signal, options.timeoutMs && AbortSignal.timeout(options.timeoutMs)];
  const signal = AbortSignal.any(limits.filter((entry) => entry instanceof AbortSignal));
  const end = (): void => void child.end();
  signal.addEventListener('abort', end, { once: true });
  const exit = await child.exited;
  signal.removeEventListener('abort', end);
  const text = (await stdout?.text()) ?? '';
  if (exit.error) throw exit.error;
  signal.throwIfAborted();
  return { code: exit.code, signal: exit.signal, stdout: text, stderr: exit.stderr };
}
