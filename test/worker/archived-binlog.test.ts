/** `npm run agent -- binlog NAME`, as a process: what it writes is the server's binlog, or nothing. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import type { SegmentHeader } from '../../domain/archive/header.ts';
import { headersOf } from '../support/archived.ts';
import { archived, archiveOf, type Place, writeRows } from '../support/follower.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';

const { identity, recipient } = newAgeIdentity();
const root = path.join(import.meta.dirname, '..', '..');
const first = 'bin.000001';
const last = 'bin.000002';
let server: TestServer;
let place: Place;
let config: string;
let timeline: string;

beforeAll(async () => {
  server = await startTestServer({ name: 'archived-binlog' });
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, t LONGBLOB)');
  place = await archiveOf(server);
  const following = place.follow({
    intervalMs: 200,
    recipients: [recipient],
    settings: { segment_size: 16_384 },
  });
  await writeRows(server, 6, 20_000);
  await archived(following);
  await server.query('FLUSH BINARY LOGS');
  await writeRows(server, 3, 20_000);
  ({ timeline } = await archived(following));
  await following.stop();
  config = await configWith(identity);
});
afterAll(async () => {
  await server.remove();
});

async function configWith(key: string): Promise<string> {
  const keys = path.join(place.folder, `${key.slice(-8)}.key`);
  await writeFile(keys, `${key}\n`, { mode: 0o600 });
  const file = path.join(place.folder, `${key.slice(-8)}.json`);
  const { defaults_file, client_file } = server.settings;
  const settings = {
    service_id: 'orders',
    storage: pathToFileURL(path.join(place.folder, 'store')).href,
    state_directory: path.join(place.folder, 'state'),
    server: { defaults_file, client_file },
    restore: { age_identity_file: keys },
  };
  await writeFile(file, JSON.stringify(settings));
  return file;
}

interface Ended {
  code: number;
  stdout: Buffer;
  stderr: string;
}

async function agent(...args: string[]): Promise<Ended> {
  const script = path.join(root, 'worker/agent.ts');
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', script, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const out: Buffer[] = [];
  let stderr = '';
  child.stdout.on('data', (piece: Buffer) => out.push(piece));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout: Buffer.concat(out), stderr };
}

/** As the server has it, byte 22 aside: there it says that it is in use. */
async function theirs(file: string): Promise<Buffer> {
  const bytes = await readFile(path.join(server.dataDirectory, file));
  bytes[21]! &= ~1;
  return bytes;
}

async function segments(): Promise<SegmentHeader[]> {
  return await headersOf(place.archive, timeline, first);
}

describe('an archived binlog', () => {
  test('is written to standard output as the server wrote it, of several segments, encrypted ones', async () => {
    expect((await segments()).length).toBeGreaterThan(3);
    const { code, stdout, stderr } = await agent('binlog', first, '--config', config);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: expect.stringMatching(new RegExp(`${first} of the timeline ${timeline} is archived up to`)),
    });
    expect(stdout.equals(await theirs(first))).toBe(true);
  });

  test('that the server still writes is written as far as it is archived, to a file that is not there yet', async () => {
    const output = path.join(place.folder, 'out.bin');
    const asked = ['binlog', last, '--timeline', timeline, '--output', output, '--config', config];
    const { code, stdout, stderr } = await agent(...asked);
    expect({ code, out: stdout.length }).toEqual({ code: 0, out: 0 });
    expect(stderr).toContain('The file was not closed there');
    expect((await readFile(output)).equals(await theirs(last))).toBe(true);
    expect((await stat(output)).mode & 0o777).toBe(0o600);
    const again = await agent(...asked);
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('is there already') });
  });

  test('is refused by its name, its timeline, and an identity that does not open it; arguments too', async () => {
    const refusals: [string[], number, RegExp][] = [
      [['binlog', 'bin.000009'], 1, /no binlog bin\.000009/],
      [['binlog', first, '--timeline', 'f'.repeat(32)], 1, /on the timeline f+ in the archive/],
      [['binlog'], 2, /binlog NAME/],
      [['--output', 'x'], 2, /binlog NAME/],
    ];
    for (const [args, code, said] of refusals) {
      const ended = await agent(...args, '--config', config);
      expect({ args, code: ended.code, out: ended.stdout.length }).toEqual({ args, code, out: 0 });
      expect(ended.stderr).toMatch(said);
    }
    const output = path.join(place.folder, 'other.bin');
    const other = await configWith(newAgeIdentity().identity);
    const ended = await agent('binlog', first, '--output', output, '--config', other);
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringContaining(recipient) });
    await expect(stat(output)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('one that is not whole', () => {
  test('is refused with the place of the hole, before a byte is written', async () => {
    const all = await segments();
    const [, gone] = all;
    const end = all.at(-1)!;
    const next = (await headersOf(place.archive, timeline, last))[0]!;
    await place.archive.remove(gone!, true);
    const inside = await agent('binlog', first, '--config', config);
    expect({ code: inside.code, out: inside.stdout.length }).toEqual({ code: 1, out: 0 });
    expect(inside.stderr).toContain(`a hole between the positions ${gone!.start} and ${gone!.end}`);
    // What was written behind the last that is there shows in the file that follows.
    await place.archive.remove(end, true);
    for (const header of all.slice(2, -1)) await place.archive.remove(header, true);
    expect(next.stateBefore).not.toBe(all[0]!.stateAfter);
    const behind = await agent('binlog', first, '--config', config);
    expect({ code: behind.code, out: behind.stdout.length }).toEqual({ code: 1, out: 0 });
    expect(behind.stderr).toContain(`a hole behind the position ${all[0]!.end}`);
    await place.archive.remove(all[0]!, true);
  });
});
