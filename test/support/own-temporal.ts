/** A Temporal server of a suite's own, on a database file: it can be killed, and comes back with its history. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findPorts } from '../../embedded/ports.ts';
import { findTemporalProgram, temporalArguments, temporalIsReady } from '../../embedded/temporal.ts';
import { runFolder } from './run.ts';

export class OwnTemporal {
  readonly address: string;
  readonly namespace = 'default';
  readonly #program: string;
  readonly #args: string[];
  readonly #logFile: string;
  #child: ChildProcess | undefined;

  private constructor(program: string, port: number, uiPort: number) {
    const folder = mkdtempSync(path.join(runFolder(), 'temporal-'));
    const database = path.join(folder, 'temporal.db');
    this.address = `127.0.0.1:${port}`;
    this.#program = program;
    this.#args = [...temporalArguments({ port, uiPort, database, namespace: this.namespace }), '--headless'];
    this.#logFile = path.join(folder, 'log');
  }

  /** A server that runs; it is the caller's to kill. */
  static async start(): Promise<OwnTemporal> {
    const wish = { option: '--port', port: 0 };
    const [port = 0, uiPort = 0] = await findPorts([wish, wish]);
    const temporal = new OwnTemporal(await findTemporalProgram(), port, uiPort);
    await temporal.start();
    return temporal;
  }

  /** Whether it has been started and has not ended. */
  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts it where it does not run, always on the same port and file, and waits until it can be worked with. */
  async start(): Promise<void> {
    if (this.running) return;
    const log = openSync(this.#logFile, 'a');
    const child = spawn(this.#program, this.#args, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#child = child;
    const deadline = Date.now() + 120_000;
    while (!(await temporalIsReady(this.#program, this.address, this.namespace, process.env))) {
      if (!this.running || Date.now() > deadline)
        throw new Error(`Temporal did not become ready: ${readFileSync(this.#logFile, 'utf8').slice(-3000)}`);
      await sleep(100);
    }
  }

  /** SIGKILL, and waits until it is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || !this.running) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}
