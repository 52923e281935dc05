import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { openCatalog } from '../../catalog/open.ts';
import type { Catalog } from '../../catalog/types.ts';
import { registered } from './records.ts';

const writer = fileURLToPath(new URL('writer.ts', import.meta.url));

describe('the catalog in a SQLite file', () => {
  let folder: string;
  let file: string;
  const opened: Catalog[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sqlite-'));
    file = join(folder, 'made', 'on demand', 'catalog.db');
  });
  afterEach(async () => {
    for (const catalog of opened.splice(0)) await catalog.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(path = file): Promise<Catalog> {
    const catalog = await openCatalog(`sqlite://${path}`);
    opened.push(catalog);
    return catalog;
  }

  test('several processes write to one file, and no write is lost or refused', async () => {
    const rounds = 15;
    const outcomes = await Promise.all(
      ['one', 'two', 'three'].map(async (name) => await runWriter(name, rounds)),
    );
    expect(outcomes).toEqual(outcomes.map(() => ({ code: 0, said: `${rounds}\n`, complained: '' })));
    const catalog = await open();
    const page = { page: 1, pageSize: 1, order: 'asc' } as const;
    expect((await catalog.listBackups('writers', { status: 'Succeeded' }, page)).count).toBe(3 * rounds);
    expect(await catalog.listPlaces()).toEqual([]);
  });

  async function runWriter(
    name: string,
    rounds: number,
  ): Promise<{ code: number | null; said: string; complained: string }> {
    const child = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', writer, `sqlite://${file}`, name, String(rounds)],
      { env: { ...process.env, NODE_OPTIONS: '' }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const [said, complained, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    return { code, said, complained };
  }

  test('the event loop goes on while another process has the file locked', async () => {
    const catalog = await open();
    await catalog.migrate();
    const other = new DatabaseSync(file);
    try {
      other.exec('BEGIN IMMEDIATE');
      let done = false;
      const writing = registered(catalog).then((service) => {
        done = true;
        return service;
      });
      for (let turn = 0; turn < 10; turn += 1) await sleep(20);
      expect(done).toBe(false);
      other.exec('COMMIT');
      const service = await writing;
      expect(await catalog.findService(service.serviceId)).toEqual(service);
    } finally {
      other.close();
    }
  });

  test('the file is in WAL mode, its folder is for its owner alone', async () => {
    const catalog = await open();
    await catalog.ping();
    expect(statSync(join(folder, 'made')).mode & 0o777).toBe(0o700);
    const other = new DatabaseSync(file);
    try {
      expect(other.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' });
    } finally {
      other.close();
    }
  });

  test('a file that is no database is refused with its name, and stays as it is', async () => {
    const path = join(folder, 'letter.txt');
    writeFileSync(path, 'Dear reader, this is not a database. '.repeat(100));
    await expect((await open(path)).migrate()).rejects.toMatchObject({
      code: 'catalog_unavailable',
      message: expect.stringContaining(path) as unknown,
    });
    expect(statSync(path).size).toBe(3700);
  });

  test('a folder that cannot be made is told with the reason, and works once it can be', async () => {
    writeFileSync(join(folder, 'made'), 'a file in the way');
    const catalog = await open();
    await expect(catalog.migrate()).rejects.toMatchObject({
      code: 'catalog_unavailable',
      retryable: true,
      message: expect.stringMatching(/made.*(EEXIST|ENOTDIR)/) as unknown,
    });
    rmSync(join(folder, 'made'));
    await catalog.migrate();
    await catalog.deploymentId();
  });

  test('a catalog that was closed answers no more, and closing it twice is no error', async () => {
    const catalog = await open();
    await catalog.ping();
    await catalog.close();
    await catalog.close();
    await expect(catalog.ping()).rejects.toMatchObject({ code: 'catalog_unavailable' });
  });
});

test.each(['mysql://host/db', 'sqlite://relative.db', 'sqlite:///', '', 'postgres//user:hunter2@host/db'])(
  'the location "%s" is refused without being repeated',
  async (location) => {
    const refusal: unknown = await openCatalog(location).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'invalid_setting' });
    expect(String(refusal)).not.toContain('hunter2');
  },
);
