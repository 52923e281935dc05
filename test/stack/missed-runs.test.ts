/**
 * Temporal is away while a schedule comes due again and again: afterwards one run is made up for, neither none nor all.
 * A schedule comes due once a minute at most, so that this takes its time: `npm run test:long`. A sample of it, what the
 * schedule's policies say for that case, runs with every test run.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { openCatalog } from '../../catalog/open.ts';
import type { BackupRecord, Catalog } from '../../catalog/types.ts';
import { scheduleIds } from '../../domain/ids.ts';
import { longRun } from '../support/long.ts';
import { OwnTemporal } from '../support/own-temporal.ts';
import { testIf } from '../support/skip.ts';
import { TestStack, until } from '../support/stack.ts';

const minuteMs = 60_000;
/** How many due times the outage spans. */
const missed = 4;

let temporal: OwnTemporal;
let stack: TestStack;
let catalog: Catalog;
let scheduleId: number;

beforeAll(async () => {
  temporal = await OwnTemporal.start();
  const spread = { TIDEMARK_SCHEDULE_SPREAD: '0s' };
  stack = await TestStack.start('missed-runs', {
    temporal,
    apiSettings: spread,
    controlSettings: spread,
  });
  await stack.addService('missed');
  catalog = await openCatalog(`sqlite://${stack.folder}/catalog.db`);
  const { body } = await stack.request('POST', '/backups/schedules', {
    backup_type: 'full',
    schedule: '* * * * *',
    service_id: 'missed',
  });
  scheduleId = Number(body['id']);
});

afterAll(async () => {
  await catalog?.close();
  await stack?.stop();
  await temporal?.kill();
});

/** The schedule's backups, oldest first. */
async function runs(): Promise<BackupRecord[]> {
  const page = { page: 1, pageSize: 100, order: 'asc' } as const;
  return (await catalog.listBackups('default', { serviceId: 'missed' }, page)).items;
}

/** Until so many milliseconds into a minute. */
async function untilWithinMinute(from: number, to: number): Promise<void> {
  await until(
    async () => Date.now() % minuteMs,
    (past) => past >= from && past < to,
    'the time of the minute',
  );
}

describe('a schedule whose runs were missed while Temporal was away', () => {
  test('keeps only the newest of them: it may be late by one interval, and none overlaps another', async () => {
    const id = scheduleIds.format(await catalog.deploymentId(), scheduleId);
    const { policies, spec } = await stack.client.schedule.getHandle(id).describe();
    expect(policies).toEqual({ overlap: 'SKIP', catchupWindow: 11 * minuteMs, pauseOnFailure: false });
    expect(spec.jitter ?? 0).toBe(0);
  });

  testIf(longRun, 'it takes six minutes, see npm run test:long')(
    `makes up for one of ${missed}, and goes on with the next`,
    async () => {
      await until(runs, (all) => all.length > 0 && all.every(isOver), 'a run before the outage');
      // In the middle of a minute nothing is due, and none is being taken.
      await untilWithinMinute(30_000, 45_000);
      const before = (await runs()).length;
      await temporal.kill();
      await sleep(missed * minuteMs);
      // Back with more than half of a minute left before the next regular run.
      await untilWithinMinute(5_000, 25_000);
      const backAt = Date.now();
      await temporal.start();
      const made = await until(runs, (all) => all.length > before, 'the run that is made up for');
      const nextDue = Math.ceil(backAt / minuteMs) * minuteMs;
      while (Date.now() < nextDue - 1_000) await sleep(500);
      const owed = (await runs()).slice(before);
      expect(owed.map(({ id }) => id)).toEqual(made.slice(before).map(({ id }) => id));
      expect(owed).toHaveLength(1);
      expect(owed[0]).toMatchObject({ status: 'Succeeded' });
      const next = await until(runs, (all) => all.length > before + 1, 'the next regular run');
      expect(Date.parse(next.at(-1)?.createdAt ?? '')).toBeGreaterThanOrEqual(nextDue);
    },
    10 * minuteMs,
  );
});

function isOver({ status }: BackupRecord): boolean {
  return ['Succeeded', 'Failed', 'Cancelled'].includes(status);
}
