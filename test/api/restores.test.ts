import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Context } from '@temporalio/activity';
import {
  bundleWorkflowCode,
  DefaultLogger,
  NativeConnection,
  Runtime,
  Worker,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';
import type { BackupRecord, RestoreRecord } from '../../catalog/types.ts';
import { agentTaskQueue, workflowIds } from '../../domain/ids.ts';
import { type Progress, startOf } from '../../domain/progress.ts';
import { type Answer, type Harness, openApi, serviceRecord, succeededBackup, tokens } from './harness.ts';

let api: Harness;
let connection: NativeConnection;
let bundle: WorkflowBundleWithSourceMap;
let backup: BackupRecord;
const service = serviceRecord();
const idle = serviceRecord({ serviceId: 'idle', agentId: 'agent-that-is-away' });

beforeAll(async () => {
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  api = await openApi('there');
  connection = await NativeConnection.connect({ address: api.namespace.address });
  bundle = await bundleWorkflowCode({
    logger: new DefaultLogger('ERROR'),
    workflowsPath: fileURLToPath(new URL('fixtures/workflows.ts', import.meta.url)),
  });
  await api.catalog.upsertService(service);
  await api.catalog.upsertService(idle);
  backup = await succeededBackup(api.catalog, service, 'a');
});
afterAll(async () => {
  await connection.close();
  await api.close();
});

/** Runs a worker while `action` runs. */
async function withWorker<T>(
  taskQueue: string,
  activities: Record<string, () => Promise<unknown>> | undefined,
  action: () => Promise<T>,
): Promise<T> {
  const worker = await Worker.create({
    connection,
    namespace: api.namespace.namespace,
    taskQueue,
    ...(activities === undefined ? { workflowBundle: bundle } : { activities }),
    maxHeartbeatThrottleInterval: 10,
  });
  return worker.runUntil(action);
}

const agentQueue = agentTaskQueue(service.agentId, 'control');
const answering = { ping: async () => ({ agentId: service.agentId }) };

const restore = async (body: object, token?: string): Promise<Answer> =>
  api.ask('POST', '/restores', { body, ...(token === undefined ? {} : { token }) });

async function finish(id: unknown): Promise<void> {
  await api.catalog.updateRestore(Number(id), { status: 'Succeeded', message: 'Restore has succeeded!' });
  await api.catalog.releasePlace(workflowIds.restore(Number(id)));
}

describe('POST /restores', () => {
  test('asks the agent, then answers with the restore and starts its workflow', async () => {
    const answer = await withWorker('tidemark', undefined, async () =>
      withWorker(agentQueue, answering, async () =>
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
      workflow_id: `restore/${String(answer.body['id'])}`,
    });
    const { type } = await api.client.workflow.getHandle(String(answer.body['workflow_id'])).describe();
    expect(type).toBe('restore');

    const busy = await withWorker('tidemark', undefined, async () =>
      withWorker(agentQueue, answering, async () =>
        restore({ key: backup.id, service_id: service.serviceId }),
      ),
    );
    expect([busy.status, busy.errors]).toEqual([409, ['service_busy']]);
    expect(busy.messages).toContain(`restore ${String(answer.body['id'])}`);
    await finish(answer.body['id']);
  });

  test('answers at once when nobody polls for the agent, and starts nothing', async () => {
    const answer = await restore({ id: backup.id, service_id: 'idle' });
    expect([answer.status, answer.errors]).toEqual([409, ['agent_unavailable']]);
    expect(answer.messages).toContain('it asks for no work');
    expect((await api.ask('GET', '/restores?service_id=idle')).body['restores_count']).toBe(0);
  });

  test('tells an agent that polls but does not answer', async () => {
    const failing = { ping: async () => Promise.reject(new Error('out of order')) };
    const answer = await withWorker('tidemark', undefined, async () =>
      withWorker(agentQueue, failing, async () => restore({ id: backup.id, service_id: service.serviceId })),
    );
    expect([answer.status, answer.errors]).toEqual([409, ['agent_unavailable']]);
    expect(answer.messages).toContain('did not answer within 5 s');
  });

  test.each([
    [{ point_in_time: '2024-03-26 17:18:21' }, '"point_in_time"'],
    [{ point_in_time: '2024-03-26T17:18:21.5+02:00' }, '"point_in_time"'],
    [{ gtid: '0-1-42' }, '"gtid"'],
    [{ before_gtid: '0-1-42', timeline: 't' }, '"before_gtid", "timeline"'],
    [{ latest: true }, '"latest"'],
    [{ include: ['shop', 'shop.orders'], as: 'shop2' }, '"include", "as"'],
    [{ external_source: { bucket: 'b/', method: 'mariabackup', credentials: 'aGk=' } }, '"external_source"'],
  ])('refuses %j as not available', async (fields, named) => {
    const answer = await restore({ id: backup.id, service_id: service.serviceId, ...fields });
    expect([answer.status, answer.errors]).toEqual([400, ['not_available']]);
    expect(answer.messages).toContain(named);
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

describe('GET /restores', () => {
  let record: RestoreRecord;
  let id: string;

  beforeAll(async () => {
    record = await api.catalog.createRestore({
      organization: 'acme',
      service,
      backup,
      mode: 'side-by-side',
      bucket: '',
      message: 'Restore is scheduled.',
      workflowId: workflowIds.restore,
    });
    id = String(record.id);
    await api.catalog.updateRestore(record.id, {
      status: 'Running',
      message: 'Waits for the agent.',
      progress: startOf('waiting'),
    });
  });

  const progress = async (): Promise<unknown[]> => {
    const { status, body } = await api.ask('GET', `/restores/${id}`, { token: tokens.viewer });
    expect(status).toBe(200);
    const seen = body['progress'] as Record<string, unknown>;
    return [seen['phase'], seen['percent'], seen['bytes_done']];
  };

  test('without its workflow, a restore is what the catalog says', async () => {
    expect(await progress()).toEqual(['waiting', 0, 0]);
  });

  test('progress comes from the workflow, then from heartbeats, and never goes back within a phase', async () => {
    const reports: Progress[] = [];
    let ended = false;
    const work = async (): Promise<void> => {
      while (!ended) {
        Context.current().heartbeat(reports.at(-1));
        await sleep(20);
      }
    };
    const at = (phase: Progress['phase'], percent: number): Progress => ({
      phase,
      percent,
      bytesDone: percent * 10,
      bytesTotal: 1_000,
      bytesPerSecond: 5,
      etaSeconds: 3,
    });
    const until = async (wanted: unknown[]): Promise<void> => {
      const end = Date.now() + 30_000;
      let seen: unknown[] = [];
      while (JSON.stringify(seen) !== JSON.stringify(wanted) && Date.now() < end) seen = await progress();
      expect(seen).toEqual(wanted);
    };
    const handle = await api.client.workflow.start('restore', {
      taskQueue: 'tidemark',
      workflowId: workflowIds.restore(record.id),
      args: [{}],
    });
    await withWorker('tidemark', undefined, async () => {
      await until(['planning', 0, 0]);
      const { body } = await api.ask('GET', `/restores/${id}`);
      expect(body['message']).toBe('Plans the restore.');
      reports.push(at('fetching', 40));
      await withWorker('work', { work }, async () => {
        await until(['fetching', 40, 400]);
        reports.push(at('fetching', 15));
        await sleep(500);
        expect(await progress()).toEqual(['fetching', 40, 400]);
        reports.push(at('preparing', 5));
        await until(['preparing', 5, 50]);
        ended = true;
        await handle.result();
      });
    });
    await api.catalog.updateRestore(record.id, { progress: at('fetching', 99) });
    expect(await progress()).toEqual(['preparing', 5, 50]);
  });

  test('a finished restore is what was recorded', async () => {
    await api.catalog.updateRestore(record.id, {
      status: 'Succeeded',
      message: 'Restore has succeeded!',
      finishedAt: '2024-03-26T17:20:00.500Z',
      pointInTime: '2024-03-26T17:18:20.001Z',
      reached: { gtid: '0-1-42', binlog_file: 'binlog.000007', binlog_position: 4711 },
      progress: { ...startOf('done'), percent: 100 },
    });
    const { body } = await api.ask('GET', `/restores/${id}`);
    expect(body).toMatchObject({
      status: 'Succeeded',
      message: 'Restore has succeeded!',
      finished_at: '2024-03-26T17:20:00Z',
      point_in_time: '2024-03-26 17:18:21',
      reached: { gtid: '0-1-42', binlog_file: 'binlog.000007', binlog_position: 4711 },
      progress: { phase: 'done', percent: 100 },
    });
    const { body: list } = await api.ask('GET', '/restores?status=Succeeded&page_size=1');
    expect(list['restores']).toEqual([body]);
  });

  test.each([
    ['type=logical', 0],
    ['service_id=unknown', 0],
    ['service_id=idle', 0],
  ])('GET /restores?%s gives %d', async (query, count) => {
    expect((await api.ask('GET', `/restores?${query}`)).body['restores_count']).toBe(count);
  });

  test.each(['type=full', 'status=succeeded', 'page=0', 'colour=red'])(
    'GET /restores?%s is refused',
    async (query) => {
      const answer = await api.ask('GET', `/restores?${query}`);
      expect([answer.status, answer.errors]).toEqual([400, ['invalid_request']]);
    },
  );

  test("hides another organization's, and what is not there", async () => {
    const token = tokens.stranger;
    expect((await api.ask('GET', `/restores/${id}`, { token })).errors).toEqual(['restore_not_found']);
    expect((await api.ask('GET', '/restores', { token })).body['restores_count']).toBe(0);
    expect((await api.ask('GET', '/restores/999999')).errors).toEqual(['restore_not_found']);
    expect((await api.ask('GET', '/restores/one')).errors).toEqual(['invalid_request']);
  });
});
