/** Undoing a restore and cancelling one, as the API takes and refuses it. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import type { BackupRecord, RestorePatch, RestoreRecord } from '../../catalog/types.ts';
import { agentTaskQueue, workflowIds } from '../../domain/ids.ts';
import type { RestoreMode } from '../../domain/operations.ts';
import type { UndoInspection, WrittenSince } from '../../domain/undo.ts';
import { type Answer, type Harness, openApi, serviceRecord, succeededBackup, tokens } from './harness.ts';
import { openWorkers, type Workers } from './workers.ts';

let api: Harness;
let workers: Workers;
let backup: BackupRecord;
const service = serviceRecord();
const agentQueue = agentTaskQueue(service.agentId, 'control');
const keptUntil = '2126-02-03T10:00:00.000Z';

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

let nonces = 0;

async function restoreOf(patch: RestorePatch, mode: RestoreMode = 'side-by-side'): Promise<RestoreRecord> {
  const record = await api.catalog.createRestore({
    organization: 'acme',
    service,
    backup,
    mode,
    bucket: '',
    message: 'Restore is scheduled.',
    workflowId: (id) => workflowIds.restore(id, `nonce${(nonces += 1)}`),
  });
  await api.catalog.updateRestore(record.id, patch);
  await api.catalog.releasePlace(record.workflowId);
  return record;
}

const succeeded = async (mode?: RestoreMode): Promise<RestoreRecord> =>
  restoreOf({ status: 'Succeeded', message: 'Restore has succeeded!', keptUntil }, mode);

const undo = async (id: number, query = '', token = tokens.administrator): Promise<Answer> =>
  api.ask('POST', `/restores/${id}/undo${query}`, { token });

/** Asks while the agent answers so. */
async function whileAgentSays(
  inspectUndo: () => Promise<UndoInspection>,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  const activities = { ping: async () => ({ agentId: service.agentId }), inspectUndo };
  return await workers.during('tidemark', undefined, async () => workers.during(agentQueue, activities, ask));
}

const found = (since: WrittenSince) => async (): Promise<UndoInspection> => ({
  since,
  keptUntil,
  serving: true,
});

