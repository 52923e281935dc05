/**
 * The keeper of a test run: a process of its own that outlives Jest by a moment.
 *
 * It starts the servers that suites share, each when the first suite asks for it, and waits for the end of its
 * standard input, which comes however Jest ends: normally, by an error, by Ctrl-C, by SIGKILL. Then it kills what is
 * left of the run and removes the run's folder. It leads a session of its own, so that Ctrl-C does not reach it first.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { findTemporalProgram } from '../../embedded/temporal.ts';
import { processesOfRun } from './leftovers.ts';
import { startPostgres } from './postgres.ts';
import { keeperSocket, runFolder, type SharedServer } from './run.ts';

const folder = runFolder();
let temporal: ChildProcess | undefined;
const starts: Record<SharedServer, () => Promise<string>> = {
  temporal: startTemporal,
  postgres: async () => String((await startPostgres()).port),
};
const started = new Map<SharedServer, Promise<string>>();

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
    await findTemporalProgram(),
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
  writeFileSync(`${folder}/temporal.pid`, String(temporal.pid));
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

/** Where a server is. It starts with the first question. */
async function addressOf(name: SharedServer): Promise<string> {
  const address = started.get(name) ?? starts[name]();
  started.set(name, address);
  return await address;
}

const server = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  // A name is a few bytes: they come together.
  socket.setEncoding('utf8').once('data', (name) => {
    addressOf(String(name) as SharedServer).then(
      (address) => socket.end(`${JSON.stringify({ address })}\n`),
      (error: unknown) => socket.end(`${JSON.stringify({ error: String(error) })}\n`),
    );
  });
});

/** Kills what is left, again until nothing is: a process may start another while it is looked for. */
function killLeftovers(): void {
  for (let round = 0; round < 20; round += 1) {
    const left = processesOfRun(folder);
    if (left.length === 0) return;
    for (const { pid } of left) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended by itself in between.
      }
    }
  }
}

/** Takes file systems off that tests mounted in the folder; the last mounted first. */
function unmountAll(): void {
  if (!existsSync('/proc/mounts')) return;
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '');
  for (const mount of mounts.filter((path) => path.startsWith(`${folder}/`)).reverse()) {
    spawnSync('umount', ['--lazy', mount]);
  }
}

function endRun(): void {
  server.close();
  temporal?.kill('SIGKILL');
  killLeftovers();
  unmountAll();
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  process.exit(0);
}

process.stdin.once('end', endRun).resume();
server.listen(keeperSocket(folder), () => process.stdout.write('ready\n'));
