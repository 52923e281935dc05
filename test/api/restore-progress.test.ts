import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Context } from '@temporalio/activity';
import type { BackupRecord, RestoreRecord } from '../../catalog/types.ts';
import { workflowIds } from '../../domain/ids.ts';
import { type Progress, startOf } from '../../domain/progress.ts';
import { type Harness, openApi, serviceRecord, succeededBackup, tokens } from './harness.ts';
import { openWorkers, type Workers } from './workers.ts';

let api: Harness;
let workers: Workers;
let backup: BackupRecord;
const service = serviceRecord();

beforeAll(async () => {
  api = await openApi('there');
  workers = await openWorkers(api.namespace);
  await api.catalog.upsertService(service);
  backup = await succeededBackup(api.catalog, service, 'a');
});
afterAll(async () => {
  await workers.close();
  await api.close();
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
      workflowId: (id) => workflowIds.restore(id, 'abcd'),
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
    const reports: (Progress & { waiting?: string })[] = [];
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
      const end = Date.now() + 120_000;
      let seen: unknown[] = [];
      while (JSON.stringify(seen) !== JSON.stringify(wanted) && Date.now() < end) seen = await progress();
      expect(seen).toEqual(wanted);
    };
    const handle = await api.client.workflow.start('restore', {
      taskQueue: 'tidemark',
      workflowId: record.workflowId,
      args: [{}],
    });
    await workers.during('tidemark', undefined, async () => {
      await until(['planning', 0, 0]);
      const { body } = await api.ask('GET', `/restores/${id}`);
      expect(body['message']).toBe('Plans the restore.');
      reports.push(at('fetching', 40));
      await workers.during('work', { work }, async () => {
        await until(['fetching', 40, 400]);
        reports.push(at('fetching', 15));
        await sleep(500);
        expect(await progress()).toEqual(['fetching', 40, 400]);
        reports.push({
          ...at('fetching', 41),
          waiting: 'Waiting for s3://bucket since 10:00:00Z: It is away.',
        });
        await until(['fetching', 41, 410]);
        const waiting = await api.ask('GET', `/restores/${id}`);
        expect(waiting.body['message']).toBe(
          'Waits for the agent. Waiting for s3://bucket since 10:00:00Z: It is away.',
        );
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
