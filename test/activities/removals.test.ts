/** What was deleted on instruction is removed, whatever happens between the instruction and the last object. */
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { beginPendingRemovals, removalActivities } from '../../activities/control/removals.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import { objectKeys } from '../../domain/ids.ts';
import { judgeDeletion } from '../../domain/retention/deletion.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { newService } from '../catalog/records.ts';
import { type Folder, keysOf, newFolder } from '../storage/support.ts';
import { runActivity } from '../support/activity.ts';
import { createNamespace } from '../support/temporal.ts';
import { type Deployment, openDeployment, storedBackup } from './expired.ts';

let temporal: { address: string; namespace: string };
let folder: Folder;
let deployment: Deployment;
let service: ServiceRecord;

beforeAll(async () => {
  temporal = await createNamespace('removals');
});
beforeEach(async () => {
  folder = await newFolder();
  deployment = await openDeployment(folder.path, temporal);
  service = newService({ organization: 'acme' });
  await deployment.catalog.upsertService(service);
});
afterEach(async () => {
  await deployment.close();
  await folder.remove();
});

async function deleted(id: string): Promise<void> {
  const order = { cascade: false, by: 'alice' };
  const judge = (facts: Parameters<typeof judgeDeletion>[0]) => judgeDeletion(facts, id, order);
  expect(await deployment.catalog.beginRemovals(service.serviceId, judge, 'all')).toHaveLength(1);
}

async function removeDeleted(store = deployment.store): Promise<{ left: number }> {
  const { removeDeleted: work } = removalActivities({ ...deployment.plane, store });
  return await runActivity(work).result;
}

test('the only backup of a service goes, too, when it is wanted, and the log says on whose instruction', async () => {
  const id = await storedBackup(deployment, service, 0);
  await deleted(id);
  expect(await removeDeleted()).toEqual({ left: 0 });
  expect(await keysOf(deployment.store, objectKeys.backupFolder(id))).toEqual([]);
  expect(await deployment.catalog.listRemovals()).toEqual([]);
  expect(deployment.lines.join('\n')).toMatch(/A backup was removed.*on the instruction of alice/);
});

test('one that a store refuses keeps no other from it, and is gone on with', async () => {
  const [first, second] = [
    await storedBackup(deployment, service, 0),
    await storedBackup(deployment, service, 0),
  ];
  await deleted(first);
  await deleted(second);
  const { store } = deployment;
  const tired: ObjectStore = {
    location: store.location,
    put: (...given) => store.put(...given),
    replace: (...given) => store.replace(...given),
    get: (...given) => store.get(...given),
    stat: (...given) => store.stat(...given),
    list: (...given) => store.list(...given),
    async delete(key) {
      if (key === objectKeys.part(first, 2)) throw new Error('the disk is tired');
      await store.delete(key);
    },
  };
  expect(await removeDeleted(tired)).toEqual({ left: 1 });
  expect(await deployment.catalog.listRemovals()).toMatchObject([{ backupId: first }]);
  expect(await keysOf(store, objectKeys.backupFolder(second))).toEqual([]);
  expect(deployment.lines.join('\n')).toContain('the disk is tired');
  expect(await removeDeleted()).toEqual({ left: 0 });
  expect(await keysOf(store, objectKeys.backupFolder(first))).toEqual([]);
});

test('what an api wrote down and did not begin is begun by the reconciler, once', async () => {
  const { client } = deployment.plane;
  await beginPendingRemovals(deployment.plane);
  await expect(client.workflow.getHandle('removals').describe()).rejects.toThrow();
  await deleted(await storedBackup(deployment, service, 0));
  await beginPendingRemovals(deployment.plane);
  const { runId } = await client.workflow.getHandle('removals').describe();
  await beginPendingRemovals(deployment.plane);
  expect((await client.workflow.getHandle('removals').describe()).runId).toBe(runId);
});
