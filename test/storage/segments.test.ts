import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import path from 'node:path';
import type { TimelineFacts } from '../../domain/archive/facts.ts';
import { meeting, type SegmentArchive, type SegmentHeader } from '../../domain/archive/header.ts';
import { objectKeys } from '../../domain/ids.ts';
import { removeBinlogFile } from '../../storage/remove-binlogs.ts';
import { openArchive } from '../../storage/segments.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { headerOf, timeline } from './segments.ts';
import { failure, keysOf, newFolder, openAt, type Folder } from './support.ts';

let folder: Folder;
let store: ObjectStore;
let archive: SegmentArchive;
beforeEach(async () => {
  folder = await newFolder();
  store = await openAt(path.join(folder.path, 'store'));
  archive = openArchive(store, 'orders');
});
afterEach(() => folder.remove());

const body = Buffer.from('body');

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of source) all.push(one);
  return all;
}

async function headers(file = 'bin.000001'): Promise<SegmentHeader[]> {
  return await collect(archive.headers(timeline, file));
}

describe('a segment', () => {
  test('is its body and the header, which is read back as it was written', async () => {
    const header = headerOf({
      open: { gtid: '0-1-3', position: 900, standalone: false },
      closed: 'rotate',
      nextFile: 'bin.000002',
      head: 'b'.repeat(64),
    });
    await archive.put(header, body);
    expect(await keysOf(store, 'orders/')).toEqual([
      `orders/timelines/${timeline}/bin.000001/000000000000-000000001000.json`,
      `orders/timelines/${timeline}/bin.000001/000000000000-000000001000.zst`,
    ]);
    expect(await headers()).toEqual([header]);
    expect(await archive.body(header)).toEqual(body);
  });

  test('can be put again after its answer was lost, and not with other bytes', async () => {
    await archive.put(headerOf(), body);
    await archive.put(headerOf(), body);
    const other = Buffer.from('other');
    await expect(archive.put(headerOf({ body: other }), other)).rejects.toEqual(failure('object_exists'));
    await expect(archive.put(headerOf({ agentId: 'another' }), body)).rejects.toEqual(
      failure('object_exists'),
    );
  });

  test('lies beside bytes that a killed follower left without a header', async () => {
    const header = headerOf({ recipients: ['age1somebody'] });
    const key = objectKeys.segment('orders', { ...header, encrypted: true });
    await store.put(key, Buffer.from('left'));
    await archive.put(header, body);
    await archive.put(header, body);
    expect(await archive.body(header)).toEqual(body);
    expect(await store.get(key)).toEqual(Buffer.from('left'));
    expect(await keysOf(store, 'orders/')).toHaveLength(3);
  });

  test('of two writers of one range that of the first header stays whole, whenever the other comes', async () => {
    const recipients = ['age1somebody'];
    const [first, second] = [Buffer.from('once'), Buffer.from('twice')];
    const late = headerOf({ recipients, body: first });
    const early = headerOf({ recipients, body: second });
    // The late one has put its bytes, and hangs before its header.
    await store.put(objectKeys.segment('orders', { ...late, encrypted: true }), first);
    await archive.put(early, second);
    await expect(archive.put(late, first)).rejects.toEqual(failure('object_exists'));
    const [header] = await headers();
    expect(header).toEqual(early);
    expect(await archive.body(early)).toEqual(second);
  });

  test('that lies beside another one goes with its file', async () => {
    const header = headerOf({ recipients: ['age1somebody'] });
    await store.put(objectKeys.segment('orders', { ...header, encrypted: true }), Buffer.from('left'));
    await archive.put(header, body);
    await removeBinlogFile(store, { serviceId: 'orders', timeline, file: header.file });
    expect(await keysOf(store, 'orders/')).toEqual([]);
  });

  test('is not written when its header contradicts itself', async () => {
    const wrong: Partial<SegmentHeader>[] = [
      { sha256: 'c'.repeat(64) },
      { storedBytes: 5 },
      { wholeEnd: 1001 },
      { eventEnd: 999 },
      { wholeEnd: 0 },
      { clock: [{ t0: '2026-01-31T23:59:58Z', position: 1001, t1: '2026-01-31T23:59:58Z' }] },
    ];
    for (const fields of wrong)
      await expect(archive.put(headerOf(fields), body)).rejects.toEqual(failure('internal'));
    expect(await keysOf(store, 'orders/')).toEqual([]);
  });

  test('is removed, and again', async () => {
    await archive.put(headerOf(), body);
    await archive.remove(headerOf(), false);
    await archive.remove(headerOf(), false);
    expect(await keysOf(store, 'orders/')).toEqual([]);
  });
});

