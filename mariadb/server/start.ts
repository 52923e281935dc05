/** Starting the server, in whichever way its settings say. */
import { randomUUID } from 'node:crypto';
import { spawn } from 'node:child_process';
import { open, rm, stat, type FileHandle } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerSettings } from '../../config/agent.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import type { Log } from '../context.ts';
import { findProgram } from '../programs.ts';
import { passedEnvironment } from '../processes/environment.ts';
import { runProgram } from '../processes/run.ts';
import { greets } from './greeting.ts';
import { readServerOptions, type ServerOptions } from './options.ts';
import { requireGone } from './presence.ts';
import { findServerProcess } from './process.ts';

const pollMs = 50;

export interface StartOptions {
  signal?: AbortSignal;
  /** The server was stopped to move its files: whoever is there has started in the middle of that. */
  gone?: boolean;
  log: Log;
}

/**
 * Starts the server and waits until it accepts connections; one that serves already is left alone, one that is
 * starting is waited for. When the signal is aborted the waiting ends and the server is left as it is.
 * @throws server_start_failed with the end of what the server logged; tool_missing; with `gone`, server_stop_failed
 *   when somebody has started it already
 */
export async function startServer(
  server: ServerSettings,
  { signal, gone = false, log }: StartOptions,
): Promise<void> {
  const options = await readServerOptions(server);
  const socket = options.get('socket') ?? '';
  if (gone) await requireGone(server, 0, options);
  if (await greets(socket)) return;
  const errorLog = errorLogFile(options);
  await using words = await ClosingWords.open(errorLog);
  const deadline = Date.now() + server.start_timeout;
  const before = await findServerProcess(server);
  log.info({ control: server.control.kind }, 'Starting the database server.');
  const attempt = before === undefined ? await order(server, options, words, errorLog, signal) : undefined;
  while (!(await greets(socket))) {
    if (attempt?.ended() === true || (before !== undefined && !(await findServerProcess(server)))) {
      throw await failed('The database server ended while it was starting', words);
    }
    if (Date.now() > deadline) {
      const seconds = Math.round(server.start_timeout / 1000);
      throw await failed(`The database server did not accept connections within ${seconds} s`, words);
    }
    await sleep(pollMs);
    signal?.throwIfAborted();
  }
  log.info({}, 'The database server accepts connections.');
}

/** A start that was ordered; `ended` tells whether the server is known to have ended since. */
interface StartOrder {
  ended(): boolean;
}

async function order(
  server: ServerSettings,
  options: ServerOptions,
  words: ClosingWords,
  errorLog: string,
  signal: AbortSignal | undefined,
): Promise<StartOrder> {
  const { control } = server;
  if (control.kind === 'direct') return spawnServer(server, control.user, options, words, errorLog);
  const program =
    control.kind === 'systemd' ? await findProgram(server, 'systemctl') : (control.start[0] ?? '');
  const args = control.kind === 'systemd' ? ['start', control.unit] : control.start.slice(1);
  const result = await runProgram(program, args, { signal, timeoutMs: server.start_timeout }).catch(
    async (error: unknown) => {
      if (signal?.aborted === true || error instanceof TidemarkError) throw error;
      throw await failed(`${program} did not start the database server (${messageOf(error)})`, words);
    },
  );
  if (result.code !== 0) {
    const said = result.stderr.trim() || result.stdout.trim();
    throw await failed(
      `${[program, ...args].join(' ')} ended with ${result.code ?? result.signal}: ${said}`,
      words,
    );
  }
  return { ended: () => false };
}

/** mariadbd in a session of its own: it outlives the agent, and Ctrl-C in a terminal does not reach it. */
async function spawnServer(
  server: ServerSettings,
  user: string,
  options: ServerOptions,
  words: ClosingWords,
  errorLog: string,
): Promise<StartOrder> {
  const program = await findProgram(server, 'mariadbd');
  const args = [`--defaults-file=${server.defaults_file}`];
  if ((options.get('log_error') ?? '') === '') args.push(`--log-error=${errorLog}`);
  if (process.getuid?.() === 0) args.push(`--user=${user || (await ownerOf(options.get('datadir') ?? ''))}`);
  const child = spawn(program, args, {
    detached: true,
    cwd: '/',
    stdio: ['ignore', words.descriptor, words.descriptor],
    env: serverEnvironment(),
  });
  let ended = false;
  child.once('error', () => (ended = true));
  child.once('exit', () => (ended = true));
  child.unref();
  return { ended: () => ended };
}

/** The agent's folder for temporary files need not be open to the server's user: the option `tmpdir` says where. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const env = passedEnvironment();
  delete env['TMPDIR'];
  return env;
}

/** Who the server has to run as: whoever the data directory belongs to; the package's user when there is none yet. */
async function ownerOf(directory: string): Promise<string> {
  const owner = await stat(directory).catch(() => undefined);
  if (!owner) return 'mysql';
  const { stdout } = await runProgram('id', ['-nu', String(owner.uid)]);
  return stdout.trim() || 'mysql';
}

/** Where the server logs; where its options name no file, the one that mariadbd-safe would use. */
function errorLogFile(options: ServerOptions): string {
  const data = options.get('datadir') ?? '/';
  return path.resolve(data, options.get('log_error') || `${hostname()}.err`);
}

async function failed(what: string, words: ClosingWords): Promise<TidemarkError> {
  const said = await words.read();
  return new TidemarkError('server_start_failed', `${what}. It logged: ${said || 'nothing'}`);
}

const keepBytes = 4_096;

/** What the server says from now on: on its stderr before it has opened its log, and in the log. */
class ClosingWords {
  private readonly early: FileHandle;
  private readonly logFile: string;
  private readonly logStart: number;

  private constructor(early: FileHandle, logFile: string, logStart: number) {
    this.early = early;
    this.logFile = logFile;
    this.logStart = logStart;
  }

  static async open(logFile: string): Promise<ClosingWords> {
    // Without a name, so that nothing is left behind; a server that keeps it open does no harm.
    const file = path.join(tmpdir(), `tidemark-start-${randomUUID()}`);
    const early = await open(file, 'wx+', 0o600);
    await rm(file);
    const size = await stat(logFile).then(
      (entry) => entry.size,
      () => 0,
    );
    return new ClosingWords(early, logFile, size);
  }

  get descriptor(): number {
    return this.early.fd;
  }

  async read(): Promise<string> {
    const early = await readTail(this.early, 0);
    let logged = '';
    try {
      await using file = await open(this.logFile, 'r');
      logged = await readTail(file, this.logStart);
    } catch {
      // No log was written: what was said before it is all there is.
    }
    const lines = `${early}\n${logged}`.split('\n').filter((line) => line.trim() !== '');
    const telling = lines.filter((line) => /\[ERROR\]|Fatal|Aborting|Can't/.test(line));
    return (telling.length > 0 ? telling : lines).join(' | ').slice(-1_500);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.early.close();
  }
}

async function readTail(file: FileHandle, start: number): Promise<string> {
  const { size } = await file.stat();
  const from = Math.max(start, size - keepBytes);
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(keepBytes), position: from });
  return buffer.toString('utf8', 0, bytesRead);
}
