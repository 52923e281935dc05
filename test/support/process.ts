/** One of our processes, run by a test as it is run in production, and killed as it is there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { compileCacheOf } from '../../embedded/compile-cache.ts';

const root = path.join(import.meta.dirname, '..', '..');

export class TestProcess {
  readonly name: string;
  readonly #file: string;
  readonly #args: string[];
  readonly #env: Record<string, string>;
  #child: ChildProcess | undefined;
  /** Everything it ever said. */
  output = '';

  constructor(name: string, file: string, args: string[], env: Record<string, string>) {
    this.name = name;
    this.#file = file;
    this.#args = args;
    this.#env = env;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it and waits until it has said what it says when it is ready. */
  async start(ready: string, env: Record<string, string> = {}): Promise<void> {
    const from = this.output.length;
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(TEMPORAL_|NODE_OPTIONS$)/.test(name),
    );
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', path.join(root, this.#file), ...this.#args],
      {
        env: { ...Object.fromEntries(inherited), ...compileCacheOf(this.#file), ...this.#env, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    const deadline = Date.now() + 120_000;
    while (!this.output.slice(from).includes(ready)) {
      if (!this.running || Date.now() > deadline) {
        throw new Error(`${this.name} did not become ready:\n${this.output.slice(from).slice(-3000)}`);
      }
      await sleep(50);
    }
  }

  /** Ends it and waits until it is gone. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (!child || !this.running) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), 60_000);
    await gone;
    clearTimeout(timer);
  }
}
