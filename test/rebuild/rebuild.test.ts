/** A catalog that was lost is made again from what lies in the store, and nothing is deleted before somebody has looked. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdir, rename } from 'node:fs/promises';
import path from 'node:path';
import { sweep } from '../../activities/control/retention.ts';
import type { BackupRecord, Catalog, ServiceRecord } from '../../catalog/types.ts';
import type { SegmentFacts } from '../../domain/archive/facts.ts';
import { factsOf } from '../../domain/archive/header.ts';
import { objectKeys } from '../../domain/ids.ts';
import { rebuildCatalog } from '../../rebuild/rebuild.ts';
import { openArchive } from '../../storage/segments.ts';
import { writeServiceFile } from '../../storage/service-file.ts';
import { type Deployment, openDeployment, storedBackup } from '../activities/expired.ts';
import { fileName, gtidAt, instantAt, report } from '../catalog/archive-records.ts';
import { newService } from '../catalog/records.ts';
import { headerOf } from '../storage/segments.ts';
import { type Folder, newFolder } from '../storage/support.ts';
import { longRun } from '../support/long.ts';

const never = new AbortController().signal;
const lines = ['1'.repeat(32), '2'.repeat(32)] as const;
const segmentsOfFile = 10;
const files = longRun ? 500 : 15;
let folder: Folder;
let before: Deployment;
let service: ServiceRecord;

beforeEach(async () => {
  folder = await newFolder();
  before = await openDeployment(folder.path);
  service = newService({ organization: 'acme' });
  await before.catalog.upsertService(service);
  const { warnings: _, ...facts } = { ...service, layout: service.layout };
  await writeServiceFile(before.store, facts, '2026-01-01T00:00:00.000Z');
});
afterEach(async () => {
  await before.close();
  await folder.remove();
});

/** A new deployment over the same store. */
async function anew(): Promise<Deployment> {
  await before.close();
  await mkdir(path.join(folder.path, 'dead'), { recursive: true });
  for (const suffix of ['', '-wal', '-shm']) {
    const file = `catalog.db${suffix}`;
    await rename(path.join(folder.path, file), path.join(folder.path, 'dead', file)).catch(() => undefined);
  }
  before = await openDeployment(folder.path);
  return before;
}

async function backupsOf(catalog: Catalog): Promise<Map<string, BackupRecord>> {
  const page = { page: 1, pageSize: 100, order: 'asc' } as const;
  const { items } = await catalog.listBackups('acme', {}, page);
  return new Map(items.map((backup) => [backup.id, backup]));
}

/** Two timelines, the second branching off the first, in the store and in the catalog. */
async function archived(): Promise<void> {
  const { catalog, store } = before;
  const { serviceId } = service;
  const archive = openArchive(store, serviceId);
  for (const [index, id] of lines.entries()) {
    const branch = { file: fileName(files), position: 500, gtid: gtidAt(files, 500) };
    const timeline = {
      id,
      ...(index > 0 && { parent: lines[0], branch }),
      begins: { file: fileName(1), position: 0, gtid: '' },
      cause: index > 0 ? ('behind' as const) : ('first' as const),
      createdAt: instantAt(1 + index, 0),
    };
    await archive.createTimeline(timeline);
    const segments: SegmentFacts[] = [];
    for (let number = 1; number <= files; number += 1) {
      for (let part = 0; part < segmentsOfFile; part += 1) {
        const [start, end] = [part * 100_000, (part + 1) * 100_000];
        const header = headerOf({
          serviceId,
          timeline: id,
          file: fileName(number),
          start,
          end,
          gtidBefore: gtidAt(number, start),
          gtidAfter: gtidAt(number, end),
          sampledFrom: instantAt(number, start),
          sampledTo: instantAt(number, end),
          ...(end === 1_000_000 && { closed: 'rotate' as const }),
          shippedAt: instantAt(number, end),
          clock: [],
        });
        await archive.put(header, Buffer.from('body'));
        segments.push(factsOf(header));
      }
    }
    await catalog.recordArchive(serviceId, report(id, { timelines: [timeline], segments }));
  }
}

