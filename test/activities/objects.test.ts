/** What lies in the store and what the catalog says of it, brought together again. */
import { afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { compareAllObjects, compareObjects } from '../../activities/control/objects.ts';
import type { Plane } from '../../activities/control/plane.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import type { SegmentFacts } from '../../domain/archive/facts.ts';
import { factsOf, type SegmentArchive } from '../../domain/archive/header.ts';
import { objectKeys } from '../../domain/ids.ts';
import { openArchive } from '../../storage/segments.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { fileName, gtidAt, instantAt, report } from '../catalog/archive-records.ts';
import { newService } from '../catalog/records.ts';
import { headerOf } from '../storage/segments.ts';
import { type Folder, keysOf, newFolder } from '../storage/support.ts';
import { createNamespace } from '../support/temporal.ts';
import { type Deployment, openDeployment, storedBackup } from './expired.ts';

const never = new AbortController().signal;
const hour = 3_600_000;
const line = '1'.repeat(32);

let temporal: { address: string; namespace: string };
let folder: Folder;
let deployment: Deployment;
let service: ServiceRecord;

beforeAll(async () => {
  temporal = await createNamespace('objects');
});
beforeEach(async () => {
  folder = await newFolder();
  deployment = await openDeployment(folder.path, temporal);
  service = newService({ organization: 'acme' });
  await deployment.catalog.upsertService(service);
  const mark = objectKeys.deployment(await deployment.catalog.deploymentId());
  await deployment.store.put(mark, Buffer.from('{}'));
});
afterEach(async () => {
  await deployment.close();
  await folder.remove();
});

/** @param later so long after the first look */
async function look(later = 0): Promise<void> {
  const plane = { ...deployment.plane, retention: { intervalMs: 1, graceMs: hour } };
  // Each time as another control worker would: what earlier looks found is in the catalog.
  await compareObjects({ plane, service, now: Date.now() + later, signal: never });
}

const said = (): string => deployment.lines.join('\n');
const verification = async (id: string): Promise<unknown> => await deployment.catalog.findVerification(id);

async function forgotten(id: string): Promise<void> {
  const judge = (): { id: string; keep: boolean; reason: string }[] => [
    { id, keep: false, reason: 'It is lost.' },
  ];
  await deployment.catalog.beginRemovals(service.serviceId, judge);
  await deployment.catalog.finishRemoval(id);
}

describe('backups', () => {
  test('without a row are listed again, where they are whole and of this deployment', async () => {
    const [own, foreign, partless] = [
      await storedBackup(deployment, service, 0),
      await storedBackup(deployment, service, 0, 'another'),
      await storedBackup(deployment, service, 0),
    ];
    for (const id of [own, foreign, partless]) await forgotten(id);
    await deployment.store.delete(objectKeys.part(partless, 1));
    await look();
    const { candidates } = await deployment.catalog.retentionFacts(service.serviceId);
    expect(candidates).toMatchObject([{ id: own, status: 'Succeeded' }]);
    expect(said()).toContain('"backups":1');
    expect(said()).toContain(`The object ${objectKeys.part(partless, 1)} of the backup is not in`);
    expect(said()).not.toContain(objectKeys.manifest(foreign));
  });

  test('without a manifest are verified, once', async () => {
    const whole = await storedBackup(deployment, service, 0);
    const lost = await storedBackup(deployment, service, 0);
    await deployment.store.delete(objectKeys.manifest(lost));
    await look();
    expect(await verification(lost)).toMatchObject({ status: 'Scheduled', backupId: lost });
    expect(await verification(whole)).toBeUndefined();
    expect(said()).toContain('The manifest of a backup is gone from the store.');
    const { workflowId } = (await deployment.catalog.findVerification(lost))!;
    const connection = await Connection.connect({ address: temporal.address });
    const { workflow } = new Client({ connection, namespace: temporal.namespace });
    expect((await workflow.getHandle(workflowId).describe()).status.name).toBe('RUNNING');
    await connection.close();
    await look();
    expect(await verification(lost)).toMatchObject({ workflowId });
  });

  test('of binlogs without a manifest are verified likewise', async () => {
    const note = await storedBackup(deployment, service, 0, undefined, { type: 'binarylog' });
    await deployment.store.delete(objectKeys.manifest(note));
    await look();
    expect(await verification(note)).toMatchObject({ status: 'Scheduled', backupId: note });
  });

  test('are not looked for in a place that is not known to be ours', async () => {
    const lost = await storedBackup(deployment, service, 0);
    await deployment.store.delete(objectKeys.manifest(lost));
    await deployment.store.delete(objectKeys.deployment(await deployment.catalog.deploymentId()));
    await look();
    expect(await verification(lost)).toBeUndefined();
    expect(said()).toContain('The storage is not known to be that of this deployment');
  });
});

describe('looks', () => {
  const day = 24 * hour;
  let failed: Set<string>;
  beforeEach(() => {
    failed = new Set();
  });
  const all = async (now: number, changes: Partial<Plane> = {}): Promise<boolean> =>
    await compareAllObjects({ ...deployment.plane, ...changes }, now, { signal: never, failed });
  const looked = async (id: string): Promise<boolean> =>
    !(await deployment.catalog.servicesToLookAt({ before: '2000-01-01', now: '2100-01-01' })).includes(id);

  /** @param before a listing of anything */
  const listing = (before: (prefix: string) => void): ObjectStore => {
    const { store } = deployment;
    return {
      location: store.location,
      put: (...given) => store.put(...given),
      replace: (...given) => store.replace(...given),
      get: (...given) => store.get(...given),
      stat: (...given) => store.stat(...given),
      delete: (...given) => store.delete(...given),
      list: (prefix, options) => {
        before(prefix);
        return store.list(prefix, options);
      },
    };
  };

  test('come once in each interval, whoever looks', async () => {
    const lost = await storedBackup(deployment, service, 0);
    const now = Date.now();
    expect(await all(now)).toBe(true);
    await deployment.store.delete(objectKeys.manifest(lost));
    expect(await all(now + hour)).toBe(true);
    expect(await verification(lost)).toBeUndefined();
    expect(await all(now + day)).toBe(true);
    expect(await verification(lost)).toBeDefined();
  });

  test('at a service that fails keep none from the others, and come again', async () => {
    const other = newService({ organization: 'acme' });
    await deployment.catalog.upsertService(other);
    const tired = listing((prefix) => {
      if (prefix.includes(service.serviceId)) throw new Error('the disk is tired');
    });
    expect(await all(Date.now(), { store: tired })).toBe(true);
    expect(said()).toContain('the disk is tired');
    expect([await looked(service.serviceId), await looked(other.serviceId)]).toEqual([false, true]);
    await all(Date.now());
    expect(await looked(service.serviceId)).toBe(true);
  });

  test('that fail late come behind the others, and then in turn; when only they are left, the pause is as ever', async () => {
    await deployment.catalog.upsertService(newService({ organization: 'acme' }));
    await deployment.catalog.upsertService(newService({ organization: 'acme' }));
    const [first = '', second = '', third = ''] = await deployment.catalog.servicesToLookAt({
      before: '2000-01-01',
      now: '2100-01-01',
    });
    const failing = new Set([first, second]);
    const asked: string[] = [];
    const intervalMs = 60_000;
    let later = 0;
    const real = Date.now;
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => real() + later);
    const store = listing((prefix) => {
      const id = [first, second, third].find((one) => prefix.includes(one));
      if (id !== undefined && asked.at(-1) !== id) asked.push(id);
      if (id === undefined || !failing.has(id)) return;
      later += intervalMs + 1;
      throw new Error('the listing broke off');
    });
    const sweep = async (): Promise<[boolean, string[]]> => {
      asked.length = 0;
      const retention = { ...deployment.plane.retention, intervalMs };
      return [await all(Date.now(), { store, retention }), [...asked]];
    };
    try {
      expect(await sweep()).toEqual([false, [first]]);
      expect(await sweep()).toEqual([false, [second]]);
      expect(await sweep()).toEqual([true, [third, first]]);
      expect(await looked(third)).toBe(true);
      expect(await sweep()).toEqual([true, [second]]);
      expect(await sweep()).toEqual([true, [first]]);
      failing.clear();
      expect(await sweep()).toEqual([true, [second, first]]);
      expect([await looked(first), await looked(second), failed.size]).toEqual([true, true, 0]);
    } finally {
      clock.mockRestore();
    }
  });

  test('leave the rest to the next time when it is time to remove what has expired', async () => {
    const retention = { ...deployment.plane.retention, intervalMs: -1 };
    expect(await all(Date.now(), { retention })).toBe(false);
    expect(await looked(service.serviceId)).toBe(false);
  });
});