describe('what is wrong with a segment is said', () => {
  test('of a body with other bytes, or none', async () => {
    await archive.put(headerOf(), body);
    const key = objectKeys.segment('orders', { ...headerOf(), encrypted: false });
    await store.replace(key, Buffer.from('bodY'));
    await expect(archive.body(headerOf())).rejects.toEqual(failure('object_damaged'));
    await store.delete(key);
    await expect(archive.body(headerOf())).rejects.toEqual(failure('object_missing'));
  });

  test('of a header of another segment, with a field too many, or of a later version', async () => {
    const key = objectKeys.segmentHeader('orders', headerOf());
    await archive.put(headerOf({ start: 5, end: 6 }), body);
    const other = await store.get(objectKeys.segmentHeader('orders', headerOf({ start: 5, end: 6 })));
    await archive.remove(headerOf({ start: 5, end: 6 }), false);
    const content = JSON.parse(other.toString()) as object;
    await store.replace(key, other);
    await expect(headers()).rejects.toEqual(failure('object_damaged'));
    await store.replace(key, Buffer.from(JSON.stringify({ ...content, further: 1 })));
    await expect(headers()).rejects.toEqual(failure('object_damaged'));
    await store.replace(key, Buffer.from(JSON.stringify({ ...content, format: 2 })));
    await expect(headers()).rejects.toEqual(failure('not_available'));
    await store.replace(key, Buffer.from('{'));
    await expect(headers()).rejects.toEqual(failure('object_damaged'));
  });
});

describe('the archive', () => {
  test('names the files of a timeline, each once, and the headers of each in their order', async () => {
    for (const file of ['bin.000002', 'bin.000001', 'bin.000010'])
      for (const start of [2000, 0, 1000]) await archive.put(headerOf({ file, start }), body);
    await archive.createTimeline(facts);
    expect(await collect(archive.files(timeline))).toEqual(['bin.000001', 'bin.000002', 'bin.000010']);
    expect((await headers('bin.000002')).map(({ start }) => start)).toEqual([0, 1000, 2000]);
  });

  test('keeps timelines, each written once, in the order in which they were made', async () => {
    const { branch: _, parent: __, ...first } = facts;
    const earlier = { ...first, id: 'f'.repeat(32), createdAt: '2026-01-30T00:00:00.000Z' };
    await archive.createTimeline(facts);
    await archive.createTimeline(earlier);
    await archive.createTimeline(earlier);
    await expect(archive.createTimeline({ ...facts, cause: 'reset' })).rejects.toEqual(
      failure('object_exists'),
    );
    expect(await archive.timelines()).toEqual([earlier, facts]);
  });
});

const point = { file: 'bin.000001', position: 4, gtid: '0-1-1' };
const facts: TimelineFacts = {
  id: timeline,
  parent: 'f'.repeat(32),
  branch: point,
  begins: point,
  cause: 'restore',
  createdAt: '2026-01-31T00:00:00.000Z',
};

test('ranges that meet are one file: what was joined is read once, and a gap is told', () => {
  const ranges = (...list: [number, number][]): { start: number; end: number }[] =>
    list.map(([start, end]) => ({ start, end }));
  expect(meeting(ranges([0, 30], [0, 10], [10, 20], [20, 30], [30, 40]))).toEqual({
    segments: ranges([0, 30], [30, 40]),
  });
  expect(meeting(ranges([0, 10], [10, 20], [25, 30]))).toEqual({
    segments: ranges([0, 10], [10, 20]),
    gap: { from: 20, to: 25 },
  });
  expect(meeting([])).toEqual({ segments: [] });
});
