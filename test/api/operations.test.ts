/** What the contract has beyond orders and lists: lookups, removal, and what is described before it is there. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { BackupRecord, RestoreRecord } from '../../catalog/types.ts';
import { workflowIds } from '../../domain/ids.ts';
import { startRestore } from '../../temporal/start.ts';
import { defaultTimings } from '../../domain/operations.ts';
import { type Harness, openApi, serviceRecord, succeededBackup, tokens } from './harness.ts';

let api: Harness;
let backup: BackupRecord;
const service = serviceRecord();

beforeAll(async () => {
  api = await openApi('there');
  await api.catalog.upsertService(service);
  backup = await succeededBackup(api.catalog, service, 'a');
});
afterAll(async () => {
  await api.close();
});

let nonces = 0;

/** A restore in the catalog. */
async function restoreOf(status: RestoreRecord['status'], target = service): Promise<RestoreRecord> {
  const record = await api.catalog.createRestore({
    organization: 'acme',
    service: target,
    backup,
    mode: 'side-by-side',
    bucket: '',
    message: 'Restore is scheduled.',
    workflowId: (id) => workflowIds.restore(id, `nonce${(nonces += 1)}`),
  });
  if (status === 'Scheduled') return record;
  await api.catalog.updateRestore(record.id, { status, message: 'server is not-ready' });
  await api.catalog.releasePlace(record.workflowId);
  return record;
}

describe('DELETE /restores/{id}', () => {
  test.each(['Succeeded', 'Failed', 'Cancelled'] as const)(
    'a restore that is %s leaves the lists',
    async (status) => {
      const { id } = await restoreOf(status);
      const answer = await api.ask('DELETE', `/restores/${id}`);
      expect([answer.status, answer.text]).toEqual([200, '']);
      expect((await api.ask('GET', `/restores/${id}`)).status).toBe(404);
      expect((await api.ask('DELETE', `/restores/${id}`)).errors).toEqual(['restore_not_found']);
      expect((await api.ask('GET', '/restores')).body['restores_count']).toBe(0);
    },
  );

  test('one that runs stays, and is told how to cancel it', async () => {
    const { id } = await restoreOf('Running');
    const answer = await api.ask('DELETE', `/restores/${id}`);
    expect([answer.status, answer.errors]).toEqual([409, ['restore_running']]);
    expect(answer.messages).toContain(`cancel it, with POST /restores/${id}/cancel`);
    expect((await api.ask('GET', `/restores/${id}`)).status).toBe(200);
    await api.catalog.updateRestore(id, { status: 'Succeeded' });
    await api.ask('DELETE', `/restores/${id}`);
  });

  test('one that is Scheduled is removed and its workflow cancelled', async () => {
    const { id, workflowId, backupId, serviceId, organization, mode } = await restoreOf('Scheduled');
    await startRestore(api.client, {
      restoreId: id,
      workflowId,
      backupId,
      serviceId,
      organization,
      mode,
      timings: defaultTimings,
    });
    expect((await api.ask('DELETE', `/restores/${id}`)).status).toBe(200);
    const history = await api.client.workflow.getHandle(workflowId).fetchHistory();
    expect(history.events?.some((event) => event.workflowExecutionCancelRequestedEventAttributes)).toBe(true);
    // Its place is the workflow's to give up.
    await api.client.workflow.getHandle(workflowId).terminate();
    await api.catalog.releasePlace(workflowId);
  });

  test('one whose workflow never began gives its place up', async () => {
    const { id, workflowId } = await restoreOf('Scheduled');
    expect((await api.ask('DELETE', `/restores/${id}`)).status).toBe(200);
    expect((await api.catalog.listPlaces()).some((place) => place.workflowId === workflowId)).toBe(false);
  });

  test("another organization's is not there, and a viewer may not", async () => {
    const { id } = await restoreOf('Succeeded');
    expect((await api.ask('DELETE', `/restores/${id}`, { token: tokens.stranger })).status).toBe(404);
    expect((await api.ask('DELETE', `/restores/${id}`, { token: tokens.operator })).status).toBe(403);
    expect((await api.ask('DELETE', `/restores/${id}`)).status).toBe(200);
  });
});

