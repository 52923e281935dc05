/** Two api processes on one catalog, and one of them killed: what the keys promise, promised by the programs themselves. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { newKeyLine } from '../../sealing/keys.ts';
import { describeOnBoth } from '../catalog/databases.ts';
import { createNamespace } from '../support/temporal.ts';
import { serviceRecord } from './harness.ts';

const service = serviceRecord({ organization: 'acme' });
const order = { backup_type: 'full', schedule: 'once', service_id: service.serviceId };
const requests = 60;

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

  /** As a client that relies on its key: whatever comes in between, it asks again until it has the answer. */
  async function insist(key: string, addresses: () => string[]): Promise<string[]> {
    const answers: string[] = [];
    for (let tries = 0; tries < 400; tries += 1) {
      const all = await Promise.allSettled(addresses().map(async (address) => ask(address, key)));
      const given = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      answers.push(...given.flatMap(({ status, text }) => (status === 200 ? [text] : [])));
      if (given.length > 0 && given.every(({ status }) => status === 200)) return answers;
      for (const { status, text } of given) if (![200, 409].includes(status)) throw new Error(text);
      await sleep(100);
    }
    throw new Error(`no answer for ${key}`);
  }

  test('carry each request out once, whichever is asked, also when one is killed in the middle', async () => {
    const [first, second] = await Promise.all([start(), start()]);
    let alive = [first.address, second.address];
    const keys = Array.from({ length: requests }, () => randomUUID());
    let done = 0;
    const asked = keys.map(async (key, index) => {
      // Not all at the same instant: the kill is to meet each step of some request.
      await sleep(index * 15);
      const answers = await insist(key, () => alive);
      done += 1;
      return answers;
    });
    while (done < requests / 6) await sleep(5);
    first.child.kill('SIGKILL');
    alive = [second.address];
    const answers = await Promise.all(asked);
    for (const texts of answers) expect(new Set(texts).size).toBe(1);
    const ids = answers.map(([text = '']) => (JSON.parse(text) as { backup_id: string }).backup_id);
    expect(new Set(ids).size).toBe(requests);
    const { items, count } = await database.catalog.listBackups(
      'acme',
      {},
      { page: 1, pageSize: 1000, order: 'asc' },
    );
    expect([count, new Set(items.map(({ id }) => id))]).toEqual([requests, new Set(ids)]);
    // Each is found in the audit, once as carried out; those that died between have no end, or were asked for again.
    const page = { page: 1, pageSize: 10_000, order: 'asc' } as const;
    const audit = await database.catalog.listAudit('acme', { operation: 'createSchedule' }, page);
    const told = audit.items.filter(({ outcome, replayed }) => outcome === 'succeeded' && !replayed);
    const unfinished = audit.items.filter(({ outcome }) => outcome === 'unfinished');
    expect(told.length).toBeLessThanOrEqual(requests);
    expect(told.length + unfinished.length).toBeGreaterThanOrEqual(requests);
    // What the dead one kept, a new one gives again.
    const third = await start();
    const [key = ''] = keys;
    expect(await ask(third.address, key)).toEqual({ status: 200, replayed: true, text: answers[0]?.[0] });
  });
});
