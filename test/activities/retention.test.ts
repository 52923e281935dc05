import { afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Connection, Client } from '@temporalio/client';
import { sweep } from '../../activities/control/retention.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import { controlTaskQueue, objectKeys, workflowIds } from '../../domain/ids.ts';
import { manifestExists } from '../../storage/sweep.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { newService, orderRestore } from '../catalog/records.ts';
import { type Folder, keysOf, newFolder } from '../storage/support.ts';
import { createNamespace } from '../support/temporal.ts';
import { auditEntry, type Deployment, failedBackup, openDeployment, storedBackup } from './expired.ts';

const day = 86_400_000;
const never = new AbortController().signal;

let temporal: { address: string; namespace: string };
let folder: Folder;
let deployment: Deployment;
let service: ServiceRecord;

beforeAll(async () => {
  temporal = await createNamespace('retention');
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

async function objectsOf(backupId: string): Promise<string[]> {
  return await keysOf(deployment.store, objectKeys.backupFolder(backupId));
}

async function listed(): Promise<string[]> {
  const page = { page: 1, pageSize: 100, order: 'asc' } as const;
  const { items } = await deployment.catalog.listBackups('acme', {}, page);
  return items.map(({ id }) => id);
}

describe('a sweep', () => {
  test('removes what has expired, rows and objects, and says why in the log', async () => {
    const old = await storedBackup(deployment, service, 20);
    const young = await storedBackup(deployment, service, 6);
    const newest = await storedBackup(deployment, service, 1);

    expect(await sweep(deployment.plane, Date.now(), never)).toBe(1);
    expect((await listed()).toSorted()).toEqual([young, newest].toSorted());
    expect(await objectsOf(old)).toEqual([]);
    expect(await objectsOf(young)).toHaveLength(4);
    expect(await deployment.catalog.listRemovals()).toEqual([]);
    const said = deployment.lines.filter((line) => line.includes('A backup was removed.'));
    expect(said).toHaveLength(1);
    expect(said[0]).toContain(old);
    expect(said[0]).toContain('7 days after it ended');
    expect(await sweep(deployment.plane, Date.now(), never)).toBe(0);
  });

  test('removes what the audit tells of longer ago than is set; with 0 days it removes none', async () => {
    for (const daysOld of [401, 900, 5000]) await auditEntry(deployment, daysOld);
    const young = [await auditEntry(deployment, 399), await auditEntry(deployment, 0)];
    const told = async (): Promise<number[]> => {
      const page = { page: 1, pageSize: 100, order: 'asc' } as const;
      return (await deployment.catalog.listAudit('acme', {}, page)).items.map(({ id }) => id);
    };
    const { plane } = deployment;
    await sweep({ ...plane, auditDays: 0 }, Date.now(), never);
    expect(await told()).toHaveLength(5);
    expect(deployment.lines).toEqual([]);
    await sweep(plane, Date.now(), never);
    expect(await told()).toEqual(young);
    expect(deployment.lines).toEqual([expect.stringMatching(/audit were removed.*"entries":3/)]);
  });

  test('follows the days that the service is set to', async () => {
    const old = await storedBackup(deployment, service, 20);
    const newest = await storedBackup(deployment, service, 15);
    await deployment.catalog.updateServiceSettings(service.serviceId, { retention: { days: 30 } });
    expect(await sweep(deployment.plane, Date.now(), never)).toBe(0);
    await deployment.catalog.updateServiceSettings(service.serviceId, { retention: { days: 3 } });
    expect(await sweep(deployment.plane, Date.now(), never)).toBe(1);
    expect(await listed()).toEqual([newest]);
    expect(await objectsOf(old)).toEqual([]);
  });

  test('keeps the last good full, however old, whatever failed since', async () => {
    const good = await storedBackup(deployment, service, 300);
    const failed = await failedBackup(deployment, service, 100);
    expect(await sweep(deployment.plane, Date.now(), never)).toBe(1);
    expect(await listed()).toEqual([good]);
    expect(await objectsOf(good)).toHaveLength(4);
    expect(await objectsOf(failed)).toEqual([]);
  });

  test('removes nothing of a service whose newest full is not whole in the store', async () => {
    const old = await storedBackup(deployment, service, 20);
    const newest = await storedBackup(deployment, service, 10);
    await deployment.store.delete(objectKeys.part(newest, 2));
    expect(await sweep(deployment.plane, Date.now(), never)).toBe(0);
    expect((await listed()).toSorted()).toEqual([old, newest].toSorted());
    expect(deployment.lines.join('\n')).toContain('cannot be restored, so no older one is removed');
  });

  test('proves the newest dump where it is that which a service without a full is brought back with', async () => {
    const dump = { type: 'dump', dumpWhole: true } as const;
    const old = await storedBackup(deployment, service, 20, undefined, dump);
    const newest = await storedBackup(deployment, service, 10, undefined, dump);
    const part = await storedBackup(deployment, service, 9, undefined, { ...dump, dumpWhole: false });
    await deployment.store.delete(objectKeys.part(newest, 2));
    expect(await sweep(deployment.plane, Date.now(), never)).toBe(0);
    expect((await listed()).toSorted()).toEqual([old, newest, part].toSorted());
    expect(deployment.lines.join('\n')).toContain(`The newest dump, ${newest}, cannot be restored`);
    await deployment.store.put(objectKeys.part(newest, 2), Buffer.alloc(1000, 2));
    expect(await sweep(deployment.plane, Date.now(), never)).toBe(2);
    expect(await listed()).toEqual([newest]);
  });

  test('removes nothing that another deployment took, and the record of what is not there', async () => {
    const foreign = await storedBackup(deployment, service, 30, 'another');
    const vanished = await storedBackup(deployment, service, 20);
    const newest = await storedBackup(deployment, service, 1);
    await deployment.store.delete(objectKeys.manifest(vanished));
    expect(await sweep(deployment.plane, Date.now(), never)).toBe(1);
    expect((await listed()).toSorted()).toEqual([foreign, newest].toSorted());
    expect(await objectsOf(foreign)).toHaveLength(4);
    expect(await objectsOf(vanished)).toEqual([]);
    expect(deployment.lines.join('\n')).toContain('Another deployment, another, took it');
  });

  test('goes on with other services when one cannot be looked at', async () => {
    const other = newService({ organization: 'acme' });
    await deployment.catalog.upsertService(other);
    const removable = [];
    for (const one of [service, other]) {
      removable.push(await storedBackup(deployment, one, 20));
      await storedBackup(deployment, one, 1);
    }
    const [broken = '', healthy = ''] = removable;
    const store: ObjectStore = {
      ...methodsOf(deployment.store),
      get: async (key, ...rest) => {
        if (key.includes(service.serviceId)) throw new Error('the disk is tired');
        return deployment.store.get(key, ...rest);
      },
    };
    expect(await sweep({ ...deployment.plane, store }, Date.now(), never)).toBe(1);
    expect(await objectsOf(broken)).toHaveLength(4);
    expect(await objectsOf(healthy)).toEqual([]);
    expect(deployment.lines.join('\n')).toContain('the disk is tired');
  });

  test('lets a failed backup be while a workflow may still work on it, or its manifest is there', async () => {
    const good = await storedBackup(deployment, service, 1);
    const failed = await failedBackup(deployment, service, 100);
    const record = await deployment.catalog.findBackup(failed);
    const connection = await Connection.connect({ address: temporal.address });
    const client = new Client({ connection, namespace: temporal.namespace });
    const workflowId = workflowIds.cleanUp(workflowIds.backup(failed, record?.scheduleId ?? 0));
    // Nobody takes it up: it stays open.
    const cleanUp = await client.workflow.start('backupCleanup', { taskQueue: controlTaskQueue, workflowId });
    expect(await sweep(deployment.plane, Date.now(), never)).toBe(0);
    expect(deployment.lines.join('\n')).toContain(`${workflowId} has not ended`);

    await cleanUp.terminate('by a test');
    await deployment.store.put(objectKeys.manifest(failed), Buffer.from('{}'));
    expect(await sweep(deployment.plane, Date.now(), never)).toBe(0);
    expect(deployment.lines.join('\n')).toContain('is whole in the store');

    await deployment.store.delete(objectKeys.manifest(failed));
    expect(await sweep(deployment.plane, Date.now(), never)).toBe(1);
    expect(await listed()).toEqual([good]);
    await connection.close();
  });
});

describe('clocks', () => {
  test('that jump forward for less than the grace remove nothing, and leave no trace', async () => {
    const old = await storedBackup(deployment, service, 3);
    await storedBackup(deployment, service, 1);
    const plane = { ...deployment.plane, retention: { intervalMs: 1, graceMs: day / 24 } };
    const dueSince = async (): Promise<string | undefined> =>
      (await deployment.catalog.retentionFacts(service.serviceId)).candidates.find(({ id }) => id === old)
        ?.dueSince;

    expect(await sweep(plane, Date.now() + 365 * day, never)).toBe(0);
    expect(await dueSince()).toBeDefined();
    expect(await sweep(plane, Date.now(), never)).toBe(0);
    expect(await dueSince()).toBeUndefined();
    expect(await sweep(plane, Date.now() + 365 * day, never)).toBe(0);
  });

  test('that jump back remove nothing either', async () => {
    await storedBackup(deployment, service, 20);
    await storedBackup(deployment, service, 1);
    expect(await sweep(deployment.plane, Date.now() - 365 * day, never)).toBe(0);
    expect(await listed()).toHaveLength(2);
  });

  test('that go right let a backup go when the grace is over', async () => {
    await storedBackup(deployment, service, 20);
    await storedBackup(deployment, service, 1);
    const plane = { ...deployment.plane, retention: { intervalMs: 1, graceMs: day / 24 } };
    const now = Date.now();
    expect(await sweep(plane, now, never)).toBe(0);
    expect(await sweep(plane, now + day / 48, never)).toBe(0);
    expect(await sweep(plane, now + day / 24, never)).toBe(1);
  });
});

describe('a sweep that is killed', () => {
  // A backup is a manifest and three parts; before each deletion, and in the second backup.
  test.each([1, 2, 4, 5, 6])(
    'before deletion %i never leaves what looks whole and is not, and is finished by the next',
    async (last) => {
      const expired = [
        await storedBackup(deployment, service, 20),
        await storedBackup(deployment, service, 15),
      ];
      const newest = await storedBackup(deployment, service, 1);
      await deployment.close();

      const script = fileURLToPath(new URL('killed-sweep.ts', import.meta.url));
      const child = spawn(process.execPath, [script, folder.path, String(last)], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      const [, signal] = (await once(child, 'exit')) as [number | null, string | null];
      expect(signal).toBe('SIGKILL');

      deployment = await openDeployment(folder.path, temporal);
      for (const id of expired) {
        // Nothing lists it; and where there is a manifest still, every part is there, too.
        expect(await listed()).not.toContain(id);
        if (await manifestExists(deployment.store, id)) expect(await objectsOf(id)).toHaveLength(4);
      }
      const removals = await deployment.catalog.listRemovals();
      expect(removals.map(({ backupId }) => backupId)).toEqual(
        last <= 4 ? [expired[1], expired[0]] : [expired[0]],
      );

      expect(await sweep(deployment.plane, Date.now(), never)).toBe(removals.length);
      for (const id of expired) expect(await objectsOf(id)).toEqual([]);
      expect(await listed()).toEqual([newest]);
      expect(await objectsOf(newest)).toHaveLength(4);
      expect(await deployment.catalog.listRemovals()).toEqual([]);
    },
  );

  test('by a store that fails at any deletion goes on with the next sweep', async () => {
    const old = await storedBackup(deployment, service, 20);
    await storedBackup(deployment, service, 1);
    for (let allowed = 0; (await objectsOf(old)).length > 0; allowed += 1) {
      let left = allowed;
      const store: ObjectStore = {
        ...methodsOf(deployment.store),
        delete: async (key) => {
          if (left === 0) throw new Error('the store is away');
          left -= 1;
          await deployment.store.delete(key);
        },
      };
      await sweep({ ...deployment.plane, store }, Date.now(), never);
      expect(await listed()).not.toContain(old);
    }
    expect(await sweep(deployment.plane, Date.now(), never)).toBeLessThanOrEqual(1);
    expect(await deployment.catalog.listRemovals()).toEqual([]);
  });
});

test('a restore that is ordered while a sweep looks at its backup keeps it', async () => {
  const old = await storedBackup(deployment, service, 20);
  await storedBackup(deployment, service, 1);
  const record = await deployment.catalog.findBackup(old);
  let ordered = false;
  const store: ObjectStore = {
    ...methodsOf(deployment.store),
    // The sweep has judged, and reads the manifest of what it means to remove.
    get: async (key, ...rest) => {
      if (!ordered && record && key === objectKeys.manifest(old)) {
        ordered = true;
        await orderRestore(deployment.catalog, service, record);
      }
      return deployment.store.get(key, ...rest);
    },
  };
  expect(await sweep({ ...deployment.plane, store }, Date.now(), never)).toBe(0);
  expect(ordered).toBe(true);
  expect(await objectsOf(old)).toHaveLength(4);
  expect(await listed()).toContain(old);
});

test('a sweep that is called off stops between two backups', async () => {
  await storedBackup(deployment, service, 20);
  await storedBackup(deployment, service, 1);
  await expect(sweep(deployment.plane, Date.now(), AbortSignal.abort())).rejects.toThrow();
  expect(await listed()).toHaveLength(2);
});

function methodsOf(store: ObjectStore): ObjectStore {
  return {
    location: store.location,
    put: (key, body, signal) => store.put(key, body, signal),
    replace: (key, body, signal) => store.replace(key, body, signal),
    get: (key, range, signal, into) => store.get(key, range, signal, into),
    stat: (key) => store.stat(key),
    list: (prefix) => store.list(prefix),
    delete: (key) => store.delete(key),
  };
}