test('everything that is in the store comes back: services, chains, timelines, and the stretches of binlogs', async () => {
  const full = await storedBackup(before, service, 0, undefined, { timeline: lines[0] });
  await storedBackup(before, service, 0, undefined, { parent: full });
  await archived();
  const [backups, facts] = [
    await backupsOf(before.catalog),
    await before.catalog.archiveFacts(service.serviceId),
  ];
  expect(facts.stretches).toHaveLength(2);

  const { catalog, store } = await anew();
  const told: string[] = [];
  const found = await rebuildCatalog({ catalog, store, tell: (id) => told.push(id) });
  expect(found).toMatchObject({
    services: 1,
    backups: 2,
    timelines: 2,
    segments: 2 * files * segmentsOfFile,
    left: [],
  });
  expect(told).toEqual([service.serviceId]);
  expect(await catalog.findService(service.serviceId, 'acme')).toMatchObject({
    serviceName: service.serviceName,
    layout: service.layout,
    agentId: '',
  });
  const after = await backupsOf(catalog);
  expect([...after.keys()].toSorted()).toEqual([...backups.keys()].toSorted());
  for (const [
    id,
    { type, parentBackup, referenceFullBackup, timeline, manifestSha256, storedBytes },
  ] of backups) {
    const same = {
      status: 'Succeeded',
      type,
      parentBackup,
      referenceFullBackup,
      manifestSha256,
      storedBytes,
    };
    expect(after.get(id)).toMatchObject(same);
    expect(after.get(id)?.timeline).toBe(timeline);
  }
  expect(after.get(full)?.timeline).toBe(lines[0]);
  expect(await catalog.archiveFacts(service.serviceId)).toEqual(facts);
  // Again, it finds nothing new and changes nothing.
  expect(await rebuildCatalog({ catalog, store })).toMatchObject({ services: 0, backups: 0, known: 3 });
  expect(await catalog.archiveFacts(service.serviceId)).toEqual(facts);
});

test('nothing is deleted before it was confirmed, and what the dead deployment wrote not before it is taken over', async () => {
  const old = await storedBackup(before, service, 20);
  const newest = await storedBackup(before, service, 1);
  const dead = await before.catalog.deploymentId();
  const deployment = await anew();
  const { catalog, store, plane, lines: said } = deployment;
  const { deployments } = await rebuildCatalog({ catalog, store });
  expect([...deployments]).toEqual([dead]);
  // As if years had passed: both were taken a moment ago.
  const later = Date.now() + 900 * 86_400_000;
  const patient = { ...plane, retention: { intervalMs: 1, graceMs: 0 } };
  const swept = async (): Promise<number> => await sweep(patient, later, never);
  expect(await swept()).toBe(0);
  expect(said.join('\n')).toContain('tidemark catalog confirm');
  expect(await catalog.unconfirmedSince()).toBeDefined();

  expect(await catalog.confirm([])).toBe(true);
  expect(await catalog.unconfirmedSince()).toBeUndefined();
  expect(await swept()).toBe(0);
  expect(said.join('\n')).toContain(`Another deployment, ${dead}, took it`);

  expect(await catalog.confirm([dead])).toBe(false);
  expect(await swept()).toBe(1);
  const left = [...(await backupsOf(catalog)).keys()];
  expect(left).toHaveLength(1);
  expect([old, newest]).toContain(left[0]);
});

test('what is damaged or of nobody is told, and keeps nothing else from coming back', async () => {
  const whole = await storedBackup(before, service, 0);
  const damaged = await storedBackup(before, service, 0);
  const partless = await storedBackup(before, service, 0);
  await archived();
  const { serviceId } = service;
  await before.store.replace(objectKeys.manifest(damaged), Buffer.from('{'));
  await before.store.delete(objectKeys.part(partless, 2));
  const header = objectKeys.segmentHeader(serviceId, {
    timeline: lines[1],
    file: fileName(2),
    start: 0,
    end: 100_000,
  });
  await before.store.replace(header, Buffer.from('{'));
  await before.store.put('nobody/backups/x/part-000001', Buffer.from('x'));
  const { catalog, store } = await anew();
  const found = await rebuildCatalog({ catalog, store });
  expect(found).toMatchObject({ services: 1, backups: 1 });
  expect(found.left.map(({ key }) => key).toSorted()).toEqual(
    [
      'nobody/service.json',
      objectKeys.manifest(damaged),
      objectKeys.manifest(partless),
      objectKeys.binlogFolder(serviceId, lines[1], fileName(2)),
    ].toSorted(),
  );
  expect([...(await backupsOf(catalog)).keys()]).toEqual([whole]);
  const { stretches } = await catalog.archiveFacts(serviceId);
  expect(stretches.filter(({ timeline }) => timeline === lines[1])).toHaveLength(2);
});
