/** How far one service is said to be behind while its follower says more often where it stands than the catalog hears. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Parts } from '../../api/context.ts';
import { describeService } from '../../api/operations/get-service.ts';
import type { FollowState } from '../../domain/archive/facts.ts';
import { type Harness, openApi, serviceDefaults, serviceRecord, succeededBackup } from './harness.ts';

const hour = 3600;
const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString();
const state = (timeline: string, archivedTime: string, lookedAt: string): FollowState => ({
  timeline,
  archived: { file: 'bin.000007', position: 300, gtid: '0-1-9' },
  archivedTime,
  lookedAt,
  lagBytes: 0,
  spoolBytes: 0,
  trouble: '',
});
const [original, restored] = ['a'.repeat(32), 'b'.repeat(32)];
const service = serviceRecord();

let api: Harness;
beforeAll(async () => {
  api = await openApi('away');
  await api.catalog.upsertService(service);
  await succeededBackup(api.catalog, service, 'a');
  await api.catalog.updateFollowing(service.serviceId, { order: 'some' });
  // Two hours on another timeline, undone some seconds ago.
  for (const told of [state(restored, ago(9), ago(8)), state(original, ago(2 * hour), ago(5))]) {
    const report = { timelines: [], segments: [], joined: [], holes: [], state: told };
    await api.catalog.recordArchive(service.serviceId, report);
  }
});
afterAll(async () => {
  await api.close();
});

async function described(live: FollowState): ReturnType<typeof describeService> {
  const parts: Pick<Parts, 'catalog' | 'defaults' | 'orders' | 'progress'> = {
    catalog: api.catalog,
    defaults: serviceDefaults,
    orders: { polls: async () => true } as unknown as Parts['orders'],
    progress: { ofFollower: async () => live } as unknown as Parts['progress'],
  };
  return await describeService(service, parts as Parts);
}

const back = (): FollowState => state(original, ago(2 * hour), ago(0));
const begun = (): FollowState => {
  const { archivedTime: _, ...nothing } = state('', '', ago(0));
  return { ...nothing, trouble: 'The store is away.' };
};

test.each([
  ['has come back to the timeline of before the restore', back],
  ['has just begun, and does not know its timeline', begun],
])('one whose follower %s is no further behind than the catalog says', async (_name, live) => {
  const { archive, rpo_seconds, rpo_seconds_worst } = await described(live());
  expect(archive).toMatchObject({ state: 'following', timeline: original });
  for (const seconds of [archive?.lag_seconds, rpo_seconds, rpo_seconds_worst]) {
    expect(seconds).toBeGreaterThanOrEqual(9);
    expect(seconds).toBeLessThan(hour);
  }
});
