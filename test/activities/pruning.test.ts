/** Archived binlogs go with the backups that needed them, headers before bodies, and whoever is killed is gone on after. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sweep } from '../../activities/control/retention.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import { objectKeys } from '../../domain/ids.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { fileBytes, fileName, gtidAt, instantAt, report, segment } from '../catalog/archive-records.ts';
import { newService } from '../catalog/records.ts';
import { type Folder, keysOf, newFolder } from '../storage/support.ts';
import { type Deployment, openDeployment, storedBackup } from './expired.ts';

const never = new AbortController().signal;
const line = '1'.repeat(32);
let folder: Folder;
let deployment: Deployment;
let service: ServiceRecord;

beforeEach(async () => {
  folder = await newFolder();
  deployment = await openDeployment(folder.path);
  service = newService({ organization: 'acme' });
  await deployment.catalog.upsertService(service);
});
afterEach(async () => {
  await deployment.close();
  await folder.remove();
});

/** With binlogs 1 to 4 in two segments each, an expired full in the first and a young one in the third. */
async function archived(): Promise<void> {
  const { catalog, store } = deployment;
  const { serviceId } = service;
  const segments = [1, 2, 3, 4].flatMap((number) => [
    segment(line, number, [0, 400_000]),
    segment(line, number, [400_000, fileBytes]),
  ]);
  for (const one of segments) {
    await store.put(objectKeys.segment(serviceId, { ...one, encrypted: one.start > 0 }), Buffer.from('body'));
    await store.put(objectKeys.segmentHeader(serviceId, one), Buffer.from('{}'));
  }
  await store.put(objectKeys.timeline(serviceId, line), Buffer.from('{}'));
  const begins = { file: fileName(1), position: 0, gtid: '' };
  const timelines = [{ id: line, begins, cause: 'first' as const, createdAt: instantAt(1, 0) }];
  await catalog.recordArchive(serviceId, report(line, { timelines, segments }));
  for (const [days, number] of [
    [20, 1],
    [1, 3],
  ] as const) {
    const binlog = { file: fileName(number), position: 5000, gtid: gtidAt(number, 5000) };
    await storedBackup(deployment, service, days, undefined, { binlog, timeline: line });
  }
}

async function objects(): Promise<string[]> {
  return await keysOf(deployment.store, objectKeys.timelinesFolder(service.serviceId));
}

function failingAfter(deletions: number): ObjectStore {
  const { store } = deployment;
  let left = deletions;
  return {
    location: store.location,
    put: (...given) => store.put(...given),
    replace: (...given) => store.replace(...given),
    get: (...given) => store.get(...given),
    stat: (...given) => store.stat(...given),
    list: (...given) => store.list(...given),
    async delete(...given) {
      if (left === 0) throw new Error('the store is away');
      left -= 1;
      await store.delete(...given);
    },
  };
}

test('a sweep that removes a backup removes the binlogs that it alone could use, and says so', async () => {
  await archived();
  expect(await objects()).toHaveLength(17);
  expect(await sweep(deployment.plane, Date.now(), never)).toBe(1);
  const left = await objects();
  expect(left).toHaveLength(9);
  expect(left.some((key) => key.includes(fileName(2)))).toBe(false);
  expect(left).toContain(objectKeys.timeline(service.serviceId, line));
  expect(await deployment.catalog.listPrunings()).toEqual([]);
  const said = deployment.lines.filter((text) => text.includes('An archived binlog was removed.'));
  expect(said).toHaveLength(2);
  expect(said[0]).toContain('No backup that is kept could use it.');
});

test('wherever a sweep breaks off, no header is left without its body, and the next one ends it', async () => {
  await archived();
  const { plane } = deployment;
  // The expired backup is gone first: a manifest and three parts.
  for (let deletions = 4; (await objects()).length > 9; deletions = 1) {
    await sweep({ ...plane, store: failingAfter(deletions) }, Date.now(), never);
    const left = await objects();
    for (const key of left.filter((name) => /\d\.json$/.test(name))) {
      const body = key.replace('.json', '.zst');
      expect(left.some((name) => name === body || name === `${body}.age`)).toBe(true);
    }
    const { serviceId } = service;
    const { segments = 0 } = (await deployment.catalog.archiveFacts(serviceId)).stretches[0] ?? {};
    expect(segments).toBe(4);
  }
  await sweep(plane, Date.now(), never);
  expect(await deployment.catalog.listPrunings()).toEqual([]);
});

test('what we did not write stays in the folder of a binlog', async () => {
  await archived();
  const foreign = `${objectKeys.binlogFolder(service.serviceId, line, fileName(1))}/notes.json`;
  await deployment.store.put(foreign, Buffer.from('mine'));
  await sweep(deployment.plane, Date.now(), never);
  expect(await objects()).toHaveLength(10);
  expect(await objects()).toContain(foreign);
});
