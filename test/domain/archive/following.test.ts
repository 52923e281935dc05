/** Who follows a binlog, and how far behind an archive was. */
import { describe, expect, test } from '@jest/globals';
import {
  decideFollowing,
  type FollowFacts,
  noteLag,
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
