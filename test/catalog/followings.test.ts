/** Whose binlogs are followed, as the catalog keeps it. */
import { expect, test } from '@jest/globals';
import { describeOnBoth } from './databases.ts';
import { registered } from './records.ts';

describeOnBoth('followings', (database) => {
  test('keep what is not named, and the worst of each hour', async () => {
    const { catalog } = database;
    const { serviceId } = await registered(catalog);
    expect((await catalog.findFollowings([serviceId])).size).toBe(0);
    await catalog.updateFollowing(serviceId, { order: 'first', message: 'It waits.' });
    const at = Date.parse('2026-01-02T03:04:05Z');
    await catalog.updateFollowing(serviceId, { message: '', lag: { at, seconds: 12 } });
    await catalog.updateFollowing(serviceId, { lag: { at: at + 60_000, seconds: 3 } });
    await catalog.updateFollowing(serviceId, { lag: { at: at + 3_600_000, seconds: 5 } });
    expect((await catalog.findFollowings([serviceId])).get(serviceId)).toMatchObject({
      serviceId,
      order: 'first',
      message: '',
      lags: { '2026-01-02T03': 12, '2026-01-02T04': 5 },
    });
    expect((await catalog.listFollowings('', 10_000)).map((one) => one.serviceId)).toContain(serviceId);
  });

  test('are looked through by service, with its settings and what it was told last', async () => {
    const { catalog } = database;
    const service = await registered(catalog);
    const { serviceId } = service;
    const candidate = async (): Promise<unknown> =>
      (await catalog.followCandidates('', 10_000)).find((one) => one.service.serviceId === serviceId);
    expect(await candidate()).toEqual({ service, settings: {}, order: '' });
    await catalog.updateServiceSettings(serviceId, { binlog: { archive: false } });
    await catalog.updateFollowing(serviceId, { order: 'some' });
    expect(await candidate()).toEqual({ service, settings: { binlog: { archive: false } }, order: 'some' });
    expect(await catalog.followCandidates('', 1)).toHaveLength(1);
  });
});
