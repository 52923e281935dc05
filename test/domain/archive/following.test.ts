/** Who follows a binlog, and how far behind an archive was. */
import { describe, expect, test } from '@jest/globals';
import type { FollowState, TimelineFacts } from '../../../domain/archive/facts.ts';
import {
  decideFollowing,
  type FollowFacts,
  lagBefore,
  lagOf,
  noteLag,
  recordedState,
  requireFollowed,
  worstLag,
} from '../../../domain/archive/following.ts';

const facts: FollowFacts = {
  serviceId: 'db-1',
  agentId: 'agent-1',
  logBin: true,
  begun: true,
  settings: { archive: true, intervalMs: 10_000, fullAfterHole: true },
  encryption: { recipients: [], unencrypted: 'allowed' },
};

describe('whether a binlog is followed', () => {
  test('by its agent, once there is a full, unless it is switched off', () => {
    expect(decideFollowing(facts)).toMatchObject({ verdict: 'follow', agentId: 'agent-1' });
    expect(decideFollowing({ ...facts, begun: false })).toMatchObject({
      verdict: 'none',
      reason: expect.stringMatching(/first full/),
      off: false,
    });
    const off = { ...facts, settings: { ...facts.settings, archive: false } };
    expect(decideFollowing(off)).toMatchObject({ verdict: 'none', order: '', off: true });
    expect(decideFollowing({ ...facts, agentId: '' })).toMatchObject({ verdict: 'wait' });
  });

  test('is said where the server writes none; where something is archived, its end is for the follower to find', () => {
    const bare = { ...facts, logBin: false };
    expect(decideFollowing({ ...bare, begun: false })).toMatchObject({
      verdict: 'none',
      reason: expect.stringMatching(/log_bin is off/),
    });
    expect(decideFollowing(bare).verdict).toBe('follow');
  });

  test('is another order with another agent, interval or recipient, and with nothing else', () => {
    const orders = [
      facts,
      { ...facts, agentId: 'agent-2' },
      { ...facts, agentId: '' },
      { ...facts, settings: { ...facts.settings, intervalMs: 1_000 } },
      { ...facts, encryption: { ...facts.encryption, recipients: ['age1'] } },
    ].map((one) => decideFollowing(one).order);
    expect(new Set(orders).size).toBe(orders.length);
    const same = { ...facts, settings: { ...facts.settings, fullAfterHole: false } };
    expect(decideFollowing(same).order).toBe(orders[0]);
  });

  test('is required of a service whose binlog is to be shipped', () => {
    expect(() => requireFollowed(decideFollowing({ ...facts, agentId: '' }), 'db-1')).not.toThrow();
    expect(() => requireFollowed(decideFollowing({ ...facts, begun: false }), 'db-1')).toThrow(
      /No binlog of db-1 is archived\. .*first full/,
    );
  });
});

describe('how far an archive was behind', () => {
  const noon = Date.parse('2026-03-04T12:30:00Z');
  const hour = 3_600_000;

  test('is the worst of each hour, of the last day', () => {
    let history = noteLag({}, noon - 30 * hour, 500);
    history = noteLag(history, noon - 23 * hour, 40);
    history = noteLag(history, noon, 7);
    history = noteLag(history, noon, 3);
    expect(history).toEqual({ '2026-03-03T06': 500, '2026-03-03T13': 40, '2026-03-04T12': 7 });
    expect(worstLag(history, noon)).toBe(40);
    expect(worstLag(history, noon + 2 * hour)).toBe(7);
    expect(worstLag({}, noon)).toBe(0);
  });

  test('is kept of a day and no longer', () => {
    let history = {};
    for (let past = 100; past >= 0; past -= 1) history = noteLag(history, noon - past * hour, past);
    expect(Object.keys(history)).toHaveLength(25);
    expect(worstLag(history, noon)).toBe(24);
  });
});

