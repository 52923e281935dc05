/** Starts of the stack that do not succeed, and leave nothing. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processesOf, startProgram, startStackProgram, until, type Started } from './start-process.ts';

let folder: string;
let data: string;
let started: Started | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'failure-'));
  data = join(folder, 'data');
});

afterEach(async () => {
  started?.child.kill('SIGTERM');
  await started?.ended;
  await rm(folder, { recursive: true, force: true });
});

test('a taken port is named with its option, and nothing is started', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    started = startProgram('embedded/start.ts', ['--data', data, '--port', String(port), '--json']);
    expect(await started.ended).toBe(2);
    expect(started.stderr()).toMatch(new RegExp(`Port ${port} on 127\\.0\\.0\\.1 is taken .*--port`));
    expect(started.stdout()).toBe('');
    expect(await readdir(join(data, 'logs'))).toEqual([]);
  } finally {
    server.close();
  }
});

test('an option that does not exist ends it with exit code 2', async () => {
  started = startProgram('embedded/start.ts', ['--prot', '1']);
  expect(await started.ended).toBe(2);
  expect(started.stderr()).toContain("unknown option '--prot'");
});

test('Ctrl-C during the start leaves nothing running', async () => {
  started = startStackProgram(data);
  await until(async () =>
    (await readdir(join(data, 'run')).catch((): string[] => [])).includes('temporal.json'),
  );
  started.child.kill('SIGINT');
  const asked = Date.now();
  expect(await started.ended).toBe(0);
  expect(Date.now() - asked).toBeLessThan(10_000);
  expect(started.stdout()).toBe('');
  expect(processesOf(data)).toEqual([]);
});

test('an agent that cannot start is named, with the end of its log', async () => {
  const settings = join(folder, 'agent.yaml');
  const defaults = join(folder, 'my.cnf');
  await writeFile(defaults, `[mariadbd]\ndatadir = ${folder}/none\nsocket = ${folder}/none.sock\n`);
  const control = 'control: { kind: direct }';
  await writeFile(
    settings,
    // The state directory cannot be made: what it is to be in is a file.
    `service_id: broken\nstate_directory: ${defaults}/state\nstorage: file://${data}/storage\n` +
      `server: { defaults_file: ${defaults}, ${control} }\n`,
  );
  started = startStackProgram(data, ['--agent', settings, '--ready-timeout', '20']);
  expect(await started.ended).toBe(1);
  expect(started.stderr()).toContain('agent-broken does not get ready');
  expect(started.stderr()).toMatch(/its log, .*agent-broken\.log, ends in:\n.*my\.cnf/is);
  expect(processesOf(data)).toEqual([]);
});

test('an agent that stores elsewhere than the stack is refused', async () => {
  const settings = join(folder, 'agent.yaml');
  await writeFile(
    settings,
    `service_id: other\nstate_directory: ${folder}/state\nstorage: file:///a\nserver: { defaults_file: /etc/my.cnf }\n`,
  );
  started = startStackProgram(data, ['--agent', settings, '--storage', 'file:///b']);
  expect(await started.ended).toBe(2);
  expect(started.stderr()).toContain('The agent of other stores in file:///a, the stack in file:///b.');
});

test('settings of an agent that are not there end it with exit code 2', async () => {
  started = startStackProgram(data, ['--agent', join(folder, 'none.yaml')]);
  expect(await started.ended).toBe(2);
  expect(started.stderr()).toContain('none.yaml cannot be read');
});

test('a data directory that cannot be made ends it with a sentence that names it', async () => {
  started = startStackProgram('/proc/tidemark');
  expect(await started.ended).toBe(2);
  expect(started.stderr()).toContain(
    'The folder /proc/tidemark cannot be made: no folders can be made there. Choose',
  );
  await writeFile(data, '');
  started = startStackProgram(data);
  expect(await started.ended).toBe(2);
  expect(started.stderr()).toContain(`The folder ${data} cannot be made: a file is in its place. Choose`);
});
