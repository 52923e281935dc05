import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { giveMissingNightlies, giveNightly } from '../../activities/control/nightly.ts';
import type { Plane } from '../../activities/control/plane.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import { nightlyCron, nightlyTime } from '../../domain/nightly.ts';
import { listSchedules } from '../../temporal/schedules.ts';
import { newService } from '../catalog/records.ts';
import { type Folder, newFolder } from '../storage/support.ts';
import { until } from '../support/stack.ts';
import { createNamespace } from '../support/temporal.ts';
import { type Deployment, openDeployment } from './expired.ts';

let temporal: { address: string; namespace: string };
let folder: Folder;
let deployment: Deployment;
let plane: Plane;
let service: ServiceRecord;

beforeAll(async () => {
  temporal = await createNamespace('nightly');
});
beforeEach(async () => {
  folder = await newFolder();
  deployment = await openDeployment(folder.path, temporal);
  plane = { ...deployment.plane, defaults: { ...deployment.plane.defaults, nightly: true } };
  service = newService({ organization: 'acme' });
  await plane.catalog.upsertService(service);
});
afterEach(async () => {
  await deployment.close();
  await folder.remove();
});

const attempt = async (_what: string, work: () => Promise<void>): Promise<void> => await work();

async function nightlyOf({ serviceId }: ServiceRecord): Promise<unknown> {
  return (await plane.catalog.findNightlies([serviceId])).get(serviceId)?.schedule;
}

test('a service is given its own minute of the window, and Temporal is told', async () => {
  await giveNightly(plane, service);
  const schedule = nightlyCron(nightlyTime(service.serviceId, plane.defaults.nightlyWindow));
  expect(await nightlyOf(service)).toMatchObject({ schedule, labels: { origin: 'nightly' } });
  const deploymentId = await plane.catalog.deploymentId();
  // Temporal's list is a little behind.
  await until(
    () => listSchedules(plane.client, deploymentId),
    (listed) => listed.size === 1,
    'the schedule in Temporal',
  );
});

test('services from before are given theirs, once, and those that have one are left alone', async () => {
  const others = Array.from({ length: 120 }, () => newService({ organization: 'acme' }));
  for (const other of others) await plane.catalog.upsertService(other);
  await giveNightly(plane, service);
  const before = await nightlyOf(service);
  await giveMissingNightlies(plane, attempt);
  await giveMissingNightlies(plane, attempt);
  const page = { page: 1, pageSize: 500, order: 'asc' } as const;
  const { items, count } = await plane.catalog.listSchedules('acme', {}, page);
  expect(count).toBe(121);
  expect(new Set(items.map(({ serviceId }) => serviceId)).size).toBe(121);
  expect(await nightlyOf(service)).toEqual(before);
});

test('switched off, none is given, and one that is there stays', async () => {
  const off = { ...plane, defaults: { ...plane.defaults, nightly: false } };
  await giveNightly(off, service);
  await giveMissingNightlies(off, attempt);
  expect(await nightlyOf(service)).toBeUndefined();
  await giveNightly(plane, service);
  await giveMissingNightlies(off, attempt);
  expect(await nightlyOf(service)).toBeDefined();
});

test('without Temporal it is written down, and left to the reconciliation', async () => {
  const away = await openDeployment(folder.path);
  await giveNightly({ ...plane, client: away.plane.client }, service);
  expect(await nightlyOf(service)).toBeDefined();
  expect(deployment.lines.join('\n')).toContain('Temporal did not take the schedule yet.');
  expect(await plane.catalog.listScheduleIntents()).toMatchObject([{ settled: false }]);
  await away.close();
});

test('one that fails keeps no other from its own', async () => {
  const other = newService({ organization: 'acme' });
  await plane.catalog.upsertService(other);
  const failed: string[] = [];
  await giveMissingNightlies(plane, async (what, work) => {
    if (what === service.serviceId) failed.push(what);
    else await work();
  });
  expect(failed).toEqual([service.serviceId]);
  expect(await nightlyOf(other)).toBeDefined();
  await giveMissingNightlies(plane, attempt);
  expect(await nightlyOf(service)).toBeDefined();
});
