import { chmod, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { ServerSettings } from '../../config/agent.ts';
import type { Log } from '../../mariadb/context.ts';
import { processStart } from '../../mariadb/processes/record.ts';
import {
  findServerProcess,
  isServing,
  startServer,
  stopServer,
  superviseServer,
} from '../../mariadb/server/lifecycle.ts';
import { connect, rowsOf } from '../../mariadb/server/sql.ts';
import { silentLog, startTestServer, type TestServer } from '../support/mariadb.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer({ name: 'life' });
});
afterAll(() => server.remove());
beforeEach(() => server.start());

async function eventually(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(50);
}

describe('a server', () => {
  test('stops, is then gone and not serving, and starts again; both may be asked for twice', async () => {
    const pid = await findServerProcess(server.settings);
    expect(await isServing(server.settings)).toBe(true);
    await stopServer(server.settings, { log: silentLog });
    expect(processStart(pid ?? 0)).toBeUndefined();
    expect(await findServerProcess(server.settings)).toBeUndefined();
    expect(await isServing(server.settings)).toBe(false);
    await stopServer(server.settings, { log: silentLog });
    await startServer(server.settings, { log: silentLog });
    const next = await findServerProcess(server.settings);
    await startServer(server.settings, { log: silentLog });
    expect(await findServerProcess(server.settings)).toBe(next);
    expect(next).not.toBe(pid);
  });

  test('that is stopped fast has written its pages first, and all its data when it starts again', async () => {
    await server.query('CREATE DATABASE pages');
    await server.query('CREATE TABLE pages.t (id INT PRIMARY KEY, t TEXT) ENGINE=InnoDB');
    await server.query('INSERT INTO pages.t SELECT seq, REPEAT(UUID(), 20) FROM pages.seq_1_to_5000');
    const before = await server.checksums();
    const { notServingSince } = await stopServer(server.settings, { fast: true, log: silentLog });
    expect(Date.now() - notServingSince).toBeLessThan(10_000);
    await server.start();
    expect(await server.checksums()).toEqual(before);
  });

  test('is found by its data directory when its pid file is gone, and no other process is taken for it', async () => {
    const pid = await findServerProcess(server.settings);
    const file = path.join(server.folder, 'run', 'mariadbd.pid');
    const text = await readFile(file, 'utf8');
    await rm(file);
    expect(await findServerProcess(server.settings)).toBe(pid);
    await writeFile(file, String(process.pid));
    expect(await findServerProcess(server.settings)).toBe(pid);
    await writeFile(file, text);
    const other = await startTestServer({ name: 'other' });
    try {
      expect(await findServerProcess(server.settings)).toBe(pid);
      await server.stop();
      expect(await findServerProcess(server.settings)).toBeUndefined();
      expect(await isServing(other.settings)).toBe(true);
    } finally {
      await other.remove();
    }
  });

  test('whose data directory was moved behind its back is found and stopped all the same', async () => {
    const pid = await findServerProcess(server.settings);
    const aside = `${server.dataDirectory}.aside`;
    await rename(server.dataDirectory, aside);
    try {
      expect(await findServerProcess(server.settings)).toBe(pid);
      await stopServer(server.settings, { log: silentLog });
      expect(processStart(pid ?? 0)).toBeUndefined();
    } finally {
      await rename(aside, server.dataDirectory);
    }
  });
});

describe('a start fails as server_start_failed', () => {
  const undo: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });

  test("with the server's own words, when ibdata1 is destroyed", async () => {
    await server.stop();
    const file = path.join(server.dataDirectory, 'ibdata1');
    const content = await readFile(file);
    await truncate(file, 1024);
    undo.push(() => writeFile(file, content));
    const start = startServer(server.settings, { log: silentLog });
    await expect(start).rejects.toMatchObject({ code: 'server_start_failed' });
    await expect(start).rejects.toThrow(/ibdata1/);
    expect(await findServerProcess(server.settings)).toBeUndefined();
  });

  test('with what it said before it had a log, when the data directory is missing', async () => {
    await server.stop();
    await rename(server.dataDirectory, `${server.dataDirectory}.aside`);
    undo.push(() => rename(`${server.dataDirectory}.aside`, server.dataDirectory));
    const start = startServer(server.settings, { log: silentLog });
    await expect(start).rejects.toMatchObject({ code: 'server_start_failed' });
    await expect(start).rejects.toThrow(/Can't change dir/);
  });

  test('after its time', async () => {
    await server.stop();
    const command = { kind: 'command' as const, start: ['/bin/true'], stop: ['/bin/true'] };
    const settings: ServerSettings = { ...server.settings, control: command, start_timeout: 300 };
    const start = startServer(settings, { log: silentLog });
    await expect(start).rejects.toMatchObject({ code: 'server_start_failed' });
  });

  test('with the words of the command that should have started it', async () => {
    await server.stop();
    const script = path.join(server.folder, 'start');
    await writeFile(script, '#!/bin/sh\necho "no licence" >&2\nexit 4\n');
    await chmod(script, 0o755);
    const control = { kind: 'command' as const, start: [script], stop: ['/bin/true'] };
    const start = startServer({ ...server.settings, control }, { log: silentLog });
    await expect(start).rejects.toThrow(/ended with 4: no licence/);
  });
});

