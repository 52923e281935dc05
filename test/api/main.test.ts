/** The api as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { openCatalog } from '../../catalog/open.ts';
import { newKeyLine } from '../../sealing/keys.ts';
import { openEvents } from '../support/events-client.ts';
import { serviceRecord, succeededBackup } from './harness.ts';

let folder: string;
const running: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'api-main-'));
  await writeFile(join(folder, 'tokens'), 'sesame acme viewer\n');
  await writeFile(join(folder, 'sealing-key'), `${newKeyLine()}\n`);
});
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
  await rm(folder, { recursive: true, force: true });
});

interface Run {
  child: ChildProcess;
  output: () => string;
  errors: () => string;
  ended: Promise<number | null>;
}

function run(settings: Record<string, string>, args: string[] = []): Run {
  const inherited = Object.entries(process.env).filter(
    ([name]) => !/^(TEMPORAL_|NODE_OPTIONS$|TIDEMARK_(?!TEST_))/.test(name),
  );
  const main = new URL('../../api/main.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...args], {
    env: { ...Object.fromEntries(inherited), TEMPORAL_ADDRESS: '127.0.0.1:1', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, output: () => output, errors: () => errors, ended };
}

const good = (): Record<string, string> => ({
  TIDEMARK_PORT: '0',
  TIDEMARK_CATALOG: `sqlite://${folder}/catalog.db`,
  TIDEMARK_TOKENS_FILE: join(folder, 'tokens'),
  TIDEMARK_SEALING_KEY_FILE: join(folder, 'sealing-key'),
});

/** The line that is logged once the api answers. */
async function ready({ output, errors, child }: Run): Promise<Record<string, unknown>> {
  const end = Date.now() + 60_000;
  while (Date.now() < end && child.exitCode === null) {
    const line = output()
      .split('\n')
      .find((one) => one.includes('"msg":"ready"'));
    if (line !== undefined) return JSON.parse(line) as Record<string, unknown>;
    await sleep(50);
  }
  throw new Error(`the api did not become ready: ${errors()}${output()}`);
}

test('says where it listens, answers without Temporal, and ends in order on SIGTERM', async () => {
  const api = run(good());
  const line = await ready(api);
  const address = String(line['address']);
  expect(address).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
  const response = await fetch(`${address}/skybackup/v1/services`, { headers: { 'X-API-Key': 'sesame' } });
  expect([response.status, await response.json()]).toEqual([
    200,
    { services: [], services_count: 0, pages_count: 0 },
  ]);
  api.child.kill('SIGTERM');
  expect(await api.ended).toBe(0);
  expect(api.errors()).toBe('');
  expect(api.output()).not.toContain('sesame');
});

test('SIGTERM ends the streams of events in order, and is not held up by them', async () => {
  const catalog = await openCatalog(good()['TIDEMARK_CATALOG']!);
  await catalog.migrate();
  const service = serviceRecord();
  await catalog.upsertService(service);
  const { id } = await catalog.createRestore({
    organization: 'acme',
    service,
    backup: await succeededBackup(catalog, service, 'a'),
    mode: 'side-by-side',
    bucket: '',
    message: 'Restore is scheduled.',
    workflowId: () => 'restore/1/abcd',
  });
  await catalog.close();
  const api = run(good());
  const { address } = await ready(api);
  const url = `${String(address)}/skybackup/v1/restores/${id}/events`;
  const stream = await openEvents(url, { 'X-API-Key': 'sesame' });
  expect(await stream.next()).toMatchObject({ event: 'restore', data: { status: 'Scheduled' } });
  api.child.kill('SIGTERM');
  // A connection that is cut would end it with an error.
  while (await stream.next());
  expect(await api.ended).toBe(0);
});

test('does not start with wrong settings: all of them are named, with exit code 2 and no stack', async () => {
  const api = run({
    TIDEMARK_PORT: 'eighty',
    TIDEMARK_CATALOG: 'mysql://root:hunter2@db/catalog',
    TIDEMARK_COLOUR: 'red',
    TIDEMARK_JWT_ISSUER: 'https://issuer',
    TIDEMARK_JWT_SECRET: 'hunter2',
    TIDEMARK_JWT_ALGORITHM: 'none',
  });
  expect(await api.ended).toBe(2);
  expect(api.errors()).toContain(
    'TIDEMARK_PORT has the value "eighty". Allowed: a whole number from 0 to 65535.',
  );
  expect(api.errors()).toContain('TIDEMARK_COLOUR is unknown.');
  expect(api.errors()).toContain('TIDEMARK_JWT_AUDIENCE is missing. Allowed: a text.');
  expect(api.errors()).toContain('TIDEMARK_JWT_ALGORITHM has the value "none". Allowed: one of RS256,');
  expect(api.errors()).toContain('TIDEMARK_CATALOG has the value "mysql://root:***@db/catalog".');
  expect(api.errors()).not.toMatch(/hunter2|\n {4}at /);
});

test('does not start with a wrong tokens file, and does not show it', async () => {
  await writeFile(join(folder, 'tokens'), 'sesame acme emperor\n');
  const api = run(good());
  expect(await api.ended).toBe(2);
  expect(api.errors()).toContain('Line 1 of the tokens file');
  expect(api.errors()).not.toContain('sesame');
});

test('does not start with a wrong sealing key file, and does not show it', async () => {
  await writeFile(join(folder, 'sealing-key'), '# ours\nc2VzYW1l\n');
  const api = run(good());
  expect(await api.ended).toBe(2);
  expect(api.errors()).toContain('Line 2 of the sealing key file');
  expect(api.errors()).not.toContain('c2VzYW1l');
});

test('does not start with settings of JWTs that do not fit together, and does not show the secret', async () => {
  const api = run({
    ...good(),
    TIDEMARK_JWT_ISSUER: 'https://issuer.example',
    TIDEMARK_JWT_AUDIENCE: 'tidemark',
    TIDEMARK_JWT_SECRET: 'hunter2',
  });
  expect(await api.ended).toBe(2);
  expect(api.errors()).toContain('HS256 has 7 bytes and needs 32 at least');
  expect(api.errors() + api.output()).not.toContain('hunter2');
});

test('names the port that is taken, and its setting', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  try {
    const { port } = taken.address() as AddressInfo;
    const api = run({ ...good(), TIDEMARK_PORT: String(port) });
    expect(await api.ended).toBe(2);
    expect(api.errors()).toContain(`Port ${port} of 127.0.0.1 is taken`);
    expect(api.errors()).toContain('TIDEMARK_PORT');
  } finally {
    taken.close();
  }
});

test('lists its settings with --help, and takes no other argument', async () => {
  const help = run({}, ['--help']);
  expect(await help.ended).toBe(0);
  for (const name of ['TIDEMARK_PORT', 'TIDEMARK_TOKENS_FILE', 'TEMPORAL_ADDRESS']) {
    expect(help.output()).toContain(name);
  }
  const other = run({}, ['--port', '1']);
  expect(await other.ended).toBe(2);
  expect(other.errors()).toContain('--port');
});
