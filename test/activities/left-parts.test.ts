/** Parts without a manifest are removed once their own deployment's workflow has ended, and not before. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { sweepLeftCopies, sweepLeftParts } from '../../activities/control/left-parts.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import { controlTaskQueue, formatBackupId, objectKeys, workflowIds } from '../../domain/ids.ts';
import { markWriter } from '../../storage/writer-mark.ts';
import { newService } from '../catalog/records.ts';
import { type Folder, keysOf, newFolder } from '../storage/support.ts';
import { createNamespace } from '../support/temporal.ts';
import { type Deployment, failedBackup, openDeployment, storedBackup } from './expired.ts';

const never = new AbortController().signal;

let folder: Folder;
let deployment: Deployment;
let service: ServiceRecord;
let connection: Connection;
let client: Client;

beforeEach(async () => {
  folder = await newFolder();
  const temporal = await createNamespace('left-parts');
  deployment = await openDeployment(folder.path, temporal);
  service = newService();
  await deployment.catalog.upsertService(service);
  connection = await Connection.connect({ address: temporal.address });
  client = new Client({ connection, namespace: temporal.namespace });
});

afterEach(async () => {
  await connection.close();
  await deployment.close();
  await folder.remove();
});

const objectsOf = (id: string): Promise<string[]> =>
  keysOf(deployment.store, `${objectKeys.backupFolder(id)}/`);

async function sweep(graceMs = 0, now = Date.now()): Promise<void> {
  const plane = { ...deployment.plane, retention: { intervalMs: 1, graceMs } };
  await sweepLeftParts(plane, service.serviceId, now, never);
}

const said = (): string => deployment.lines.join('\n');

/** Two parts and their mark, of a backup that no row tells of. */
async function leftParts(deploymentId?: string): Promise<{ backupId: string; workflowId: string }> {
  const { serviceId, serverName } = service;
  const backupId = formatBackupId({ hex: randomBytes(16).toString('hex'), serviceId, serverName });
  const workflowId = workflowIds.backup(backupId, 7);
  const own = await deployment.catalog.deploymentId();
  await markWriter(deployment.store, { backupId, workflowId, deploymentId: deploymentId ?? own });
  for (const index of [1, 2])
    await deployment.store.put(objectKeys.part(backupId, index), Buffer.from('half'));
  return { backupId, workflowId };
}

/** Nobody takes it up: it stays open until it is ended. */
const start = (workflowId: string): Promise<WorkflowHandle> =>
  client.workflow.start('backup', { taskQueue: controlTaskQueue, workflowId });

describe('parts that no row tells of', () => {
  test('stay while their workflow is open, and go when it has ended', async () => {
    const { backupId, workflowId } = await leftParts();
    const handle = await start(workflowId);
    await sweep();
    expect(await objectsOf(backupId)).toHaveLength(3);
    expect(said()).toContain(`The workflow ${workflowId} has not ended.`);
    await handle.terminate();
    await sweep();
    expect(await objectsOf(backupId)).toEqual([]);
    expect(said()).toContain('Parts that a backup had left were removed.');
  });

  test('stay while a clean-up waits for an agent that may still be writing', async () => {
    const { backupId, workflowId } = await leftParts();
    await (await start(workflowId)).terminate();
    const cleanUp = await start(workflowIds.cleanUp(workflowId));
    await sweep();
    expect(await objectsOf(backupId)).toHaveLength(3);
    expect(said()).toContain('which may still be writing');
    await cleanUp.terminate();
    await sweep();
    expect(await objectsOf(backupId)).toEqual([]);
  });

  test('stay for the grace after the end of their workflow', async () => {
    const { backupId, workflowId } = await leftParts();
    await (await start(workflowId)).terminate();
    await sweep(3_600_000);
    expect(await objectsOf(backupId)).toHaveLength(3);
    await sweep(3_600_000, Date.now() + 3_601_000);
    expect(await objectsOf(backupId)).toEqual([]);
  });

  test('stay when nobody knows whether their workflow has ended', async () => {
    const { backupId } = await leftParts();
    await sweep();
    expect(await objectsOf(backupId)).toHaveLength(3);
    expect(said()).toContain('has ended is not known');
  });

  test("stay when they are another deployment's, or say of nobody", async () => {
    const theirs = await leftParts('another-deployment');
    await (await start(theirs.workflowId)).terminate();
    const nobodys = await leftParts();
    await (await start(nobodys.workflowId)).terminate();
    const mark = objectKeys.writer(nobodys.backupId);
    await deployment.store.delete(mark);
    await sweep();
    // A mark that is of another folder, or names what is no backup's workflow, tells nothing either.
    const other = await leftParts();
    const wrong = [
      '{"format": 1',
      JSON.stringify({ format: 1, ...nobodys, backupId: other.backupId, deploymentId: 'd' }),
      JSON.stringify({ format: 1, ...nobodys, workflowId: 'reconcile', deploymentId: 'd' }),
    ];
    for (const text of wrong) {
      await deployment.store.replace(mark, Buffer.from(text));
      await sweep();
    }
    expect(await objectsOf(theirs.backupId)).toHaveLength(3);
    expect(await objectsOf(nobodys.backupId)).toHaveLength(3);
  });
});

