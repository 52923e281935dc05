/** A server whose files lie in many places, through the whole of Tidemark: from the REST call to the data. */
import { afterAll, beforeAll, expect } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { chmod, chown, lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Disk, mountingWorks, mountSmallDisk } from '../storage/support.ts';
import { testIf } from '../support/skip.ts';
import { type BackupBody, TestStack, type TestService } from '../support/stack.ts';

const canMount = mountingWorks();
const elsewhere = ['innodb', 'redo', 'undo', 'binlog'] as const;

let disk: Disk;
let stack: TestStack;
let service: TestService;
let backup: BackupBody;
let before: Record<string, number | null>;
/** Beside the data, and not the server's own: it stays whatever is restored. */
let certificate: string;

beforeAll(async () => {
  if (!canMount) return;
  disk = mountSmallDisk('size=600M');
  execFileSync('chown', ['mysql:', disk.path]);
  const settings = { TIDEMARK_SILENCE_TIMEOUT: '4s' };
  stack = await TestStack.start('layouts', { apiSettings: settings, controlSettings: settings });
  service = await stack.addService('spread-1', {
    serverOptions: {
      layout: { data: disk.path, innodb: true, redo: true, undo: true, binlog: true },
      // Files in memory cannot be opened past the page cache.
      config: ['innodb_undo_tablespaces=2', 'innodb_flush_method=fsync', 'innodb_log_file_size=8M'],
      stopped: true,
    },
    stopped: true,
  });
  const { server } = service;
  certificate = path.join(server.dataDirectory, 'tls', 'server-key.pem');
  await mkdir(path.dirname(certificate), { mode: 0o710 });
  await writeFile(certificate, 'a certificate', { mode: 0o440 });
  await chown(certificate, 4321, 1234);
  await chmod(server.dataDirectory, 0o750);
  // Undo tablespaces of their own come with a start after a full clean-up.
  await server.start();
  await server.query('SET GLOBAL innodb_fast_shutdown = 0');
  await server.stop();
  await server.start();
  await service.agent.start('The service is registered');
  await server.loadSample({ rows: 300 });
  before = await server.checksums();
  backup = await stack.takeBackup('spread-1');
});

afterAll(async () => {
  await stack?.stop();
  disk?.remove();
});

async function damage(): Promise<void> {
  await service.server.query('DROP TABLE shop.events');
  await service.server.query('DELETE FROM shop.orders');
  await service.server.query('CREATE TABLE shop.since (id INT PRIMARY KEY)');
}

/** Every kind of file is where the server was told to have it, and only there. */
async function expectInPlace(): Promise<void> {
  expect(await service.server.checksums()).toEqual(before);
  const namesOf = (kind: string): Promise<string[]> => readdir(path.join(service.server.folder, kind));
  expect(await namesOf('innodb')).toContain('ibdata1');
  expect(await namesOf('redo')).toContain('ib_logfile0');
  expect(await namesOf('undo')).toEqual(expect.arrayContaining(['undo001', 'undo002']));
  expect(await namesOf('binlog')).toEqual(expect.arrayContaining(['bin.000001', 'bin.index']));
  const names = await readdir(service.server.dataDirectory);
  expect(names.filter((name) => /^(ibdata|ib_logfile|undo|bin\.)/.test(name))).toEqual([]);
  const { uid, gid, mode } = await lstat(certificate);
  expect([uid, gid, mode & 0o7777, await readFile(certificate, 'utf8')]).toEqual([
    4321,
    1234,
    0o440,
    'a certificate',
  ]);
  expect((await lstat(service.server.dataDirectory)).mode & 0o7777).toBe(0o750);
  // What was restored is served in earnest.
  await service.server.query('INSERT INTO shop.orders (customer_id, total) VALUES (1, 5)');
  await service.server.query('DELETE FROM shop.orders ORDER BY id DESC LIMIT 1');
}

testIf(canMount, 'mounting a file system needs root')(
  'a server on a mount point, with its logs elsewhere, is restored side by side and in place to the same data',
  async () => {
    expect(await lstat(disk.path)).not.toMatchObject({ dev: (await lstat(service.server.folder)).dev });
    await damage();
    const id = (await stack.restore(backup.id, 'spread-1')).id;
    await expectInPlace();
    for (const [kind, name] of [
      ['data', 'mysql'],
      ['innodb', 'ibdata1'],
      ['redo', 'ib_logfile0'],
      ['undo', 'undo001'],
      ['binlog', 'bin.000001'],
    ] as const) {
      const place = kind === 'data' ? service.server.dataDirectory : path.join(service.server.folder, kind);
      const folder = path.join(place, '.tidemark', String(id));
      expect(await readdir(folder)).toEqual(['previous']);
      expect(await readdir(path.join(folder, 'previous', kind))).toContain(name);
    }
    const kept = path.join(service.server.dataDirectory, '.tidemark', String(id), 'previous', 'data', 'shop');
    expect(await readdir(kept)).toContain('since.ibd');

    await damage();
    await stack.restore(backup.id, 'spread-1', { mode: 'in-place' });
    await expectInPlace();
    for (const kind of elsewhere) {
      const folder = path.join(service.server.folder, kind, '.tidemark');
      expect(await readdir(folder)).toEqual([String(id)]);
    }
    expect(await readdir(kept)).toContain('since.ibd');
  },
);