describe('POST /restores/{id}/undo', () => {
  test('asks the host, answers with the restore and starts the workflow', async () => {
    const { id, workflowId } = await succeeded();
    const answer = await whileAgentSays(found({ written: 'no' }), async () => undo(id));
    expect([answer.status, answer.messages]).toEqual([200, '']);
    expect(answer.body).toMatchObject({
      id,
      status: 'Succeeded',
      previous_kept_until: '2126-02-03T10:00:00Z',
      undo: { status: 'Scheduled', message: 'The undo is scheduled.', force: false },
    });
    const { workflow_id: undoId } = answer.body['undo'] as { workflow_id: string };
    expect(undoId).toMatch(new RegExp(`^undo/${id}/[0-9a-f]{8}$`));
    const handle = api.client.workflow.getHandle(undoId);
    expect((await handle.describe()).type).toBe('undo');
    const history = await handle.fetchHistory();
    const payload = history.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
    expect(JSON.parse(Buffer.from(payload ?? []).toString())).toMatchObject({
      restoreId: id,
      workflowId: undoId,
      restoreWorkflowId: workflowId,
      force: false,
    });
    const busy = await whileAgentSays(found({ written: 'no' }), async () => undo(id));
    expect([busy.status, busy.errors]).toEqual([409, ['service_busy']]);
    expect(busy.messages).toContain(`undo of restore ${id}`);
    const kept = await api.ask('DELETE', `/restores/${id}`);
    expect([kept.errors, kept.messages]).toEqual([
      ['restore_running'],
      expect.stringContaining('being undone'),
    ]);
    await api.catalog.updateUndo(id, undoId, { status: 'Succeeded', message: 'It was undone.' });
    await api.catalog.releasePlace(undoId);
    const again = await undo(id);
    expect([again.status, again.errors]).toEqual([409, ['undo_refused']]);
    expect((await api.ask('GET', `/restores/${id}`)).body).not.toHaveProperty('previous_kept_until');
  });

  test.each([
    [{ written: 'yes', gtid: '0-1-42', at: '2026-03-26T17:18:57.000Z' }, 'transaction 0-1-42'],
    [{ written: 'unknown', reason: 'The server keeps no binlog.' }, 'The server keeps no binlog.'],
  ] as const)('where the host has found %j, only with force', async (since, words) => {
    const { id } = await succeeded();
    const refused = await whileAgentSays(found(since), async () => undo(id));
    expect([refused.status, refused.errors]).toEqual([409, ['written_since']]);
    expect(refused.messages).toContain(words);
    expect(refused.messages).toContain('force=true');
    expect((await api.ask('GET', `/restores/${id}`)).body).not.toHaveProperty('undo');
    const forced = await whileAgentSays(found(since), async () => undo(id, '?force=true'));
    expect([forced.status, forced.body['undo']]).toMatchObject([200, { force: true }]);
    const { workflow_id: undoId } = forced.body['undo'] as { workflow_id: string };
    await api.catalog.releasePlace(undoId);
  });

  test('what the host refuses is refused in its words', async () => {
    const { id } = await succeeded();
    const words = `Restore ${id} cannot be undone: restore 99 has replaced its data since.`;
    const refused = await whileAgentSays(
      async () => Promise.reject(ApplicationFailure.nonRetryable(words, 'undo_refused')),
      async () => undo(id, '?force=true'),
    );
    expect([refused.status, refused.errors, refused.messages]).toEqual([409, ['undo_refused'], words]);
  });

  test('an agent of an earlier version is named', async () => {
    const { id } = await succeeded();
    const refused = await workers.during('tidemark', undefined, async () =>
      workers.during(agentQueue, { ping: async () => ({ agentId: service.agentId }) }, async () => undo(id)),
    );
    expect(refused.errors).toEqual(['agent_outdated']);
  });

  test('one in place, one that did not succeed and one whose data is gone are refused without the host', async () => {
    const inPlace = await succeeded('in-place');
    expect((await undo(inPlace.id)).messages).toContain('keeps nothing of what it replaces');
    const failed = await restoreOf({ status: 'Failed', message: 'No.' });
    expect((await undo(failed.id)).errors).toEqual(['undo_refused']);
    const running = await restoreOf({ status: 'Running', message: 'server is not-ready' });
    expect((await undo(running.id)).messages).toContain(`POST /restores/${running.id}/cancel`);
    await api.catalog.updateRestore(running.id, { status: 'Failed' });
    const gone = await succeeded();
    await api.catalog.notePreviousGone(service.serviceId, [gone.workflowId]);
    expect((await undo(gone.id)).errors).toEqual(['previous_gone']);
    expect((await api.ask('GET', `/restores/${gone.id}`)).body).not.toHaveProperty('previous_kept_until');
  });

  test('without an agent nothing is started, and others may not', async () => {
    const { id } = await succeeded();
    expect((await undo(id)).errors).toEqual(['agent_unavailable']);
    expect((await undo(id, '', tokens.operator)).status).toBe(403);
    expect((await undo(id, '', tokens.stranger)).status).toBe(404);
    expect((await undo(id, '?force=maybe')).errors).toEqual(['invalid_request']);
    expect((await undo(987_654)).errors).toEqual(['restore_not_found']);
  });
});

describe('POST /restores/{id}/cancel', () => {
  const cancel = async (id: number): Promise<Answer> => api.ask('POST', `/restores/${id}/cancel`);

  test('one that runs is asked to stop', async () => {
    const { id, workflowId } = await restoreOf({ status: 'Running', message: 'server is not-ready' });
    await api.client.workflow.start('restore', { taskQueue: 'tidemark', workflowId });
    const answer = await cancel(id);
    expect([answer.status, answer.body['status']]).toEqual([200, 'Running']);
    const history = await api.client.workflow.getHandle(workflowId).fetchHistory();
    expect(history.events?.some((event) => event.workflowExecutionCancelRequestedEventAttributes)).toBe(true);
    await api.client.workflow.getHandle(workflowId).terminate();
    // Ended from outside: the reconciler has the last word about its row.
    expect([(await cancel(id)).status, (await api.catalog.findRestore(id))?.status]).toEqual([
      200,
      'Running',
    ]);
    await api.catalog.updateRestore(id, { status: 'Failed' });
  });

  test('one that never began is Cancelled at once, and gives its place up', async () => {
    const { id, workflowId } = await restoreOf({ message: 'Restore is scheduled.' });
    expect((await cancel(id)).body).toMatchObject({ status: 'Cancelled' });
    expect((await api.catalog.listPlaces()).some((place) => place.workflowId === workflowId)).toBe(false);
  });

  test.each(['Succeeded', 'Failed', 'Cancelled'] as const)('one that is %s is refused', async (status) => {
    const { id } = await restoreOf({ status, message: 'over' });
    const answer = await cancel(id);
    expect([answer.status, answer.errors]).toEqual([409, ['restore_ended']]);
    expect(answer.messages.includes(`POST /restores/${id}/undo`)).toBe(status === 'Succeeded');
  });
});
