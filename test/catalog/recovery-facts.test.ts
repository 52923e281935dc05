import { expect, test } from '@jest/globals';
import { judge } from '../../domain/retention.ts';
import type { BackupPatch, BackupRecord, ServiceRecord } from '../../catalog/types.ts';
import { describeOnBoth } from './databases.ts';
import { newBackupId, registered } from './records.ts';

const damage = { backupId: 'b', object: 'o', finding: 'expected 1 bytes, found 2 bytes' };

describeOnBoth('what a recovery window is computed of', (database) => {
  async function taken(
    service: ServiceRecord,
    type: BackupRecord['type'],
    patch: BackupPatch,
  ): Promise<BackupRecord> {
    const { catalog } = database;
    const backupId = newBackupId(service);
    const workflowId = `backup/${backupId}`;
    const { backup } = await catalog.createOneTimeBackup({
      organization: service.organization,
      service,
      type,
      backupId,
      message: 'Ordered.',
      workflowId: () => workflowId,
    });
    const pointInTime = '2026-01-01T00:00:00Z';
    expect(await catalog.updateBackup(backupId, { status: 'Running' })).toBe(true);
    expect(await catalog.updateBackup(backupId, { status: 'Succeeded', pointInTime, ...patch })).toBe(true);
    await catalog.releasePlace(workflowId);
    return backup;
  }

  test('a process that has read the backups of a service sees what another changes', async () => {
    const { catalog } = database;
    const other = await database.open(database.location);
    const service = await registered(catalog);
    const seen = async (): Promise<[string, boolean][]> => {
      const { backups } = await other.recoveryFacts(service.serviceId);
      return backups.map(({ id, damaged }): [string, boolean] => [id, damaged]);
    };
    expect(await seen()).toEqual([]);
    const first = await taken(service, 'full', {});
    expect(await seen()).toEqual([[first.id, false]]);
    const second = await taken(service, 'full', {});
    const both = (damaged: boolean): unknown =>
      expect.arrayContaining([
        [first.id, damaged],
        [second.id, false],
      ]);
    expect(await seen()).toEqual(both(false));

    const verification = { backup: first, workflowId: `verify/${first.id}`, message: 'Ordered.' };
    await catalog.beginVerification(verification);
    expect(await seen()).toEqual(both(false));
    const examination = { objectsCount: 1, bytesRead: 1, damaged: [damage], damagedCount: 1 };
    await catalog.updateVerification(verification.workflowId, { status: 'Failed', examination });
    expect(await seen()).toEqual(both(true));

    const inAMonth = { now: Date.now() + 30 * 86_400_000, graceMs: 0 };
    const removals = await catalog.beginRemovals(service.serviceId, (facts) =>
      judge(facts, { days: 7 }, inAMonth),
    );
    expect(removals).toMatchObject([{ backupId: first.id }]);
    expect(await seen()).toEqual([[second.id, false]]);
  });

  test('what nobody has changed is not read again', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    await taken(service, 'full', {});
    const { backups } = await catalog.recoveryFacts(service.serviceId);
    const another = await registered(catalog);
    await taken(another, 'full', {});
    expect((await catalog.recoveryFacts(service.serviceId)).backups).toBe(backups);
    await taken(service, 'full', {});
    expect((await catalog.recoveryFacts(service.serviceId)).backups).toHaveLength(2);
  });

  test('a dump counts when it is known to hold all of its server', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const whole = await taken(service, 'dump', { dumpWhole: true });
    await taken(service, 'dump', { dumpWhole: false });
    await taken(service, 'dump', {});
    const { backups } = await catalog.recoveryFacts(service.serviceId);
    expect(backups.map(({ id }) => id)).toEqual([whole.id]);
    expect(await catalog.findBackup(whole.id)).toMatchObject({ dumpWhole: true });
  });

  test('a dump with tables that are not of its place in the binlog restores to its own instant alone', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const binlog = { file: 'bin.000001', position: 4, gtid: '' };
    const exact = await taken(service, 'dump', { dumpWhole: true, binlog });
    const loose = await taken(service, 'dump', { dumpWhole: true, dumpLoose: true, binlog });
    const { backups } = await catalog.recoveryFacts(service.serviceId);
    expect(new Map(backups.map((backup) => [backup.id, backup.binlog]))).toEqual(
      new Map([
        [exact.id, binlog],
        [loose.id, undefined],
      ]),
    );
    expect(await catalog.findBackup(loose.id)).toMatchObject({ dumpLoose: true, binlog });
    expect(await catalog.findBackup(exact.id)).not.toHaveProperty('dumpLoose');
  });

  test('what restores took is kept for each agent, once for each of them, and the newest alone', async () => {
    const { catalog } = database;
    const agentId = `agent-of-${newBackupId(await registered(catalog))}`;
    const keep = async (workflowId: string, seconds: number): Promise<void> => {
      const stages = [
        { stage: 'fetching' as const, bytes: 5_000_000_000, seconds },
        { stage: 'rest' as const, bytes: 0, seconds: 2.25 },
      ];
      await catalog.keepMeasurements({ agentId, workflowId, stages });
    };
    expect(await catalog.findMeasurements(agentId)).toEqual([]);
    await catalog.keepMeasurements({ agentId, workflowId: 'restore/none', stages: [] });
    await keep('restore/first', 1.5);
    await keep('restore/first', 99);
    const at = expect.stringMatching(/^\d{4}-.*Z$/) as unknown;
    const first = [
      { stage: 'fetching', bytes: 5_000_000_000, seconds: 1.5, at },
      { stage: 'rest', bytes: 0, seconds: 2.25, at },
    ];
    expect(await catalog.findMeasurements(agentId)).toEqual(expect.arrayContaining(first));
    expect(await catalog.findMeasurements(agentId)).toHaveLength(2);
    expect(await catalog.findMeasurements('another-agent')).toEqual([]);
    for (let turn = 0; turn < 20; turn += 1) {
      await keep(`restore/then-${String(turn).padStart(2, '0')}`, 100 + turn);
      // Each has a time of its own, as in life.
      const now = Date.now();
      while (Date.now() === now) await Promise.resolve();
    }
    const fetching = (await catalog.findMeasurements(agentId)).filter(({ stage }) => stage === 'fetching');
    expect(fetching.map(({ seconds }) => seconds)).toEqual(
      Array.from({ length: 12 }, (_, turn) => 119 - turn),
    );
  });
});
