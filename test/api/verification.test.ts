/** Ordering a verification, and asking for its result. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { BackupRecord } from '../../catalog/types.ts';
import { type Harness, openApi, serviceRecord, succeededBackup, tokens } from './harness.ts';

const service = serviceRecord();
let api: Harness;
let backup: BackupRecord;
let path: string;
beforeAll(async () => {
  api = await openApi('there');
  await api.catalog.upsertService(service);
  backup = await succeededBackup(api.catalog, service, 'a');
  path = `/backups/${backup.id}/verify`;
});
afterAll(() => api.close());

test('a backup that was never verified has no result, and the answer says how to get one', async () => {
  const answer = await api.ask('GET', path);
  expect([answer.status, answer.errors]).toEqual([404, ['verification_not_found']]);
  expect(answer.messages).toContain(`POST /backups/${backup.id}/verify`);
});

test('of a backup that did not succeed there is nothing to verify', async () => {
  const order = { backup_type: 'full', schedule: 'once', service_id: service.serviceId };
  const { body } = await api.ask('POST', '/backups/schedules', { body: order });
  const answer = await api.ask('POST', `/backups/${String(body['backup_id'])}/verify`);
  expect([answer.status, answer.errors]).toEqual([409, ['backup_not_restorable']]);
});

test('an order starts its workflow, and another one meanwhile is the same', async () => {
  const key = { 'Idempotency-Key': 'once' };
  const { status, body } = await api.ask('POST', path, { headers: key });
  expect([status, body]).toEqual([
    200,
    {
      backup_id: backup.id,
      status: 'Scheduled',
      message: 'The verification is scheduled.',
      started_at: expect.any(String),
      objects_count: 0,
      bytes_read: 0,
      damaged_count: 0,
      damaged: [],
    },
  ]);
  expect((await api.ask('POST', path, { headers: key })).body).toEqual(body);
  expect((await api.ask('POST', path)).body).toEqual(body);
  const { workflowId = '' } = (await api.catalog.findVerification(backup.id)) ?? {};
  expect(workflowId).toMatch(new RegExp(`^verify/${service.serviceId}/a{32}/[0-9a-f]{8}$`));
  const handle = api.client.workflow.getHandle(workflowId);
  expect((await handle.describe()).type).toBe('verification');
  await handle.terminate();
});

test('the result names what is damaged', async () => {
  const { workflowId = '' } = (await api.catalog.findVerification(backup.id)) ?? {};
  const damaged = [
    { backupId: backup.id, object: 'part-000003', finding: 'expected 3 bytes, found 2 bytes' },
  ];
  await api.catalog.updateVerification(workflowId, {
    status: 'Failed',
    message: 'The object part-000003 is damaged.',
    finishedAt: '2026-01-31T02:00:00.500Z',
    examination: { objectsCount: 4, bytesRead: 11, damaged, damagedCount: 1 },
  });
  const { status, body } = await api.ask('GET', path, { token: tokens.viewer });
  expect([status, body]).toEqual([
    200,
    expect.objectContaining({
      status: 'Failed',
      message: 'The object part-000003 is damaged.',
      finished_at: '2026-01-31T02:00:00Z',
      objects_count: 4,
      bytes_read: 11,
      damaged_count: 1,
      damaged: [{ backup_id: backup.id, object: 'part-000003', finding: 'expected 3 bytes, found 2 bytes' }],
    }),
  ]);
});
