/** A restore of a service that is followed: its archive goes on as another timeline. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import type { SegmentArchive } from '../../domain/archive/header.ts';
import { openStore } from '../../storage/open.ts';
import { openArchive } from '../../storage/segments.ts';
import { rebuilt } from '../support/archived.ts';
import { TestStack, type TestService, until } from '../support/stack.ts';

let stack: TestStack;
let service: TestService;
let archive: SegmentArchive;

interface ServiceBody {
  archive: { state: string; timeline?: string; binlog_file?: string; binlog_position?: string };
}

interface Window {
  intervals: { timeline?: string; current: boolean; start_time: string; end_time: string }[];
  holes: { cause: string }[];
}

beforeAll(async () => {
  const settings = {
    TIDEMARK_BINLOG_ARCHIVE: 'on',
    TIDEMARK_ARCHIVE_INTERVAL: '1s',
    TIDEMARK_RETRY_PAUSE: '200ms',
  };
  stack = await TestStack.start('follow-restore', { apiSettings: settings, controlSettings: settings });
  service = await stack.addService('restored-1');
  archive = openArchive(await openStore(pathToFileURL(stack.storage).href), 'restored-1');
  await service.server.query('CREATE DATABASE shop');
  await service.server.query('CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, t CHAR(36))');
});

afterAll(() => stack?.stop());

/** Writes until it is told to stop, through all that happens. @returns what was confirmed, with the time of that */
function beginWriting(): () => Promise<{ text: string; at: number }[]> {
  const confirmed: { text: string; at: number }[] = [];
  let writing = true;
  const running = (async () => {
    while (writing) {
      const text = randomUUID();
      const written = await service.server
        .query('INSERT INTO shop.t (t) VALUES (?)', [text])
        .catch(() => undefined);
      if (written) confirmed.push({ text, at: Date.now() });
    }
  })();
  return async () => {
    writing = false;
    await running;
    return confirmed;
  };
}

/** Waits until the archive has all that the server has written by now. @returns the timeline that it is on */
async function caughtUp(): Promise<string> {
  const [{ File: file, Position: position } = { File: '', Position: 0 }] = await service.server.query<{
    File: string;
    Position: number;
  }>('SHOW MASTER STATUS');
  const [newest] = await service.server.query<{ t: string }>('SELECT t FROM shop.t ORDER BY id DESC LIMIT 1');
  const there = async (): Promise<string | undefined> => {
    const { status, body } = await stack.request<ServiceBody>('GET', '/services/restored-1');
    expect(status).toBe(200);
    const { state, timeline = '', binlog_file, binlog_position } = body.archive;
    if (state !== 'following' || binlog_file !== file || Number(binlog_position) < position) return undefined;
    return (await contents(timeline)).includes(newest?.t ?? '') ? timeline : undefined;
  };
  return (
    (await until(there, (timeline) => timeline !== undefined, `the archive at ${file}:${position}`)) ?? ''
  );
}

/** All that is archived of a timeline. The events of rows have texts as they are. */
async function contents(timeline: string): Promise<string> {
  const parts: string[] = [];
  for await (const file of archive.files(timeline))
    parts.push((await rebuilt(archive, timeline, file)).toString('latin1'));
  return parts.join('');
}

async function recoveryWindow(): Promise<Window> {
  const { status, body } = await stack.request<Window>('GET', '/services/restored-1/recovery-window');
  expect(status).toBe(200);
  return body;
}

test('has all that was written before it and after, to the last transaction', async () => {
  const backup = await stack.takeBackup('restored-1');
  await service.server.query("INSERT INTO shop.t (t) VALUES ('the first')");
  const first = await caughtUp();
  const stopWriting = beginWriting();
  const id = await stack.orderRestore(backup.id, 'restored-1');
  await stack.restored(id);
  const confirmed = await stopWriting();
  await service.server.query("INSERT INTO shop.t (t) VALUES ('afterwards')");
  const second = await caughtUp();
  const all = await archive.timelines();
  expect(all).toHaveLength(2);
  expect(all.find((timeline) => timeline.id === second)).toMatchObject({
    cause: 'restore',
    parent: first,
    branch: { gtid: backup.binlog_gtid_position },
  });
  const kept = await service.server.query<{ t: string }>('SELECT t FROM shop.t');
  const lives = new Set(kept.map(({ t }) => t));
  const [before, after] = [await contents(first), await contents(second)];
  const replaced = confirmed.filter(({ text }) => !lives.has(text));
  expect(replaced.length).toBeGreaterThan(0);
  expect(replaced.filter(({ text }) => !before.includes(text))).toEqual([]);
  expect([...lives].filter((text) => !after.includes(text))).toEqual([]);

  const { intervals, holes } = await recoveryWindow();
  // What was replaced is there, and while the server was stopped nothing was confirmed.
  expect(holes).toEqual([]);
  const last = (timeline: string): number =>
    Math.max(
      ...intervals.filter((one) => one.timeline === timeline).map(({ end_time: end }) => Date.parse(end)),
    );
  // An event says its second alone.
  expect(last(first)).toBeGreaterThan(replaced.at(-1)!.at - 2_000);
  expect(last(second)).toBeGreaterThan(last(first));
  expect(intervals.findLast(({ current }) => current)?.timeline).toBe(second);
});
