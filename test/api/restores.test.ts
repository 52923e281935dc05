import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { BackupRecord } from '../../catalog/types.ts';
import { agentTaskQueue } from '../../domain/ids.ts';
import { type Answer, type Harness, openApi, serviceRecord, succeededBackup, tokens } from './harness.ts';
import { openWorkers, type Workers } from './workers.ts';

let api: Harness;
let workers: Workers;
let backup: BackupRecord;
const service = serviceRecord();
const idle = serviceRecord({ serviceId: 'idle', agentId: 'agent-that-is-away' });

beforeAll(async () => {
  api = await openApi('there');
  workers = await openWorkers(api.namespace);
  await api.catalog.upsertService(service);
  await api.catalog.upsertService(idle);
  backup = await succeededBackup(api.catalog, service, 'a');
});
afterAll(async () => {
  await workers.close();
  await api.close();
});

const agentQueue = agentTaskQueue(service.agentId, 'control');
const answering = { ping: async () => ({ agentId: service.agentId }) };

const restore = async (body: object, token?: string): Promise<Answer> =>
  api.ask('POST', '/restores', { body, ...(token === undefined ? {} : { token }) });

async function finish(id: unknown): Promise<void> {
  await api.catalog.updateRestore(Number(id), { status: 'Succeeded', message: 'Restore has succeeded!' });
  const record = await api.catalog.findRestore(Number(id));
  await api.catalog.releasePlace(record?.workflowId ?? '');
}

