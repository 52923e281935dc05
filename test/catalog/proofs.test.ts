import { expect, test } from '@jest/globals';
import { startOf } from '../../domain/progress.ts';
import type { ProofReport } from '../../domain/proofs/types.ts';
import type { ProofRecord } from '../../catalog/proof-types.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import { describeOnBoth } from './databases.ts';
import { finishedBackup, registered } from './records.ts';

const pointInTime = '2026-01-31T02:00:00.123456Z';
const report: ProofReport = {
  reached: { gtid: '0-1-7', binlog_position: 4711 },
  seconds: { fetching: 1.25, preparing: 2, replaying: 0, checking: 3, total: 6.5 },
  tables: 3,
  rows: 5_000_000_000,
  digest: 'ab'.repeat(32),
  warnings: [],
};
const prover = { agentId: 'agent-2', serviceId: 'other', hostname: 'host-2', ownHost: false };

describeOnBoth('proofs', (database) => {
  const begin = async (service: ServiceRecord, workflowId: string): Promise<ProofRecord> =>
    await database.catalog.beginProof({ service, workflowId, message: 'Ordered.' });

  test('are kept, one at a time of a service, and what has ended is never changed', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const { serviceId } = service;
    const backup = await finishedBackup(catalog, service);
    const first = await begin(service, `${serviceId}/1`);
    expect(first).toEqual({
      id: expect.any(Number) as unknown,
      organization: service.organization,
      serviceId,
      workflowId: `${serviceId}/1`,
      status: 'Scheduled',
      message: 'Ordered.',
      createdAt: expect.any(String) as unknown,
    });
    expect(await begin(service, `${serviceId}/2`)).toEqual(first);
    await catalog.aimProof(`${serviceId}/1`, { serviceId, backupId: backup.id, pointInTime });
    const progress = startOf('checking');
    expect(await catalog.updateProof(`${serviceId}/1`, { status: 'Running', progress })).toBe(true);
    expect((await catalog.unfinished()).proofs).toContainEqual({
      ...first,
      status: 'Running',
      backupId: backup.id,
      pointInTime,
      progress,
    });
    const finishedAt = '2026-01-31T03:00:00.000Z';
    const end = { status: 'Succeeded', message: 'Proven.', finishedAt, report, prover } as const;
    expect(await catalog.updateProof(`${serviceId}/1`, end)).toBe(true);
    expect(await catalog.updateProof(`${serviceId}/1`, { status: 'Failed' })).toBe(false);
    expect(await catalog.findProof(`${serviceId}/1`)).toEqual({
      ...first,
      ...end,
      backupId: backup.id,
      pointInTime,
      progress,
    });
    // A run that is tried again is answered with its own, and another one is begun.
    expect((await begin(service, `${serviceId}/1`)).id).toBe(first.id);
    const second = await begin(service, `${serviceId}/2`);
    expect(second.id).toBeGreaterThan(first.id);
    const list = await catalog.listProofs(serviceId, { page: 1, pageSize: 1, order: 'desc' });
    expect([list.count, list.items.map(({ id }) => id)]).toEqual([2, [second.id]]);
  });

  test('of the last of each service and the last that succeeded tells one look', async () => {
    const { catalog } = database;
    const [proven, failed, never] = [
      await registered(catalog),
      await registered(catalog),
      await registered(catalog),
    ];
    const run = async (
      service: ServiceRecord,
      number: number,
      status: 'Succeeded' | 'Failed' | 'Cancelled',
    ) => {
      const { id, workflowId } = await begin(service, `${service.serviceId}/${number}`);
      const code = status === 'Failed' ? ({ code: 'proof_failed' } as const) : {};
      await catalog.updateProof(workflowId, { status, message: status, ...code });
      return id;
    };
    const good = await run(proven, 1, 'Succeeded');
    const bad = await run(proven, 2, 'Failed');
    await run(proven, 3, 'Cancelled');
    await begin(proven, `${proven.serviceId}/4`);
    const alone = await run(failed, 1, 'Failed');
    const ids = [proven, failed, never].map(({ serviceId }) => serviceId);
    const latest = await catalog.findLatestProofs(ids);
    expect(latest.get(proven.serviceId)).toMatchObject({
      last: { id: bad, status: 'Failed', code: 'proof_failed' },
      succeeded: { id: good },
    });
    expect(latest.get(failed.serviceId)).toMatchObject({ last: { id: alone } });
    expect(latest.get(failed.serviceId)).not.toHaveProperty('succeeded');
    expect(latest.has(never.serviceId)).toBe(false);
    expect(await catalog.findLatestProofs([])).toEqual(new Map());
    const listed = await catalog.provenServices('', 10_000);
    expect(ids.map((id) => listed.includes(id))).toEqual([true, true, false]);
  });

  test('keep what they restore from being removed, and cannot aim at what was removed', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const { serviceId } = service;
    const backup = await finishedBackup(catalog, service);
    const { workflowId, id } = await begin(service, `${serviceId}/1`);
    const target = { serviceId, backupId: backup.id, pointInTime };
    await catalog.aimProof(workflowId, target);
    const { pins } = await catalog.retentionFacts(serviceId);
    expect(pins.get(backup.id)).toBe(`Proof ${id}, which is Scheduled, needs it.`);
    await catalog.updateProof(workflowId, { status: 'Succeeded' });
    const facts = await catalog.retentionFacts(serviceId);
    expect(facts.pins.has(backup.id)).toBe(false);
    const next = await begin(service, `${serviceId}/2`);
    await expect(
      catalog.aimProof(next.workflowId, { ...target, backupId: `${'0'.repeat(32)}:${serviceId}:x` }),
    ).rejects.toMatchObject({ code: 'backup_not_found' });
  });

  test('of the same instant of the same backup are found, to be compared', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const { serviceId } = service;
    const backup = await finishedBackup(catalog, service);
    const prove = async (number: number, time: string): Promise<ProofRecord> => {
      const { workflowId } = await begin(service, `${serviceId}/${number}`);
      await catalog.aimProof(workflowId, { serviceId, backupId: backup.id, pointInTime: time });
      const aimed = await catalog.findProof(workflowId);
      await catalog.updateProof(workflowId, {
        status: 'Succeeded',
        report: { ...report, digest: `d${number}` },
      });
      return aimed!;
    };
    const first = await prove(1, pointInTime);
    expect(await catalog.findEarlierProof(first)).toBeUndefined();
    expect(await catalog.findEarlierProof(await prove(2, '2026-01-31T02:00:00.123457Z'))).toBeUndefined();
    expect(await catalog.findEarlierProof(await prove(3, pointInTime))).toEqual({
      id: first.id,
      digest: 'd1',
    });
  });

  test('are due when it is said, until it is taken back; and agents that offer themselves are found', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const { serviceId, organization } = service;
    await catalog.setDrill(serviceId, { schedule: '0 5 * * 0', offsetSeconds: 7 });
    await catalog.setDrill(serviceId, { schedule: '0 6 * * 0', offsetSeconds: 7 });
    const drill = { serviceId, schedule: '0 6 * * 0', offsetSeconds: 7 };
    expect((await catalog.findDrills([serviceId])).get(serviceId)).toEqual(drill);
    expect(await catalog.listDrills()).toContainEqual(drill);
    expect(await catalog.provenServices('', 10_000)).toContain(serviceId);
    await catalog.setDrill(serviceId, undefined);
    expect(await catalog.findDrills([serviceId])).toEqual(new Map());
    expect(await catalog.listProvers(organization)).toEqual([]);
    const offering = await registered(catalog, { organization, prover: { ownHost: true } });
    await registered(catalog, { prover: { ownHost: true } });
    await registered(catalog, { organization, prover: { ownHost: false }, agentId: '' });
    expect(await catalog.listProvers(organization)).toEqual([
      {
        agentId: offering.agentId,
        serviceId: offering.serviceId,
        hostname: offering.hostname,
        offer: { ownHost: true },
        lastSeenAt: offering.lastSeenAt,
      },
    ]);
    expect(await catalog.findService(offering.serviceId)).toEqual(offering);
  });
});
