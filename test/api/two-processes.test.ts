/** Two api processes on one catalog, and one of them killed: what the keys promise, promised by the programs themselves. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { newKeyLine } from '../../sealing/keys.ts';
import { describeOnBoth } from '../catalog/databases.ts';
import { longRun } from '../support/long.ts';
import { createNamespace } from '../support/temporal.ts';
import { serviceRecord } from './harness.ts';

const service = serviceRecord({ organization: 'acme' });
const order = { backup_type: 'full', schedule: 'once', service_id: service.serviceId };
const clients = longRun ? 200 : 12;
const lastsMs = longRun ? 60_000 : 4_000;

interface Process {
  child: ChildProcess;
  address: string;
}

describeOnBoth('two api processes', (database) => {
  let folder: string;
  let settings: Record<string, string>;
  const running: ChildProcess[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'two-apis-'));
    const file = async (name: string, text: string): Promise<string> => {
      await writeFile(join(folder, name), `${text}\n`, { mode: 0o600 });
      return join(folder, name);
    };
    const { address, namespace } = await createNamespace('api');
    settings = {
      TEMPORAL_ADDRESS: address,
      TEMPORAL_NAMESPACE: namespace,
      TIDEMARK_PORT: '0',
      TIDEMARK_CATALOG: database.location,
      TIDEMARK_TOKENS_FILE: await file('tokens', 'sesame acme administrator'),
      TIDEMARK_SEALING_KEY_FILE: await file('sealing-key', newKeyLine()),
      TIDEMARK_SUBJECT_REQUESTS_PER_MINUTE: '0',
      TIDEMARK_ADDRESS_REQUESTS_PER_MINUTE: '0',
      ...(database.kind === 'PostgreSQL'
        ? { TIDEMARK_CATALOG_PASSWORD_FILE: await file('password', database.server.password) }
        : {}),
    };
    await database.catalog.upsertService(service);
  });
  afterAll(async () => {
    for (const child of running) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    await rm(folder, { recursive: true, force: true });
  });

  async function start(): Promise<Process> {
    const inherited = Object.entries(process.env).filter(
      ([name]) => !/^(TEMPORAL_|NODE_OPTIONS$|TIDEMARK_(?!TEST_))/.test(name),
    );
    const main = new URL('../../api/main.ts', import.meta.url).pathname;
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main], {
      env: { ...Object.fromEntries(inherited), ...settings },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    running.push(child);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    for (let tries = 0; tries < 600 && child.exitCode === null; tries += 1) {
      const line = output.split('\n').find((one) => one.includes('"msg":"ready"'));
      if (line !== undefined) return { child, address: (JSON.parse(line) as { address: string }).address };
      await sleep(50);
    }
    throw new Error(`the api did not become ready: ${output}`);
  }

  const ask = async (
    address: string,
    key: string,
  ): Promise<{ status: number; replayed: boolean; text: string }> => {
    const response = await fetch(`${address}/skybackup/v1/backups/schedules`, {
      method: 'POST',
      headers: { 'X-API-Key': 'sesame', 'Content-Type': 'application/json', 'Idempotency-Key': key },
      body: JSON.stringify(order),
    });
    const replayed = response.headers.get('idempotent-replayed') === 'true';
    return { status: response.status, replayed, text: await response.text() };
  };

  /**
   * As a client that relies on its key: whatever comes in between, it asks again until it has the answer; some ask
   * both processes at once.
   */
  async function insist(key: string, addresses: () => string[]): Promise<string[]> {
    const answers: string[] = [];
    for (let tries = 0; tries < 400; tries += 1) {
      const asked = Math.random() < 0.3 ? addresses() : [addresses()[randomInt(addresses().length)] ?? ''];
      const all = await Promise.allSettled(asked.map(async (address) => ask(address, key)));
      const given = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      answers.push(...given.flatMap(({ status, text }) => (status === 200 ? [text] : [])));
      if (given.length > 0 && given.every(({ status }) => status === 200)) return answers;
      for (const { status, text } of given) if (![200, 409, 503].includes(status)) throw new Error(text);
      await sleep(100);
    }
    throw new Error(`no answer for ${key}`);
  }

  test('carry each request out once, whichever is asked, also when one is killed in the middle', async () => {
    const [first, second] = await Promise.all([start(), start()]);
    let alive = [first.address, second.address];
    const end = Date.now() + lastsMs;
    const answered = new Map<string, string[]>();
    const client = async (): Promise<void> => {
      while (Date.now() < end) {
        const key = randomUUID();
        answered.set(key, await insist(key, () => alive));
      }
    };
    const asking = Array.from({ length: clients }, client);
    await sleep(lastsMs / 2);
    first.child.kill('SIGKILL');
    alive = [second.address];
    await Promise.all(asking);

    const answers = [...answered.values()];
    for (const texts of answers) expect(new Set(texts).size).toBe(1);
    const ids = answers.map(([text = '']) => (JSON.parse(text) as { backup_id: string }).backup_id);
    expect(new Set(ids).size).toBe(answered.size);
    expect(await backupIds()).toEqual(ids.toSorted());
    // Each is told once as carried out; of those that the dead one had in hand the end may be missing.
    const told = await auditOutcomes();
    expect(told.done).toBeLessThanOrEqual(answered.size);
    expect(told.done + told.unfinished).toBeGreaterThanOrEqual(answered.size);
    // What the dead one kept, a new one gives again.
    const third = await start();
    const [key = '', [text] = []] = [...answered][0] ?? [];
    expect(await ask(third.address, key)).toEqual({ status: 200, replayed: true, text });
    process.stdout.write(
      `${database.kind}: ${answered.size} requests of ${clients} clients in ${lastsMs / 1000} s, each carried out once\n`,
    );
  });

  /** Sorted. */
  async function backupIds(): Promise<string[]> {
    const ids: string[] = [];
    for (let page = 1; ; page += 1) {
      const { items } = await database.catalog.listBackups(
        'acme',
        {},
        { page, pageSize: 5000, order: 'asc' },
      );
      if (items.length === 0) return ids.toSorted();
      ids.push(...items.map(({ id }) => id));
    }
  }

  async function auditOutcomes(): Promise<{ done: number; unfinished: number }> {
    let done = 0;
    let unfinished = 0;
    for (let page = 1; ; page += 1) {
      const { items } = await database.catalog.listAudit('acme', {}, { page, pageSize: 5000, order: 'asc' });
      if (items.length === 0) return { done, unfinished };
      done += items.filter(({ outcome, replayed }) => outcome === 'succeeded' && !replayed).length;
      unfinished += items.filter(({ outcome }) => outcome === 'unfinished').length;
    }
  }
});