describe('a server that is started and stopped by commands', () => {
  test('stops and starts', async () => {
    const script = path.join(server.folder, 'control');
    const pidFile = path.join(server.folder, 'run', 'mariadbd.pid');
    const user = process.getuid?.() === 0 ? '--user=mysql' : '';
    await writeFile(
      script,
      `#!/bin/sh\ncase "$1" in\nstart) mariadbd --defaults-file='${server.defaultsFile}' ${user} & ;;\n` +
        `stop) kill $(cat '${pidFile}') ;;\nesac\n`,
    );
    await chmod(script, 0o755);
    const control = { kind: 'command' as const, start: [script, 'start'], stop: [script, 'stop'] };
    const settings = { ...server.settings, control };
    await stopServer(settings, { log: silentLog });
    expect(await findServerProcess(settings)).toBeUndefined();
    await startServer(settings, { log: silentLog });
    expect(await isServing(settings)).toBe(true);
  });
});

describe('a server that does not stop', () => {
  test('and still serves is left alone, as server_stop_failed', async () => {
    const control = { kind: 'command' as const, start: ['/bin/true'], stop: ['/bin/true'] };
    const settings: ServerSettings = { ...server.settings, control, stop_timeout: 300 };
    await expect(stopServer(settings, { log: silentLog })).rejects.toMatchObject({
      code: 'server_stop_failed',
    });
    expect(await isServing(server.settings)).toBe(true);
  });

  test('and no longer serves is killed', async () => {
    const pid = (await findServerProcess(server.settings)) ?? 0;
    process.kill(pid, 'SIGSTOP');
    const settings: ServerSettings = { ...server.settings, stop_timeout: 300 };
    await stopServer(settings, { log: silentLog });
    expect(processStart(pid)).toBeUndefined();
  });
});

describe('a greeting', () => {
  const listeners: Server[] = [];
  afterEach(() => {
    for (const listener of listeners.splice(0)) listener.close();
  });

  test('is not what another program says at the socket', async () => {
    await server.stop();
    const listener = createServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\n'));
    listeners.push(listener);
    await rm(server.socket, { force: true });
    await new Promise<void>((resolve) => listener.listen(server.socket, resolve));
    expect(await isServing(server.settings)).toBe(false);
  });
});

describe('a connection', () => {
  test('has numbers for what fits in one, and strings for what does not', async () => {
    await using connection = await connect(server.settings);
    const rows = await rowsOf(
      connection,
      "SELECT 42 AS a, 9223372036854775807 AS b, TIMESTAMP('2026-01-02 03:04:05') AS c",
    );
    expect(rows).toEqual([{ a: 42, b: '9223372036854775807', c: '2026-01-02 03:04:05' }]);
  });

  test('whose server dies fails at its next statement, and harms nobody', async () => {
    await using connection = await connect(server.settings);
    await server.kill();
    await sleep(50);
    await expect(rowsOf(connection, 'SELECT 1')).rejects.toMatchObject({ code: 'database_unreachable' });
  });

  test('is refused with the meaning of what the server says', async () => {
    await expect(connect(server.settings, { password: 'wrong' })).rejects.toMatchObject({
      code: 'database_access_denied',
    });
    await expect(connect(server.settings, { socket: '/nowhere/s' })).rejects.toMatchObject({
      code: 'database_unreachable',
    });
    await using connection = await connect(server.settings);
    await expect(rowsOf(connection, 'CREATE USER nobody')).rejects.toMatchObject({
      code: 'privilege_missing',
    });
  });
});

describe('a supervised server', () => {
  const ends: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
  });

  /** How often the supervisor has looked for a server that it does not see. */
  let looks = 0;

  /** It has looked that often again, from now on. */
  async function moreLooks(count: number): Promise<void> {
    // One may be under way.
    const enough = looks + 1 + count;
    await eventually(() => Promise.resolve(looks >= enough));
  }

  function supervise(isPaused: () => boolean = () => false): string[] {
    const controller = new AbortController();
    const logged: string[] = [];
    const log: Log = { ...silentLog, info: (_, message) => void logged.push(message) };
    const done = superviseServer({
      server: server.settings,
      log,
      isPaused,
      inTurn: async (work) => {
        await work();
        looks += 1;
      },
      signal: controller.signal,
    });
    ends.push(async () => {
      controller.abort();
      await done;
    });
    return logged;
  }

  test('is started, and again after a crash; one that was shut down stays down', async () => {
    await server.stop();
    const logged = supervise();
    await eventually(() => isServing(server.settings));
    const first = (await findServerProcess(server.settings)) ?? 0;
    await sleep(100);
    process.kill(first, 'SIGKILL');
    await eventually(
      async () => (await isServing(server.settings)) && (await findServerProcess(server.settings)) !== first,
    );
    expect(logged.filter((message) => message.startsWith('Starting'))).toHaveLength(2);
    await server.stop();
    await moreLooks(2);
    expect(await isServing(server.settings)).toBe(false);
  });

  test('that ran already when supervision began, and is shut down, stays down too', async () => {
    const before = looks;
    supervise();
    await eventually(() => Promise.resolve(looks > before));
    await server.stop();
    await moreLooks(2);
    expect(await isServing(server.settings)).toBe(false);
  });

  test('is left alone while somebody else has it in hand', async () => {
    await server.kill();
    let paused = true;
    supervise(() => paused);
    await moreLooks(1);
    expect(await findServerProcess(server.settings)).toBeUndefined();
    paused = false;
    await eventually(() => isServing(server.settings));
  });

  test('outlives its supervisor', async () => {
    await server.stop();
    supervise();
    await eventually(() => isServing(server.settings));
    for (const end of ends.splice(0)) await end();
    expect(await isServing(server.settings)).toBe(true);
  });
});

test('an error log without an option is written beside the data, as mariadbd-safe does', async () => {
  const other = await startTestServer({ name: 'nolog', config: ['log_error='] });
  try {
    const text = await readFile(path.join(other.dataDirectory, `${hostname()}.err`), 'utf8');
    expect(text).toContain('ready for connections');
  } finally {
    await other.remove();
  }
});
