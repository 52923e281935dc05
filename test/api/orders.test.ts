/** What happens to an order between the catalog and Temporal. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import { type Orders, ordersThrough } from '../../api/orders.ts';
import { workflowIds } from '../../domain/ids.ts';
import { type BackupInput, defaultTimings } from '../../domain/operations.ts';
import { type Harness, openApi, serviceRecord } from './harness.ts';

let api: Harness;
const service = serviceRecord();
beforeAll(async () => {
  api = await openApi('there');
  await api.catalog.upsertService(service);
});
afterAll(async () => {
  await api.close();
});

describe('an order that Temporal does not take', () => {
  const written = async (): Promise<BackupInput> => {
    const backupId = `${randomBytes(16).toString('hex')}:${service.serviceId}:${service.serverName}`;
    const { schedule } = await api.catalog.createOneTimeBackup({
      organization: 'acme',
      service,
      type: 'full',
      backupId,
      message: 'Backup is scheduled.',
      workflowId: (id) => workflowIds.backup(backupId, id),
    });
    return {
      backupId,
      scheduleId: schedule.id,
      serviceId: service.serviceId,
      organization: 'acme',
      type: 'full',
      timings: defaultTimings,
    };
  };
  const orders = (address: string, namespace: string): [Orders, Connection] => {
    const connection = Connection.lazy({ address });
    const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
    const client = new Client({ connection, namespace });
    return [
      ordersThrough(client, {
        address,
        timings: defaultTimings,
        scheduleSpreadMs: 300_000,
        catalog: api.catalog,
        log,
      }),
      connection,
    ];
  };
  const state = async ({ backupId, scheduleId }: BackupInput): Promise<unknown[]> => {
    const record = await api.catalog.findBackup(backupId);
    const places = await api.catalog.listPlaces();
    const workflowId = workflowIds.backup(backupId, scheduleId);
    return [record?.status, places.some((place) => place.workflowId === workflowId)];
  };

  test('because it went away stands, with its place', async () => {
    const input = await written();
    const [away, connection] = orders('127.0.0.1:1', 'default');
    await away.backup(input);
    await connection.close();
    expect(await state(input)).toEqual(['Scheduled', true]);
  });

  test('because it refuses is Failed, and its place is free again', async () => {
    const input = await written();
    const [refused, connection] = orders(api.namespace.address, 'a-namespace-that-is-not-there');
    await expect(refused.backup(input)).rejects.toThrow();
    await connection.close();
    expect(await state(input)).toEqual(['Failed', false]);
  });
});
