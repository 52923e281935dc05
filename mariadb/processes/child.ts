/**
 * The one place that starts child processes. Each gets a process group of its own, is recorded while it lives, and
 * its closing words are kept.
 */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import { passedEnvironment } from './environment.ts';
import { endGroup, signalGroup } from './groups.ts';
import { forgetProcess, recordProcess } from './record.ts';

export interface ChildOptions {
  /** The attempt's folder: the process is recorded below it. Left out for what runs for moments only. */
  folder?: string | undefined;
  uid?: number | undefined;
  gid?: number | undefined;
  /** Added to what is passed on of our own environment; undefined takes a variable away. */
  env?: NodeJS.ProcessEnv | undefined;
  /** One of our own processes, which is given all of our environment, the secrets in it too. */
  ours?: boolean | undefined;
  stdio: Exclude<StdioOptions, string>;
  /** Read by the program from one more descriptor, after those of `stdio`, which ends with it. */
  handed?: string | undefined;
  onStderrLine?: ((line: string) => void) | undefined;
  /** How much of the end of stderr is kept, in bytes. */
  keepBytes?: number | undefined;
}

export interface Exit {
  code: number | null;
  signal: string | null;
  /** When it ended, in milliseconds; only to be compared, to tell which of several was the first. */
  endedAt: number;
  /** The end of what the program said. */
  stderr: string;
  /** Why the program could not be started at all. */
  error?: TidemarkError;
}

export interface Child {
  /** Undefined when the program could not be started. */
  pid: number | undefined;
  /** Open ends of pipes, where `stdio` asked for some. */
  stdin: Writable | undefined;
  stdout: Readable | undefined;
  /** Sends a signal to the program alone; one that has ended is left alone. */
  kill(signal: NodeJS.Signals): void;
  /** Resolves once the process is gone and its stderr was read; never rejects. */
  exited: Promise<Exit>;
  /** SIGINT to the group, SIGKILL after a while; returns when the process is gone. */
  end(): Promise<void>;
}

/**
 * After this long without output, a program that has ended is taken to have said all. A daemon that it left behind
 * can hold its stderr open for ever.
 */
const drainMs = 500;

/** Starts a program. Never throws: what goes wrong is in `exited`. */
export function startChild(file: string, args: readonly string[], options: ChildOptions): Child {
  let child: ChildProcess;
  try {
    child = spawnGroup(file, args, options);
  } catch (error) {
    return notStarted(startError(file, error));
  }
  hand(child, options.handed);
  const { pid } = child;
  const unrecorded = record(options.folder, pid, file);
  const stderr = child.stderr
    ? collectTail(child.stderr, options.keepBytes, options.onStderrLine)
    : undefined;

  let gone = false;
  const exited = new Promise<Exit>((resolve) => {
    const settle = async (exit: Omit<Exit, 'stderr' | 'endedAt'>): Promise<void> => {
      // Not when its last words were read: that can take longer than with a program that fails because of this one.
      const endedAt = performance.now();
      gone = true;
      forget(options.folder, pid);
      resolve({ ...exit, endedAt, stderr: (await stderr?.text()) ?? '' });
    };
    child.once('error', (error) => {
      if (pid === undefined) void settle({ code: null, signal: null, error: startError(file, error) });
    });
    child.once('exit', (code, signal) => void settle({ code, signal, ...unrecorded }));
  });
  return {
    pid,
    stdin: child.stdin ?? undefined,
    stdout: child.stdout ?? undefined,
    // Without a process id the kernel would take the signal as meant for our own group.
    kill: (signal) => {
      if (pid !== undefined && !gone) child.kill(signal);
    },
    exited,
    end: async () => {
      if (pid === undefined || gone) return;
      await endGroup(pid, () => gone);
      await exited;
    },
  };
}

function spawnGroup(file: string, args: readonly string[], options: ChildOptions): ChildProcess {
  return spawn(file, args, {
    // A group of its own: a signal then reaches whatever the program has started, and Ctrl-C does not reach it.
    detached: true,
    cwd: '/',
    stdio: options.handed === undefined ? options.stdio : [...options.stdio, 'pipe'],
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
    env: { ...childEnvironment(options.ours), ...options.env },
  });
}

