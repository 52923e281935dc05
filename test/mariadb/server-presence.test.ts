/** Servers of which only one sign is to be seen, their process or their socket, and others that look like them. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { connect as connectSocket, type Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ServerSettings } from '../../config/agent.ts';
import { processStart } from '../../mariadb/processes/record.ts';
import {
  findServerProcess,
  isServing,
  isThere,
  requireGone,
  startServer,
  stopServer,
} from '../../mariadb/server/lifecycle.ts';
import { silentLog, startTestServer, type TestServer } from '../support/mariadb.ts';
import { testIf } from '../support/skip.ts';

const asRoot = process.getuid?.() === 0;
let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ name: 'there' });
});
afterAll(() => server.remove());
beforeEach(() => server.start());

async function serverPid(): Promise<number> {
  const pid = await findServerProcess(server.settings);
  if (pid === undefined) throw new Error('the server does not run');
  return pid;
}

describe('an agent in a PID namespace of its own', () => {
  /** Stops the server from such a namespace; the code of the error, or that it stopped. */
  async function stopFromAfar(settings: ServerSettings): Promise<string> {
    const code = path.join(import.meta.dirname, '..', '..', 'mariadb', 'server', 'stop.ts');
    const script =
      `import { stopServer } from ${JSON.stringify(code)};` +
      'const quiet = () => undefined; const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };' +
      'const settings = JSON.parse(process.argv[1]);' +
      "const said = await stopServer(settings, { log }).then(() => 'stopped', (error) => error.code + ': ' + error.message);" +
      'process.stdout.write(said);';
    const node = [process.execPath, '--input-type=module', '-e', script, JSON.stringify(settings)];
    const env = { ...process.env, NODE_OPTIONS: '' };
    const { stdout } = await promisify(execFile)(
      'unshare',
      ['--pid', '--fork', '--mount-proc', '--kill-child', ...node],
      { env },
    );
    return stdout;
  }

  const command = (stop: string[]): ServerSettings => ({
    ...server.settings,
    control: { kind: 'command', start: ['true'], stop },
    stop_timeout: 1_000,
  });

  testIf(asRoot, 'a namespace needs root')(
    'does not take a server that serves for stopped, only because it sees no process',
    async () => {
      const pid = await serverPid();
      expect(await stopFromAfar(server.settings)).toMatch(/^server_stop_failed: .*sees no process/);
      expect(await stopFromAfar(command(['true']))).toMatch(/^server_stop_failed: .*sees no process/);
      expect(await serverPid()).toBe(pid);
      expect(await isServing(server.settings)).toBe(true);
    },
  );

  testIf(asRoot, 'a namespace needs root')('stops a server by a command that reaches it', async () => {
    const pid = await serverPid();
    const shutdown = ['mariadb-admin', '--no-defaults', `--socket=${server.socket}`, 'shutdown'];
    expect(await stopFromAfar({ ...command(shutdown), stop_timeout: 60_000 })).toBe('stopped');
    expect(existsSync(path.join(server.folder, 'run', 'mariadbd.pid'))).toBe(false);
    expect(processStart(pid)).toBeUndefined();
  });
});

testIf(asRoot, 'a namespace needs root')(
  'a server with the same paths in a container is another server',
  async () => {
    await server.stop();
    const other = path.join(server.folder, 'other');
    execFileSync('cp', ['-a', server.dataDirectory, other]);
    const options = [`--defaults-file=${server.defaultsFile}`, `--datadir=${server.dataDirectory}`];
    const own = [
      '--user=mysql',
      `--socket=${other}/s`,
      `--pid-file=${other}/pid`,
      `--log-error=${other}/err`,
    ];
    const script = `mount --bind '${other}' '${server.dataDirectory}' && exec mariadbd "$@"`;
    const child = spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', ...options, ...own], {
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    try {
      while (!existsSync(path.join(other, 's'))) {
        if (child.exitCode !== null) throw new Error('the other server did not start');
        await sleep(50);
      }
      expect(await findServerProcess(server.settings)).toBeUndefined();
      await requireGone(server.settings, 0);
      await server.start();
      expect(await serverPid()).not.toBe(child.pid);
      await stopServer(server.settings, { log: silentLog });
      expect(child.exitCode).toBeNull();
    } finally {
      child.kill('SIGKILL');
      await ended;
      await rm(other, { recursive: true, force: true });
    }
  },
);

describe('a server that hangs', () => {
  test('is there, though it does not serve', async () => {
    const pid = await serverPid();
    process.kill(pid, 'SIGSTOP');
    try {
      expect(await isServing(server.settings)).toBe(false);
      expect(await isThere(server.settings)).toBe(true);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    await server.stop();
    expect(await isThere(server.settings)).toBe(false);
  });

  test('serves again once it gets to a full queue of connections', async () => {
    const pid = await serverPid();
    const waiting: Socket[] = [];
    process.kill(pid, 'SIGSTOP');
    try {
      let full = false;
      while (!full && waiting.length < 5_000) {
        const socket = connectSocket({ path: server.socket });
        waiting.push(socket);
        full = await new Promise((resolve) => {
          socket.once('connect', () => resolve(false));
          socket.once('error', () => resolve(true));
        });
      }
      expect(full).toBe(true);
      setTimeout(() => process.kill(pid, 'SIGCONT'), 300);
      expect(await isServing(server.settings)).toBe(true);
    } finally {
      process.kill(pid, 'SIGCONT');
      for (const socket of waiting) socket.destroy();
    }
  });

  test('is killed when the command that should stop it hangs as well', async () => {
    const pid = await serverPid();
    process.kill(pid, 'SIGSTOP');
    const control = { kind: 'command' as const, start: ['true'], stop: ['sleep', '600'] };
    await stopServer({ ...server.settings, control, stop_timeout: 300 }, { log: silentLog });
    expect(processStart(pid)).toBeUndefined();
  });

  test('is not stopped when somebody starts it again after it was killed', async () => {
    const pid = await serverPid();
    process.kill(pid, 'SIGSTOP');
    const supervisor = (async () => {
      while (processStart(pid) !== undefined) await sleep(50);
      await startServer(server.settings, { log: silentLog });
    })();
    const stop = stopServer({ ...server.settings, stop_timeout: 300 }, { log: silentLog });
    await expect(stop).rejects.toMatchObject({ code: 'server_stop_failed' });
    await supervisor;
    expect(await isServing(server.settings)).toBe(true);
  });
});
