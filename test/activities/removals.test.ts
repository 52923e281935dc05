/** What was deleted on instruction is removed, whatever happens between the instruction and the last object. */
import { afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { beginPendingRemovals, removalActivities } from '../../activities/control/removals.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import { controlTaskQueue, objectKeys, workflowIds } from '../../domain/ids.ts';
import { judgeDeletion } from '../../domain/retention/deletion.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { newService } from '../catalog/records.ts';
import { type Folder, keysOf, newFolder } from '../storage/support.ts';
import { runActivity } from '../support/activity.ts';
import { createNamespace } from '../support/temporal.ts';
import { type Deployment, failedBackup, openDeployment, storedBackup } from './expired.ts';

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

function withDelete(store: ObjectStore, remove: ObjectStore['delete']): ObjectStore {
  return {
    location: store.location,
    put: (...given) => store.put(...given),
    replace: (...given) => store.replace(...given),
    get: (...given) => store.get(...given),
    stat: (...given) => store.stat(...given),
    list: (...given) => store.list(...given),
    delete: remove,
  };
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
  const tired = withDelete(store, async (key) => {
    if (key === objectKeys.part(first, 2)) throw new Error('the disk is tired');
    await store.delete(key);
  });
  expect(await removeDeleted(tired)).toEqual({ left: 1 });
  expect(await deployment.catalog.listRemovals()).toMatchObject([{ backupId: first }]);
  expect(await keysOf(store, objectKeys.backupFolder(second))).toEqual([]);
  expect(deployment.lines.join('\n')).toContain('the disk is tired');
  expect(await removeDeleted()).toEqual({ left: 0 });
  expect(await keysOf(store, objectKeys.backupFolder(first))).toEqual([]);
});

test('one that failed stays in the store while somebody may still write it, and goes with its manifest then', async () => {
  const { client, catalog } = deployment.plane;
  const id = await failedBackup(deployment, service, 0);
  const { scheduleId = 0 } = (await catalog.findBackup(id)) ?? {};
  const own = workflowIds.backup(id, scheduleId);
  for (const workflowId of [own, workflowIds.cleanUp(own)])
    await client.workflow.start('nobodys', { taskQueue: controlTaskQueue, workflowId });
  await deleted(id);
  for (const workflowId of [own, workflowIds.cleanUp(own)]) {
    expect(await removeDeleted()).toEqual({ left: 1 });
    expect(deployment.lines.at(-1)).toContain(`The workflow ${workflowId} has not ended`);
    expect(await keysOf(deployment.store, objectKeys.backupFolder(id))).toHaveLength(1);
    await client.workflow.getHandle(workflowId).terminate();
  }
  await deployment.store.put(objectKeys.manifest(id), Buffer.from('{}'));
  expect(await removeDeleted()).toEqual({ left: 0 });
  expect(await keysOf(deployment.store, objectKeys.backupFolder(id))).toEqual([]);
});

test('nothing more is removed once the catalog is being filled from its store', async () => {
  const ids = [await storedBackup(deployment, service, 0), await storedBackup(deployment, service, 0)];
  for (const id of ids) await deleted(id);
  const { catalog, store } = deployment;
  const filled = withDelete(store, async (key) => {
    await store.delete(key);
    await catalog.beginConfirmation();
  });
  await removeDeleted(filled);
  expect(await catalog.listRemovals()).toMatchObject([{ backupId: ids[1] }]);
  expect(await keysOf(store, objectKeys.backupFolder(ids[1]!))).toHaveLength(4);
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