describe('POST /restores', () => {
  test('with an Idempotency-Key is answered again without asking the agent, and starts nothing', async () => {
    const headers = { 'Idempotency-Key': 'the-one-restore' };
    const body = { id: backup.id, service_id: service.serviceId };
    const away = await api.ask('POST', '/restores', { body, headers });
    expect(away.errors).toEqual(['agent_unavailable']);
    const first = await workers.during('tidemark', undefined, async () =>
      workers.during(agentQueue, answering, async () => api.ask('POST', '/restores', { body, headers })),
    );
    expect([first.status, first.messages]).toEqual([200, '']);
    const again = await api.ask('POST', '/restores', {
      body: { ...body, key: backup.id, id: undefined },
      headers,
    });
    expect([again.status, again.errors]).toEqual([409, ['idempotency_key_reused']]);
    const same = await api.ask('POST', '/restores', { body, headers });
    expect([same.text, same.headers.get('idempotent-replayed')]).toEqual([first.text, 'true']);
    await finish(first.body['id']);
  });

  test('asks the agent, then answers with the restore and starts its workflow', async () => {
    const answer = await workers.during('tidemark', undefined, async () =>
      workers.during(agentQueue, answering, async () =>
        restore({ id: backup.id, service_id: service.serviceId, mode: 'in-place' }),
      ),
    );
    expect(answer.messages).toBe('');
    expect(answer.body).toMatchObject({
      id: expect.any(Number),
      service_id: service.serviceId,
      backup_id: backup.id,
      key: backup.id,
      type: 'physical',
      mode: 'in-place',
      status: 'Scheduled',
      message: 'Restore is scheduled.',
      workflow_id: expect.stringMatching(new RegExp(`^restore/${String(answer.body['id'])}/[0-9a-f]{8}$`)),
    });
    const { type } = await api.client.workflow.getHandle(String(answer.body['workflow_id'])).describe();
    expect(type).toBe('restore');

    const busy = await workers.during('tidemark', undefined, async () =>
      workers.during(agentQueue, answering, async () =>
        restore({ key: backup.id, service_id: service.serviceId }),
      ),
    );
    expect([busy.status, busy.errors]).toEqual([409, ['service_busy']]);
    expect(busy.messages).toContain(`restore ${String(answer.body['id'])}`);
    await finish(answer.body['id']);
  });

  test('of part of a backup is ordered with what it names, and says so', async () => {
    const part = { include: ['shop', 'shop.orders'], as: 'shop2' };
    const { body } = await workers.during('tidemark', undefined, async () =>
      workers.during(agentQueue, answering, async () =>
        restore({ id: backup.id, service_id: service.serviceId, ...part }),
      ),
    );
    expect(body).toMatchObject({ status: 'Scheduled', ...part });
    const history = await api.client.workflow.getHandle(String(body['workflow_id'])).fetchHistory();
    const payload = history.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
    expect(JSON.parse(Buffer.from(payload ?? []).toString())).toMatchObject({ part });
    await finish(body['id']);
  });

  test("of a backup in a customer's bucket says so to its workflow, also when nothing is known of the bucket any more", async () => {
    const findBackup = api.catalog.findBackup.bind(api.catalog);
    api.catalog.findBackup = async (...asked) => {
      const found = await findBackup(...asked);
      return found && { ...found, method: 'external' };
    };
    const { body } = await workers
      .during('tidemark', undefined, async () =>
        workers.during(agentQueue, answering, async () =>
          restore({ id: backup.id, service_id: service.serviceId }),
        ),
      )
      .finally(() => (api.catalog.findBackup = findBackup));
    expect(body).toMatchObject({ status: 'Scheduled' });
    const history = await api.client.workflow.getHandle(String(body['workflow_id'])).fetchHistory();
    const payload = history.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
    expect(JSON.parse(Buffer.from(payload ?? []).toString())).toMatchObject({ external: true });
    await finish(body['id']);
  });

  test('answers at once when nobody polls for the agent, and starts nothing', async () => {
    const answer = await restore({ id: backup.id, service_id: 'idle' });
    expect([answer.status, answer.errors]).toEqual([409, ['agent_unavailable']]);
    expect(answer.messages).toContain('it asks for no work');
    expect((await api.ask('GET', '/restores?service_id=idle')).body['restores_count']).toBe(0);
  });

  test('tells an agent that polls but does not answer', async () => {
    const failing = { ping: async () => Promise.reject(new Error('out of order')) };
    const answer = await workers.during('tidemark', undefined, async () =>
      workers.during(agentQueue, failing, async () =>
        restore({ id: backup.id, service_id: service.serviceId }),
      ),
    );
    expect([answer.status, answer.errors]).toEqual([409, ['agent_unavailable']]);
    expect(answer.messages).toContain('did not answer within 5 s');
  });

  test.each([
    [{}, ['"service_id"', '"id"']],
    [{ id: 'x', key: 'y', service_id: 's' }, ['"key"']],
    [{ id: '', service_id: 's' }, ['"id"']],
    [{ id: { a: 1 }, service_id: 7, mode: 'fast' }, ['"id"', '"service_id"', '"mode"']],
    [
      { point_in_time: '2024-13-41 00:00:00', gtid: 'x', latest: false, include: [] },
      ['"point_in_time"', '"gtid"', '"latest"', '"include"'],
    ],
    [{ point_in_time: '2026-02-30 10:00:00' }, ['"point_in_time"']],
    [{ include: ['mysql.user', 'shop'], as: 'both', mode: 'in-place' }, ['"include"', '"as"', '"mode"']],
    [{ as: 'shop2' }, ['"as"']],
    [{ point_in_time: '2025-02-29T10:00:00Z' }, ['"point_in_time"']],
    [
      { external_source: { bucket: 'a b', method: 'cp', encryption_key: 5 } },
      ['"external_source.bucket"', '"external_source.method"'],
    ],
  ])('refuses %j and names every field', async (body, fields) => {
    const answer = await restore(body);
    expect(answer.status).toBe(400);
    expect(new Set(answer.errors)).toEqual(new Set(['invalid_request']));
    for (const field of fields) expect(answer.messages).toContain(field);
  });

  test("a schedule's number is answered with the backup that it made", async () => {
    for (const id of [backup.scheduleId, String(backup.scheduleId)]) {
      const answer = await restore({ id, service_id: service.serviceId });
      expect([answer.status, answer.errors]).toEqual([404, ['backup_not_found']]);
      expect(answer.messages).toContain(`made the backup "${backup.id}"`);
    }
    const stranger = await restore({ id: backup.scheduleId, service_id: 'x' }, tokens.stranger);
    expect(stranger.messages).not.toContain(backup.id);
  });

  test('a body for schedules is shown the way', async () => {
    const answer = await restore({ backup_type: 'full', schedule: 'once', service_id: service.serviceId });
    expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
    expect(answer.messages).toContain('POST /backups/schedules');
  });

  test.each([
    ['f'.repeat(32) + ':dbtgf28044362:mdb-ms-0', 'There is no backup'],
    ['dbtgf28044362', 'is a service'],
    ['\u0000', 'There is no backup'],
  ])('answers 404 for %j as the backup', async (id, hint) => {
    const answer = await restore({ id, service_id: service.serviceId });
    expect([answer.status, answer.errors]).toEqual([404, ['backup_not_found']]);
    expect(answer.messages).toContain(hint);
  });

  test("answers 404 for an unknown target, and for another organization's backup", async () => {
    expect((await restore({ id: backup.id, service_id: 'unknown' })).errors).toEqual(['service_not_found']);
    await api.catalog.upsertService(
      serviceRecord({ serviceId: 'theirs', organization: 'other', agentId: 'agent-9' }),
    );
    const answer = await restore({ id: backup.id, service_id: 'theirs' }, tokens.stranger);
    expect([answer.status, answer.errors]).toEqual([404, ['backup_not_found']]);
  });

  test('a backup that has not succeeded cannot be restored', async () => {
    const { body } = await api.ask('POST', '/backups/schedules', {
      body: { backup_type: 'full', schedule: 'once', service_id: 'idle' },
    });
    const answer = await restore({ id: body['backup_id'], service_id: 'idle' });
    expect([answer.status, answer.errors]).toEqual([409, ['backup_not_restorable']]);
    expect(answer.messages).toContain('Scheduled');
  });

  test('needs an administrator', async () => {
    for (const token of [tokens.viewer, tokens.operator]) {
      const answer = await restore({ id: backup.id, service_id: service.serviceId }, token);
      expect([answer.status, answer.errors]).toEqual([403, ['forbidden']]);
    }
  });
});
