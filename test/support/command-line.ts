/** `tidemark`, run by a test as a person runs it: through its launcher, as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';

export const launcher = path.join(import.meta.dirname, '..', '..', 'cli', 'tidemark');

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export class CommandLine {
  /** Of its user: empty at first. */
  readonly home: string;
  readonly #env: Record<string, string>;

  /** @param env its variables, such as TIDEMARK_URL; nothing of Tidemark's own is inherited */
  constructor(env: Record<string, string> = {}) {
    this.home = mkdtempSync(path.join(tmpdir(), 'home-'));
    this.#env = env;
  }

  get env(): Record<string, string | undefined> {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(NODE_OPTIONS|XDG_.*|TIDEMARK_(?!TEST_).*)$/.test(name),
    );
    return {
      ...Object.fromEntries(inherited),
      HOME: this.home,
      PATH: `${path.dirname(process.execPath)}:${process.env['PATH']}`,
      ...this.#env,
    };
  }

  start(...words: string[]): { child: ChildProcess; ended: Promise<Ended> } {
    const child = spawn(launcher, words, { env: this.env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    const ended = output.then(([stdout, stderr]) => ({ code: child.exitCode, stdout, stderr }));
    return { child, ended };
  }

  async run(...words: string[]): Promise<Ended> {
    return this.start(...words).ended;
  }

  /** With `--json`. @returns the answers, a line each */
  async answers<T>(...words: string[]): Promise<T[]> {
    const { code, stdout, stderr } = await this.run(...words, '--json');
    if (code !== 0) throw new Error(`tidemark ${words.join(' ')} ended with ${code}: ${stderr}`);
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as T);
  }

  /** In a shell, with `tidemark` on its PATH. */
  async shell(line: string): Promise<Ended> {
    const env = { ...this.env, PATH: `${path.dirname(launcher)}:${this.env['PATH']}` };
    const child = spawn('bash', ['-c', line], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    return { code: child.exitCode, stdout, stderr };
  }
}