describe('archived binlogs', () => {
  let archive: SegmentArchive;
  const ranges = [
    [0, 400_000],
    [400_000, 1_000_000],
  ] as const;

  /** Files 1 to 4, in two segments each, in the store and in the catalog; the follower is in the last one. */
  beforeEach(async () => {
    archive = openArchive(deployment.store, service.serviceId);
    const begins = { file: fileName(1), position: 0, gtid: '' };
    const timeline = { id: line, begins, cause: 'first' as const, createdAt: instantAt(1, 0) };
    await archive.createTimeline(timeline);
    const segments: SegmentFacts[] = [];
    for (const number of [1, 2, 3, 4]) for (const range of ranges) segments.push(await put(number, range));
    await deployment.catalog.recordArchive(
      service.serviceId,
      report(line, { timelines: [timeline], segments }),
    );
  });

  async function put(
    number: number,
    [start, end]: readonly [number, number],
    timeline = line,
  ): Promise<SegmentFacts> {
    const header = headerOf({
      serviceId: service.serviceId,
      timeline,
      file: fileName(number),
      start,
      end,
      gtidBefore: gtidAt(number, start),
      gtidAfter: gtidAt(number, end),
      ...(end === 1_000_000 && { closed: 'rotate' as const }),
      shippedAt: instantAt(number, end),
      clock: [],
    });
    await archive.put(header, Buffer.from('body'));
    return factsOf(header);
  }

  const place = (number: number, [start, end]: readonly [number, number]) => ({
    timeline: line,
    file: fileName(number),
    start,
    end,
  });
  const body = (number: number, range: readonly [number, number]): string =>
    objectKeys.segment(service.serviceId, { ...place(number, range), encrypted: false });
  const header = (number: number, range: readonly [number, number]): string =>
    objectKeys.segmentHeader(service.serviceId, place(number, range));
  const rowsOf = async (number: number): Promise<number> =>
    (await deployment.catalog.segmentsOfFile(service.serviceId, fileName(number))).length;
  const objectsOf = async (number: number): Promise<string[]> =>
    await keysOf(deployment.store, `${objectKeys.binlogFolder(service.serviceId, line, fileName(number))}/`);

  test('that are as the catalog has them stay so', async () => {
    const facts = await deployment.catalog.archiveFacts(service.serviceId);
    await look();
    await look(2 * hour);
    expect(await deployment.catalog.archiveFacts(service.serviceId)).toEqual(facts);
    expect(await objectsOf(2)).toHaveLength(4);
    expect(deployment.lines).toEqual([]);
  });

  test('without a row are known again, also whole timelines', async () => {
    const facts = await deployment.catalog.archiveFacts(service.serviceId);
    await deployment.catalog.forgetSegments(service.serviceId, [place(2, ranges[1])]);
    expect(await rowsOf(2)).toBe(1);
    await look();
    expect(await deployment.catalog.archiveFacts(service.serviceId)).toEqual(facts);
    expect(said()).toContain('Archived binlogs without a row were found');
    const other = '2'.repeat(32);
    const begins = { file: fileName(1), position: 0, gtid: '' };
    await archive.createTimeline({ id: other, begins, cause: 'reset', createdAt: instantAt(9, 0) });
    await look();
    const after = await deployment.catalog.archiveFacts(service.serviceId);
    expect(after.stretches).toEqual(facts.stretches);
    expect(after.timelines.map(({ id }) => id)).toEqual([line, other]);
    expect(said()).toContain(`"timelines":["${other}"]`);
  });

  test('that break off are told of, though the report of it comes later', async () => {
    const { catalog } = deployment;
    const reset = '2'.repeat(32);
    const begins = { file: fileName(1), position: 0, gtid: '' };
    const timeline = { id: reset, begins, cause: 'reset' as const, createdAt: instantAt(9, 0) };
    await archive.createTimeline(timeline);
    const shipped = await put(1, ranges[0], reset);
    await look();
    const rows = await catalog.segmentsOfFile(service.serviceId, fileName(1));
    expect(rows.filter((row) => row.timeline === reset)).toHaveLength(1);
    const told = { [service.serviceId]: [{ cause: 'reset', alarming: true }] };
    const breaks = async (): Promise<unknown> =>
      Object.fromEntries(await catalog.openBreaks([service.serviceId]));
    expect(await breaks()).toMatchObject(told);
    expect(await catalog.servicesWithUndecidedBreaks()).toEqual([service.serviceId]);
    const late = report(reset, { timelines: [timeline], segments: [shipped] });
    await catalog.recordArchive(service.serviceId, late, { alarm: true });
    expect(await breaks()).toMatchObject(told);
  });

  test('whose header never came are removed once that was seen twice, and nothing that somebody may write', async () => {
    const odd = [5_000_000, 6_000_000] as const;
    const orphans = [1, 4].map((number) => body(number, odd));
    for (const key of orphans) await deployment.store.put(key, Buffer.from('left'));
    await look();
    await look(hour / 2);
    expect(await objectsOf(1)).toHaveLength(5);
    await look(2 * hour);
    expect(await objectsOf(1)).toHaveLength(4);
    expect(await objectsOf(4)).toHaveLength(5);
    expect(said()).toContain('A part of a binlog without a header was removed.');
  });

  test('that are gone are promised no more once that was seen twice', async () => {
    await deployment.store.delete(header(2, ranges[0]));
    await deployment.store.delete(body(2, ranges[1]));
    for (const range of ranges) {
      await deployment.store.delete(header(3, range));
      await deployment.store.delete(body(3, range));
    }
    await look();
    expect([await rowsOf(2), await rowsOf(3)]).toEqual([2, 2]);
    expect(said()).toContain('An archived binlog is gone from the store.');
    await look(2 * hour);
    expect([await rowsOf(1), await rowsOf(2), await rowsOf(3), await rowsOf(4)]).toEqual([2, 0, 0, 2]);
    const { stretches } = await deployment.catalog.archiveFacts(service.serviceId);
    expect(stretches).toHaveLength(2);
    // A header without its body is not taken up again.
    await look(4 * hour);
    expect(await rowsOf(2)).toBe(0);
  });

  test('of a timeline that was left are promised no more, whatever of its end is gone', async () => {
    const { catalog } = deployment;
    const next = '2'.repeat(32);
    const begins = { file: fileName(1), position: 0, gtid: '' };
    const timeline = { id: next, begins, cause: 'reset' as const, createdAt: instantAt(9, 0) };
    await archive.createTimeline(timeline);
    const followed = [await put(1, ranges[0], next), await put(1, ranges[1], next)];
    const later = { ...report(next).state, lookedAt: instantAt(99, 0) };
    const going = report(next, { timelines: [timeline], segments: followed, state: later });
    await catalog.recordArchive(service.serviceId, going);
    const promised = async (): Promise<string[]> =>
      (await catalog.archiveFacts(service.serviceId)).stretches.map(
        (stretch) => `${stretch.timeline[0]} ${stretch.fromFile} ${stretch.endFile}`,
      );
    const all = [`1 ${fileName(1)} ${fileName(4)}`, `2 ${fileName(1)} ${fileName(1)}`];
    const remove = async (lineId: string, number: number): Promise<void> => {
      const folder = objectKeys.binlogFolder(service.serviceId, lineId, fileName(number));
      for (const key of await keysOf(deployment.store, `${folder}/`)) await deployment.store.delete(key);
    };
    for (const number of [3, 4]) await remove(line, number);
    // The follower is in this one.
    await remove(next, 1);
    await look();
    expect(await promised()).toEqual(all);
    await look(2 * hour);
    expect(await promised()).toEqual([`1 ${fileName(1)} ${fileName(2)}`, all[1]]);
    for (const number of [1, 2]) await remove(line, number);
    await look(3 * hour);
    await look(5 * hour);
    expect(await promised()).toEqual([all[1]]);
    expect(said()).toContain('is promised no more');
  });

  test('in small segments beside the large one that took their place lose those', async () => {
    const large = await put(2, [0, 1_000_000]);
    await deployment.catalog.recordArchive(service.serviceId, report(line, { segments: [large] }));
    expect(await rowsOf(2)).toBe(1);
    await look();
    expect(await objectsOf(2)).toHaveLength(6);
    await look(2 * hour);
    expect(await objectsOf(2)).toEqual([header(2, [0, 1_000_000]), body(2, [0, 1_000_000])].toSorted());
    expect(await rowsOf(2)).toBe(1);
  });
});