describe('parts of a backup with a row', () => {
  test('go when it failed, by its row where an earlier version left no mark and Temporal has forgotten', async () => {
    const failed = await failedBackup(deployment, service, 1);
    expect(await objectsOf(failed)).toHaveLength(1);
    await sweep(3_600_000);
    expect(await objectsOf(failed)).toEqual([]);
    expect(await deployment.catalog.findBackup(failed)).toMatchObject({ status: 'Failed' });
  });

  test('stay while it runs, whatever its workflow looks like', async () => {
    const { backupId, workflowId } = await leftParts();
    await (await start(workflowId)).terminate();
    await deployment.catalog.createOneTimeBackup({
      organization: service.organization,
      service,
      type: 'full',
      backupId,
      message: 'Ordered.',
      workflowId: () => workflowId,
    });
    await deployment.catalog.updateBackup(backupId, { status: 'Running' });
    await sweep();
    expect(await objectsOf(backupId)).toHaveLength(3);
    expect(said()).toContain('The backup is Running.');
  });

  test('stay when it succeeded, with its manifest or without', async () => {
    const good = await storedBackup(deployment, service, 1);
    const hurt = await storedBackup(deployment, service, 1);
    await deployment.store.delete(objectKeys.manifest(hurt));
    await sweep();
    expect(await objectsOf(good)).toHaveLength(4);
    expect(await objectsOf(hurt)).toHaveLength(3);
    expect(said()).toContain('what is gone is its manifest');
  });
});

test('a folder with anything else in it keeps that', async () => {
  const { backupId, workflowId } = await leftParts();
  await (await start(workflowId)).terminate();
  const note = `${objectKeys.backupFolder(backupId)}/note.txt`;
  await deployment.store.put(note, Buffer.from('mine'));
  await sweep();
  expect(await objectsOf(backupId)).toEqual([note]);
});

describe('parts in a further location', () => {
  const sweepCopies = (): Promise<void> =>
    sweepLeftCopies(deployment.plane, deployment.store, service.serviceId, Date.now(), never);

  test('stay while there is a backup to copy, or its copying goes on, and go when neither is', async () => {
    const good = await storedBackup(deployment, service, 1);
    const deploymentId = await deployment.catalog.deploymentId();
    await markWriter(deployment.store, {
      backupId: good,
      workflowId: workflowIds.backup(good, 1),
      deploymentId,
    });
    await deployment.store.delete(objectKeys.manifest(good));
    const { backupId } = await leftParts();
    const theirs = await leftParts('another-deployment');
    const copying = await client.workflow.start('copy', {
      taskQueue: controlTaskQueue,
      workflowId: workflowIds.copy(backupId),
    });
    await sweepCopies();
    expect(await objectsOf(backupId)).toHaveLength(3);
    expect(said()).toContain(`The workflow ${workflowIds.copy(backupId)} has not ended.`);
    await copying.terminate();
    await sweepCopies();
    expect(await objectsOf(backupId)).toEqual([]);
    expect(await objectsOf(good)).toHaveLength(4);
    expect(await objectsOf(theirs.backupId)).toHaveLength(3);
  });
});
