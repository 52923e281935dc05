/**
 * What a deployment does by itself: each service is backed up nightly, and what has expired goes. Nothing of it
 * happens in the middle of the tests but what they bring about.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { makeOld } from '../activities/expired.ts';
import { recordHistory } from '../support/histories.ts';
import { ready, TestStack, type TestService, until } from '../support/stack.ts';

let stack: TestStack;
let service: TestService;

/** Half a day away, whenever the tests run. */
const hour = (new Date().getUTCHours() + 12) % 24;
const nightly = {
  TIDEMARK_NIGHTLY: 'on',
  TIDEMARK_NIGHTLY_WINDOW: `${clock(hour)}-${clock((hour + 1) % 24)}`,
};

function clock(hours: number): string {
  return `${String(hours).padStart(2, '0')}:00`;
}

beforeAll(async () => {
  stack = await TestStack.start('retention', {
    apiSettings: nightly,
    controlSettings: { ...nightly, TIDEMARK_RETENTION_INTERVAL: '1s', TIDEMARK_RETENTION_GRACE: '1s' },
  });
  service = await stack.addService('expiring');
  await service.server.loadSample();
});

afterAll(async () => {
  await stack?.stop();
});

async function folders(): Promise<string[]> {
  return await readdir(path.join(stack.storage, 'expiring', 'backups'));
}

test('an expired backup is removed, the last good full is not, and can be restored', async () => {
  const old = (await stack.takeBackup('expiring')).id;
  const kept = (await stack.takeBackup('expiring')).id;
  const before = await service.server.checksums();
  makeOld(stack.folder, old, 8);
  makeOld(stack.folder, kept, 7.5);
  await until(folders, (names) => !names.includes(old.slice(0, 32)), 'the end of the old backup');
  expect((await stack.request('GET', `/backups/${encodeURIComponent(old)}`)).status).toBe(404);
  expect(stack.control.output).toContain('7 days after it ended');
  await stack.restore(kept, 'expiring');
  expect(await service.server.checksums()).toEqual(before);
  await recordHistory(stack.client, 'retention', 'retention');
});

test('a backup that is deleted on instruction is gone from the list at once, and from the store right after', async () => {
  const kept = (await stack.takeBackup('expiring')).id;
  const wanted = (await stack.takeBackup('expiring')).id;
  const before = await service.server.checksums();
  const path = `/backups/${encodeURIComponent(wanted)}`;
  const told = await stack.request('DELETE', `${path}?dry_run=true`);
  expect([told.status, told.body['removed']]).toEqual([200, [wanted]]);
  expect((await stack.request('GET', path)).status).toBe(200);
  const deleted = await stack.request('DELETE', path);
  expect([deleted.status, deleted.body['removed']]).toEqual([200, [wanted]]);
  expect((await stack.request('GET', path)).status).toBe(404);
  expect((await stack.request('DELETE', path)).status).toBe(404);
  await until(folders, (names) => !names.includes(wanted.slice(0, 32)), 'the end of its objects');
  expect(await folders()).toContain(kept.slice(0, 32));
  await until(
    async () => (await stack.client.workflow.getHandle('removals').describe()).status.name,
    (status) => status === 'COMPLETED',
    'the end of the removal',
  );
  await recordHistory(stack.client, 'removals', 'removals');
  await stack.restore(kept, 'expiring');
  expect(await service.server.checksums()).toEqual(before);
});

interface ScheduleBody {
  id: number;
  schedule: string;
  type: string;
  status: string;
  labels: Record<string, string>;
  backup_id?: string;
}

async function schedules(): Promise<ScheduleBody[]> {
  const { body } = await stack.request<{ schedules: ScheduleBody[] }>(
    'GET',
    '/backups/schedules?service_id=expiring',
  );
  return body.schedules.filter(({ schedule }) => schedule !== 'once');
}

/** Those that Temporal has, as soon as they are as many as wanted: its list is a little behind. */
async function temporals(count: number): Promise<string[]> {
  const list = async (): Promise<string[]> => {
    const ids: string[] = [];
    for await (const { scheduleId } of stack.client.schedule.list()) ids.push(scheduleId);
    return ids;
  };
  return await until(list, (ids) => ids.length === count, `${count} schedules in Temporal`);
}

test('a service that is registered has a nightly full backup, which is taken when it is due', async () => {
  const [nightlyOne, ...others] = await schedules();
  expect(others).toEqual([]);
  expect(nightlyOne).toMatchObject({ type: 'full', status: 'Scheduled', labels: { origin: 'nightly' } });
  expect(nightlyOne?.schedule).toMatch(new RegExp(`^[0-5]?\\d ${hour} \\* \\* \\*$`));
  const [id = ''] = await temporals(1);
  await stack.client.schedule.getHandle(id).trigger('SKIP');
  const run = await until(schedules, ([one]) => one?.status === 'Succeeded', 'the nightly backup');
  expect(await stack.backupOf(run[0]?.backup_id ?? '')).toMatchObject({ status: 'Succeeded' });
});

test('a nightly that was deleted stays deleted, also for an agent that starts anew, until it is asked for', async () => {
  const [nightlyOne] = await schedules();
  expect((await stack.request('DELETE', `/backups/schedules/${nightlyOne?.id}`)).status).toBe(200);
  await temporals(0);
  await service.agent.end();
  await service.agent.start(ready.agent);
  await stack.control.end();
  await stack.control.start(ready.control);
  // A reconciliation of the new control worker, and an announcement, have looked at the service.
  await stack.takeBackup('expiring');
  expect(await schedules()).toEqual([]);
  const { status, body } = await stack.request<{ nightly: Record<string, unknown> }>(
    'PATCH',
    '/services/expiring',
    {
      nightly: { hour },
    },
  );
  expect([status, body.nightly['state']]).toEqual([200, 'scheduled']);
  expect(await schedules()).toMatchObject([{ labels: { origin: 'nightly' } }]);
  await temporals(1);
});