/** A program that ends without reading it says why on stderr; the broken pipe itself is no news. */
function hand(child: ChildProcess, text: string | undefined): void {
  if (text === undefined) return;
  const pipe = child.stdio.at(-1) as Writable | undefined;
  pipe?.on('error', () => undefined);
  pipe?.end(text);
}

/** Some failures, such as a lack of memory, are thrown by `spawn` itself; others come as an event. */
function notStarted(error: TidemarkError): Child {
  return {
    pid: undefined,
    stdin: undefined,
    stdout: undefined,
    kill: () => undefined,
    exited: Promise.resolve({ code: null, signal: null, endedAt: performance.now(), stderr: '', error }),
    end: () => Promise.resolve(),
  };
}

/**
 * Records a process that was just started. One that cannot be recorded is ended at once: nobody would find it once
 * this process is killed.
 * @returns the error that it ends with then
 */
function record(
  folder: string | undefined,
  pid: number | undefined,
  file: string,
): Pick<Exit, 'error'> | undefined {
  if (pid === undefined || folder === undefined) return undefined;
  try {
    recordProcess(folder, pid, file);
    return undefined;
  } catch (cause) {
    signalGroup(pid, 'SIGKILL');
    const full = (cause as NodeJS.ErrnoException).code === 'ENOSPC';
    const message = `The program ${file} was ended, because it could not be recorded in ${folder}: ${messageOf(cause)}.`;
    return { error: new TidemarkError(full ? 'disk_full' : 'backup_tool_failed', message, { cause }) };
  }
}

/** A record that cannot be removed does no harm: it names the start of a process that is gone. */
function forget(folder: string | undefined, pid: number | undefined): void {
  if (pid === undefined || folder === undefined) return;
  try {
    forgetProcess(folder, pid);
  } catch {
    // The next attempt removes it.
  }
}

/** Without what is Node's own business; messages come in English, times in UTC. */
function childEnvironment(ours = false): NodeJS.ProcessEnv {
  const env = { ...(ours ? process.env : passedEnvironment()), LC_ALL: 'C', TZ: 'UTC' };
  delete (env as NodeJS.ProcessEnv)['NODE_OPTIONS'];
  return env;
}

function startError(file: string, error: unknown): TidemarkError {
  const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
  return missing
    ? new TidemarkError('tool_missing', `The program ${file} is not there. Install it.`, { cause: error })
    : new TidemarkError(
        'backup_tool_failed',
        `The program ${file} could not be started: ${messageOf(error)}.`,
        {
          cause: error,
        },
      );
}

/** Keeps the end of a stream's text, and hands out its lines as they come. */
export function collectTail(
  stream: Readable,
  keepBytes = 16_384,
  onLine?: (line: string) => void,
): { text(): Promise<string> } {
  let tail = '';
  let line = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    tail = (tail + text).slice(-keepBytes);
    if (!onLine) return;
    const lines = (line + text).split(/[\r\n]/);
    line = (lines.pop() ?? '').slice(-keepBytes);
    for (const entry of lines) if (entry !== '') onLine(entry);
  });
  let received = 0;
  stream.on('data', () => (received += 1));
  const ended = new Promise<'ended'>((resolve) => {
    stream.once('close', () => resolve('ended'));
    stream.on('error', () => resolve('ended'));
  });
  return {
    text: async () => {
      for (let before = -1; before !== received;) {
        before = received;
        const pause = new AbortController();
        const silence = sleep(drainMs, undefined, { signal: pause.signal }).catch(() => undefined);
        const news = await Promise.race([ended, silence]);
        pause.abort();
        if (news === 'ended') break;
        // After a busy moment the timer comes first; what has arrived meanwhile is read before this goes on.
        await nextTurn();
      }
      stream.destroy();
      if (onLine && line !== '') onLine(line);
      line = '';
      return tail;
    },
  };
}
