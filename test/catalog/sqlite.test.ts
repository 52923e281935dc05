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
import { Kysely, sql } from 'kysely';
import { openCatalog } from '../../catalog/open.ts';
import { sqliteBackend } from '../../catalog/sqlite.ts';
import type { Catalog } from '../../catalog/types.ts';
import { mountingWorks, mountSmallDisk } from '../storage/support.ts';
import { testIf } from '../support/skip.ts';
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

  test('the event loop goes on between transactions that follow each other without a pause', async () => {
    const catalog = await open();
    await catalog.migrate();
    const rounds = 50;
    let turns = 0;
    let writing = true;
    const count = (): void => {
      turns += 1;
      if (writing) setImmediate(count);
    };
    setImmediate(count);
    for (let round = 0; round < rounds; round += 1) await catalog.removeExpiredKeys();
    const during = turns;
    writing = false;
    expect(during).toBeGreaterThanOrEqual(rounds - 1);
  });

  test('a transaction that was committed survives a power cut, and references are held', async () => {
    const kysely = new Kysely<unknown>({ dialect: sqliteBackend(file).dialect });
    try {
      const full = 2;
      expect((await sql`PRAGMA journal_mode`.execute(kysely)).rows).toEqual([{ journal_mode: 'wal' }]);
      expect((await sql`PRAGMA synchronous`.execute(kysely)).rows).toEqual([{ synchronous: full }]);
      expect((await sql`PRAGMA foreign_keys`.execute(kysely)).rows).toEqual([{ foreign_keys: 1 }]);
    } finally {
      await kysely.destroy();
    }
  });

  test('the folder that is made for the file is its owner’s alone', async () => {
    await (await open()).ping();
    expect(statSync(join(folder, 'made')).mode & 0o777).toBe(0o700);
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

  testIf(mountingWorks(), 'mounting a small file system needs root')(
    'on a full disk a write fails and leaves nothing, reading goes on, and all is well when there is room',
    async () => {
      const disk = mountSmallDisk('size=2M');
      try {
        const catalog = await openCatalog(`sqlite://${disk.path}/catalog.db`);
        try {
          await catalog.migrate();
          const service = await registered(catalog);
          const big = { ...service, warnings: ['x'.repeat(3_000_000)] };
          await expect(catalog.upsertService(big)).rejects.toMatchObject({
            code: 'catalog_unavailable',
            retryable: true,
            message: expect.stringMatching(/disk|full|I\/O/) as unknown,
          });
          expect(await catalog.findService(service.serviceId)).toEqual(service);
          disk.remount('size=20M');
          await catalog.upsertService(big);
          expect(await catalog.findService(service.serviceId)).toEqual(big);
        } finally {
          await catalog.close();
        }
      } finally {
        disk.remove();
      }
    },
  );

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