describe('POST /restores/lookup', () => {
  const lookup = async (body: object, token?: string) =>
    api.ask('POST', '/restores/lookup', { body, ...(token === undefined ? {} : { token }) });

  beforeAll(async () => {
    const others = [
      serviceRecord({ serviceId: 'alike', agentId: 'agent-2' }),
      serviceRecord({ serviceId: 'newer', agentId: 'agent-3', serverVersion: '11.8.6-MariaDB' }),
      serviceRecord({
        serviceId: 'pages',
        agentId: 'agent-4',
        layout: { ...service.layout, innodbPageSize: 8192 },
      }),
      serviceRecord({
        serviceId: 'obstructed',
        agentId: 'agent-5',
        layout: { ...service.layout, obstacles: ['Two servers share the data directory.'] },
      }),
      serviceRecord({ serviceId: 'theirs', agentId: 'agent-6', organization: 'other' }),
    ];
    for (const other of others) await api.catalog.upsertService(other);
  });

  test.each([{}, { service_id: service.serviceId }])(
    'names the services of the organization that are alike, with %j',
    async (fields) => {
      const { status, body } = await lookup({ backup_id: backup.id, ...fields }, tokens.viewer);
      expect(status).toBe(200);
      const services = (body['services'] as { service_id: string }[]).map(({ service_id }) => service_id);
      expect(new Set(services)).toEqual(new Set([service.serviceId, 'alike']));
    },
  );

  test('knows nothing of other organizations, unknown backups and other sources', async () => {
    expect((await lookup({ backup_id: backup.id }, tokens.stranger)).errors).toEqual(['backup_not_found']);
    expect((await lookup({ backup_id: 'x' })).errors).toEqual(['backup_not_found']);
    expect((await lookup({ backup_id: backup.id, service_id: 'theirs' })).errors).toEqual([
      'service_not_found',
    ]);
    const other = await lookup({ backup_id: backup.id, service_id: 'alike' });
    expect([other.status, other.messages]).toEqual([400, expect.stringContaining(service.serviceId)]);
  });

  test('a backup that did not succeed can be restored to none', async () => {
    const { body } = await api.ask('POST', '/backups/schedules', {
      body: { backup_type: 'full', schedule: 'once', service_id: 'alike' },
    });
    expect((await lookup({ backup_id: body['backup_id'] })).body).toEqual({ services: [] });
  });
});

describe('an operation', () => {
  test('without a body takes none with fields', async () => {
    const { id } = await restoreOf('Succeeded');
    const answer = await api.ask('POST', `/restores/${id}/cancel`, { body: { force: true } });
    expect([answer.errors, answer.messages]).toEqual([
      ['invalid_request'],
      expect.stringContaining('"force" is unknown'),
    ]);
    expect((await api.ask('POST', `/restores/${id}/cancel`, { body: {} })).errors).toEqual(['restore_ended']);
  });

  test.each([
    [{ point_in_time: '2024-03-26 17:18:21', latest: true }, '"latest"'],
    [{ gtid: '0-1-2', before_gtid: '0-1-3' }, '"before_gtid"'],
    [{ as: 'other' }, '"as"'],
    [{ timeline: 'abc' }, '"timeline"'],
    [{ encryption_key: 'k' }, '"encryption_key"'],
    [{ include: ['a.b.c'] }, '"include[0]"'],
    [
      {
        encryption_key: 'sesame1',
        external_source: { bucket: 'b', method: 'mysqldump', encryption_key: 'sesame2' },
      },
      '"encryption_key"',
    ],
  ])('a restore with %j is wrong, whatever is available', async (fields, named) => {
    const answer = await api.ask('POST', '/restores', {
      body: { id: backup.id, service_id: service.serviceId, ...fields },
    });
    expect([answer.status, new Set(answer.errors)]).toEqual([400, new Set(['invalid_request'])]);
    expect(answer.messages).toContain(named);
    expect(JSON.stringify([answer.body, api.log])).not.toMatch(/sesame/);
  });

  test('a bucket that is not our own needs credentials', async () => {
    const answer = await api.ask('POST', '/restores', {
      body: {
        id: '/backup.tar.gz',
        service_id: service.serviceId,
        external_source: { bucket: 's3://mine', method: 'mariabackup' },
      },
    });
    expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
    expect(answer.messages).toContain('"external_source.credentials" is missing');
  });

  test('a service id with a point in time is a source', async () => {
    const ask = async (id: string) =>
      api.ask('POST', '/restores', {
        body: { id, service_id: service.serviceId, point_in_time: '2001-01-01 00:00:00' },
      });
    expect((await ask('alike')).errors).toEqual(['outside_window']);
    expect((await ask('theirs')).errors).toEqual(['backup_not_found']);
  });
});

describe('lists of restores', () => {
  test('are filtered by service, type and status together, and walked undisturbed', async () => {
    const target = serviceRecord({ serviceId: 'walked', agentId: 'agent-7' });
    await api.catalog.upsertService(target);
    const made: number[] = [];
    for (let count = 0; count < 5; count += 1) made.push((await restoreOf('Failed', target)).id);
    const { body: first } = await api.ask('GET', '/restores?service_id=walked&order=asc&page_size=1');
    expect(first).toMatchObject({ restores: [{ id: made[0] }], restores_count: 5, pages_count: 5 });
    const list = async (query: string): Promise<unknown> =>
      (await api.ask('GET', `/restores?service_id=walked&${query}`)).body['restores_count'];
    expect(await list('status=Failed&type=physical')).toBe(5);
    expect(await list('status=Succeeded')).toBe(0);
    expect(await list('type=logical')).toBe(0);
    const before = new Date(Date.now() + 1).toISOString();
    await new Promise((resolve) => setTimeout(resolve, 5));
    await restoreOf('Failed', target);
    expect(await list(`created_before=${before}`)).toBe(5);
    const walked: number[] = [];
    for (const page of [1, 2, 3]) {
      const { body } = await api.ask(
        'GET',
        `/restores?service_id=walked&page_size=2&page=${page}&created_before=${before}`,
        { token: tokens.viewer },
      );
      walked.push(...(body['restores'] as { id: number }[]).map(({ id }) => id));
    }
    expect(walked).toEqual(made.toReversed());
  });

  test.each(['status=Done', 'type=full', 'page=1&page=2', 'service_id='])('refuse ?%s', async (query) => {
    expect((await api.ask('GET', `/restores?${query}`)).errors).toEqual(['invalid_request']);
  });
});