describe('what a report says of how far the archive is behind', () => {
  const at = (time: string): string => `2026-06-01T${time}.000000Z`;
  const state = (
    timeline: string,
    position: number,
    archivedTime: string,
    lookedAt = archivedTime,
  ): FollowState => ({
    timeline,
    archived: { file: 'bin.000001', position, gtid: '' },
    archivedTime: at(archivedTime),
    lookedAt: at(lookedAt),
    lagBytes: 0,
    spoolBytes: 0,
    trouble: '',
  });
  const line = (id: string, cause: TimelineFacts['cause'], createdAt: string): TimelineFacts => ({
    id,
    begins: { file: 'bin.000001', position: 0, gtid: '' },
    cause,
    createdAt: at(createdAt),
  });
  const first = line('a', 'first', '09:00:00');

  test('is the time since the last instant that was archived before', () => {
    const before = state('a', 900, '10:00:00');
    const told = state('a', 900, '10:00:00', '10:00:40');
    const now = recordedState(before, told, first);
    expect(now).toEqual(told);
    expect(lagBefore(before, now, first)).toBe(40);
    expect(lagOf(now, Date.parse(at('10:00:50')))).toBe(50);
    expect(lagBefore(undefined, now, first)).toBeUndefined();
  });

  test('a follower that begins anew and knows less takes nothing back of what is archived', () => {
    const before = state('a', 900, '10:06:00');
    const now = recordedState(before, state('a', 900, '10:00:00', '10:06:01'), first);
    expect(now.archivedTime).toBe(at('10:06:00'));
    expect(lagBefore(before, now, first)).toBe(1);
    // Less is there than was: that was lost.
    const less = recordedState(before, state('a', 800, '09:59:00', '10:06:01'), first);
    expect(less.archivedTime).toBe(at('09:59:00'));
  });

  test('nor does one that does not even know which timeline it is', () => {
    const before = state('a', 900, '10:00:00');
    const { archivedTime: _, ...nothing } = state('', 0, '10:00:05');
    const now = recordedState(before, { ...nothing, trouble: 'The store is away.' }, first);
    expect(now).toEqual({ ...before, lookedAt: at('10:00:05'), trouble: 'The store is away.' });
    expect(lagBefore(before, now, first)).toBe(5);
  });

  test('the time that the server was on another timeline is not counted once it comes back', () => {
    const restored = line('b', 'restore', '10:00:05');
    const before = state('a', 900, '10:00:00');
    const cutOver = recordedState(before, state('b', 0, '10:00:00', '10:00:06'), restored);
    expect(lagBefore(before, cutOver, restored)).toBe(1);
    const away = recordedState(cutOver, state('b', 0, '10:06:18'), restored);
    expect(lagBefore(cutOver, away, restored)).toBe(373);
    const live = recordedState(
      { ...cutOver, archivedTime: at('10:06:17') },
      state('b', 0, '10:06:18'),
      restored,
    );
    const back = recordedState(live, state('a', 900, '10:00:00', '10:06:20'), first);
    expect(lagBefore(live, back, first)).toBe(2);
    // Until it is looked at the server again, and then from what is known of this timeline.
    const stillBack = recordedState(back, state('a', 900, '10:00:00', '10:06:22'), first);
    expect(lagBefore(back, stillBack, first)).toBe(4);
    const on = recordedState(stillBack, state('a', 950, '10:06:30'), first);
    expect(lagOf(on, Date.parse(at('10:06:31')))).toBe(1);
  });

  test('an hour in which a restore had the server stopped is not counted, that in which nobody followed another one is', () => {
    const before = state('a', 900, '10:00:00');
    const told = state('b', 0, '10:00:00', '11:00:06');
    const restored = line('b', 'restore', '11:00:05');
    const unknown = recordedState(before, told);
    expect(lagBefore(before, unknown, undefined)).toBeUndefined();
    expect(lagBefore(unknown, recordedState(unknown, told, restored), restored)).toBe(1);
    const promoted = line('b', 'failover', '11:00:05');
    expect(lagBefore(before, recordedState(before, told, promoted), promoted)).toBe(3606);
  });
});
