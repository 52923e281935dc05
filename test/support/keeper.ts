/**
 * The keeper of a test run: a process of its own that outlives Jest by a moment.
 *
 * It starts the run's Temporal server when the first suite asks for it, and waits for the end of its standard
 * input, which comes however Jest ends: normally, by an error, by Ctrl-C, by SIGKILL. Then it kills what is left
 * of the run and removes the run's folder. It leads a session of its own, so that Ctrl-C does not reach it first.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer, connect, type AddressInfo } from 'node:net';
import { homedir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { processesOfRun } from './leftovers.ts';
import { keeperSocket, runFolder } from './run.ts';

const folder = runFolder();
let temporal: ChildProcess | undefined;
let starting: Promise<string> | undefined;

function temporalProgram(): string {
  const cache = process.env['TIDEMARK_CACHE'] ?? `${homedir()}/.cache/tidemark`;
  const cached = `${cache}/temporal-1.5.1/bin/temporal`;
  return existsSync(cached) ? cached : 'temporal';
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answers(port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function startTemporal(): Promise<string> {
  const port = await freePort();
  const logFile = `${folder}/temporal.log`;
  const log = openSync(logFile, 'a');
  let failure: string | undefined;
  temporal = spawn(
    temporalProgram(),
    [
      'server',
      'start-dev',
      '--headless',
      '--ip',
      '127.0.0.1',
      '--port',
      String(port),
      '--log-level',
      'error',
    ],
    { stdio: ['ignore', log, log] },
  );
  temporal.once('error', (error) => (failure = error.message));
  temporal.once('exit', (code, signal) => (failure ??= `it ended with ${signal ?? String(code)}`));
  closeSync(log);
  for (;;) {
    if (failure !== undefined) {
      throw new Error(`Temporal's server did not start: ${failure}. ${readFileSync(logFile, 'utf8')}`);
    }
    if (await answers(port)) return `127.0.0.1:${String(port)}`;
    await sleep(50);
  }
}

const server = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  starting ??= startTemporal();
  starting.then(
    (address) => socket.end(`${JSON.stringify({ address })}\n`),
    (error: unknown) => socket.end(`${JSON.stringify({ error: String(error) })}\n`),
  );
});

function endRun(): void {
  server.close();
  temporal?.kill('SIGKILL');
  for (const { pid } of processesOfRun(folder)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It ended by itself in between.
    }
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  process.exit(0);
}

process.stdin.once('end', endRun).resume();
server.listen(keeperSocket(folder), () => process.stdout.write('ready\n'));
