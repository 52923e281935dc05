import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { judge, newestGood, youngSince } from '../../domain/retention.ts';
import type { RetentionCandidate, RetentionFacts, Verdict } from '../../domain/retention/facts.ts';
import { changedPolicy, policyOf, type RetentionPolicy } from '../../domain/retention/policy.ts';
import { longRun } from '../support/long.ts';

const day = 86_400_000;
const hour = 3_600_000;
const now = Date.parse('2026-03-26T12:00:00.000Z');
const policy: RetentionPolicy = { days: 7 };

function daysAgo(days: number): string {
  return new Date(now - days * day).toISOString();
}

function full(id: string, days: number, changes: Partial<RetentionCandidate> = {}): RetentionCandidate {
  return {
    id,
    type: 'full',
    status: 'Succeeded',
    createdAt: daysAgo(days),
    endedAt: daysAgo(days - 0.01),
    dependsOn: [],
    storedBytes: 0,
    ...changes,
  };
}

function verdicts(
  candidates: RetentionCandidate[],
  pins: [string, string][] = [],
  clock = { now, graceMs: 0 },
  rules: RetentionPolicy = policy,
): Record<string, string> {
  const judged = judge({ candidates, pins: new Map(pins) }, rules, clock);
  return Object.fromEntries(
    judged.map(({ id, keep, reason }) => [id, `${keep ? 'keep' : 'remove'}: ${reason}`]),
  );
}

describe('a policy of days', () => {
  test('removes what ended longer ago, and says since when and until when', () => {
    expect(verdicts([full('old', 8), full('young', 6)])).toEqual({
      old: 'remove: It expired at 2026-03-25 12:14:24 UTC: 7 days after it ended.',
      young: 'keep: It is kept until 2026-03-27 12:14:24 UTC: 7 days after it ended.',
    });
  });

  test('keeps the newest full that succeeded, however old, and not one that did not', () => {
    const failed = full('failed', 20, { status: 'Failed' });
    expect(verdicts([full('older', 40), full('newest', 30), failed])).toEqual({
      older: expect.stringMatching(/^remove/),
      newest:
        'keep: It is the newest full backup of the service that succeeded, and is kept until there is a newer one.',
      failed: 'remove: It expired at 2026-03-13 12:14:24 UTC: 7 days after it failed.',
    });
  });

  test('keeps the newest dump until there is a newer good full, and no longer than that', () => {
    const dumps = [full('older', 40, { type: 'dump' }), full('newest', 30, { type: 'dump' })];
    const kept =
      'keep: It is one of the newest dumps of the service, which has no newer good full backup, and is kept until there is one.';
    const broken = [
      full('failed', 20, { status: 'Failed' }),
      full('later', 20, { type: 'dump', damaged: true }),
    ];
    expect(verdicts([...dumps, ...broken])).toEqual({
      older: expect.stringMatching(/^remove/),
      newest: kept,
      failed: expect.stringMatching(/^remove/),
      later: expect.stringMatching(/^remove/),
    });
    expect(verdicts([...dumps, full('damaged', 1, { damaged: true })])).toMatchObject({ newest: kept });
    expect(verdicts([...dumps, full('full', 20)])).toMatchObject({
      newest: expect.stringMatching(/^remove/),
    });
  });

  test('keeps the newest dump of a service that went over from fulls to dumps', () => {
    const candidates = [
      full('full', 700),
      full('first', 10, { type: 'dump' }),
      full('second', 9, { type: 'dump' }),
      full('damaged', 8, { type: 'dump', damaged: true }),
    ];
    const kept = {
      full: expect.stringMatching(/^keep/),
      first: expect.stringMatching(/^remove/),
      second: expect.stringMatching(/^keep: It is one of the newest dumps/),
      damaged: expect.stringMatching(/^remove/),
    };
    expect(verdicts(candidates)).toEqual(kept);
    expect(newestGood(candidates)?.id).toBe('second');
    expect(verdicts(candidates, [], { now, graceMs: 0 }, { days: 7, minFulls: 2 })).toEqual({
      ...kept,
      first: kept.second,
    });
    // The newest full is what older ones go for, not a dump of some databases.
    const some = [full('older', 40), full('full', 30), full('some', 10, { type: 'dump', partial: true })];
    expect(verdicts(some)).toMatchObject({
      older: expect.stringMatching(/^remove/),
      some: expect.stringMatching(/^keep/),
    });
    expect(newestGood(some)?.id).toBe('full');
  });

  test('takes a dump of some databases for the last good one only where there is none of all', () => {
    const some = full('some', 20, { type: 'dump', partial: true });
    const all = full('all', 30, { type: 'dump' });
    expect(verdicts([some, all])).toMatchObject({
      some: expect.stringMatching(/^remove/),
      all: expect.stringMatching(/^keep/),
    });
    expect(verdicts([some])).toMatchObject({ some: expect.stringMatching(/^keep/) });
    expect(newestGood([some, all])?.id).toBe('all');
    expect(newestGood([some, all, full('full', 40)])?.id).toBe('all');
    expect(newestGood([some, all, full('full', 10)])?.id).toBe('full');
  });

  test('keeps what is under way, and what somebody uses, with the words of who does', () => {
    const backups = [full('used', 30), full('running', 20, { status: 'Running' }), full('newest', 1)];
    expect(verdicts(backups, [['used', 'Restore 12 needs it.']])).toMatchObject({
      used: 'keep: Restore 12 needs it.',
      running: 'keep: It is Running: only what has ended can expire.',
    });
  });

  test('keeps what a kept backup depends on, over several steps, and lets go what only a failed one needed', () => {
    const on = (...dependsOn: string[]): Partial<RetentionCandidate> => ({ type: 'incremental', dependsOn });
    const backups = [
      full('base', 30),
      full('first', 29, on('base')),
      full('second', 3, on('first')),
      full('other base', 28),
      full('failed', 2, { ...on('other base'), status: 'Failed' }),
      full('newest', 1),
    ];
    expect(verdicts(backups)).toMatchObject({
      base: 'keep: The backup first, which is kept, depends on it.',
      first: 'keep: The backup second, which is kept, depends on it.',
      'other base': expect.stringMatching(/^remove/),
    });
  });

  test('takes a chain as long as the service is old', () => {
    const chain = Array.from({ length: 20_000 }, (_, index) =>
      full(`b${index}`, 90 - index / 1000, {
        type: 'incremental',
        dependsOn: index === 0 ? [] : [`b${index - 1}`],
      }),
    );
    const judged = judge({ candidates: [...chain, full('newest', 1)], pins: new Map() }, policy, {
      now,
      graceMs: 0,
    });
    expect(judged[0]?.id).toBe('b19999');
    expect(judged.at(-2)?.id).toBe('b0');
  });
});

describe('a policy of periods', () => {
  const at = (id: string, time: string, changes: Partial<RetentionCandidate> = {}): RetentionCandidate => ({
    ...full(id, 0, changes),
    createdAt: `${time}.000Z`,
    endedAt: `${time}.000Z`,
  });
  const judged = (candidates: RetentionCandidate[], rules: RetentionPolicy): Record<string, string> =>
    verdicts(candidates, [], { now, graceMs: 0 }, rules);

  test('keeps the newest of each day, week, month and year, and says which', () => {
    const candidates = [
      at('evening', '2026-03-25T21:00:00'),
      at('noon', '2026-03-25T12:00:00'),
      at('sunday', '2026-03-22T23:59:59'),
      at('february', '2026-02-27T12:00:00'),
      at('last year', '2025-12-31T23:00:00'),
      at('before', '2025-11-30T23:00:00'),
    ];
    const keep = { daily: 1, weekly: 2, monthly: 2, yearly: 2 };
    expect(judged(candidates, { keep })).toEqual({
      evening: 'keep: It is kept as the newest of the day 2026-03-25: 1 daily are kept.',
      noon: 'remove: It is none of those that are kept: 1 daily, 2 weekly, 2 monthly, 2 yearly.',
      sunday: 'keep: It is kept as the newest of the week of 2026-03-16: 2 weekly are kept.',
      february: 'keep: It is kept as the newest of the month 2026-02: 2 monthly are kept.',
      'last year': 'keep: It is kept as the newest of the year 2025: 2 yearly are kept.',
      before: expect.stringMatching(/^remove/),
    });
  });

  test('lets no dump stand for a full of the same day, and no dump of some databases for one of all', () => {
    const candidates = [
      at('full', '2026-03-25T02:00:00'),
      at('all', '2026-03-25T20:00:00', { type: 'dump' }),
      at('some', '2026-03-25T21:00:00', { type: 'dump', partial: true }),
      at('some before', '2026-03-25T20:30:00', { type: 'dump', partial: true }),
      at('full before', '2026-03-24T02:00:00'),
    ];
    expect(judged(candidates, { keep: { daily: 1 } })).toEqual({
      full: 'keep: It is kept as the newest of the day 2026-03-25: 1 daily are kept.',
      all: 'keep: It is kept as the newest dump of the day 2026-03-25: 1 daily are kept.',
      some: 'keep: It is kept as the newest dump of some databases of the day 2026-03-25: 1 daily are kept.',
      'some before': expect.stringMatching(/^remove/),
      'full before': expect.stringMatching(/^remove/),
    });
  });

  test('lets nothing go because time passes without a backup', () => {
    const candidates = [at('a', '2020-01-01T00:00:00'), at('b', '2020-02-01T00:00:00')];
    const kept = Object.values(judged(candidates, { keep: { daily: 2 } }));
    expect(kept.every((verdict) => verdict.startsWith('keep'))).toBe(true);
  });

  test('takes what is damaged for the newest only where there is no other', () => {
    const candidates = [
      at('damaged', '2026-03-24T21:00:00', { damaged: true }),
      at('whole', '2026-03-24T12:00:00'),
      at('alone', '2026-03-23T12:00:00', { damaged: true }),
    ];
    expect(judged(candidates, { keep: { daily: 2 } })).toMatchObject({
      damaged: expect.stringMatching(/^remove/),
      whole: expect.stringMatching(/^keep/),
      alone: expect.stringMatching(/^keep/),
    });
  });

  test('keeps what a kept incremental builds on, and what failed as many days as are kept daily', () => {
    const on = (...dependsOn: string[]): Partial<RetentionCandidate> => ({ type: 'incremental', dependsOn });
    const candidates = [
      at('base', '2026-03-20T00:00:00'),
      at('link', '2026-03-20T01:00:00', on('base')),
      at('end', '2026-03-20T02:00:00', on('link')),
      at('other', '2026-03-26T00:00:00'),
      at('failed', '2026-03-24T13:00:00', { status: 'Failed' }),
      at('failed before', '2026-03-24T11:00:00', { status: 'Failed' }),
    ];
    expect(judged(candidates, { keep: { daily: 2 } })).toMatchObject({
      base: 'keep: The backup link, which is kept, depends on it.',
      link: 'keep: The backup end, which is kept, depends on it.',
      failed: 'keep: It is kept until 2026-03-26 13:00:00 UTC: 2 days after it ended.',
      'failed before': 'remove: It expired at 2026-03-26 11:00:00 UTC: 2 days after it failed.',
    });
  });

  test('goes together with days, and says of what goes that neither keeps it', () => {
    const candidates = [full('old', 9.1), full('older', 9.2), full('young', 1), full('younger', 0.9)];
    expect(judged(candidates, { days: 7, keep: { weekly: 2 } })).toMatchObject({
      old: expect.stringContaining('of the week of 2026-03-16'),
      older: expect.stringMatching(/7 days after it ended, and it is none of .* kept besides: 2 weekly\.$/),
      young: expect.stringMatching(/^keep/),
    });
  });
});

describe('a least number of fulls', () => {
  test('keeps so many that are whole, whatever their age, and not what failed', () => {
    const candidates = [
      full('first', 50),
      full('second', 40),
      full('damaged', 35, { damaged: true }),
      full('third', 30),
      full('failed', 20, { status: 'Failed' }),
    ];
    const judged = verdicts(candidates, [], { now, graceMs: 0 }, { days: 7, minFulls: 2 });
    expect(judged).toMatchObject({
      first: expect.stringMatching(/^remove/),
      second:
        'keep: It is one of the newest 2 full backups of the service that succeeded, which are kept whatever their age.',
      damaged: expect.stringMatching(/^remove/),
      third: expect.stringMatching(/^keep/),
    });
  });
});

describe('what a service is set to', () => {
  const deployment = { days: 7, keep: { weekly: 4 }, minFulls: 2 };

  test('takes the place of days and counts together, and of the number of fulls by itself', () => {
    expect(policyOf({}, deployment)).toEqual(deployment);
    expect(policyOf({ days: 30 }, deployment)).toEqual({ days: 30, minFulls: 2 });
    expect(policyOf({ minFulls: 5 }, deployment)).toEqual({ ...deployment, minFulls: 5 });
  });

  test('is nothing any more when everything of it is taken back', () => {
    expect(changedPolicy({ keep: { daily: 1 } }, { days: 'default' })).toBe('default');
    expect(changedPolicy({ days: 3, minFulls: 2 }, { minFulls: 'default' })).toEqual({ days: 3 });
  });
});

describe('clocks', () => {
  test("a host's clock in the past does not make its backup old, one in the future does not keep it for ever", () => {
    const past = full('past', 1, { endedAt: '1970-01-01T00:00:00.000Z' });
    const future = full('future', 0.5, { endedAt: '2099-01-01T00:00:00.000Z' });
    expect(verdicts([past, future, full('newest', 0)])).toMatchObject({
      past: expect.stringMatching(/^keep/),
      future: 'keep: It is kept until 2026-04-02 12:00:00 UTC: 7 days after it ended.',
    });
  });

  test('which full is the newest is not for the clocks of hosts to say', () => {
    const boasting = full('boasting', 20, { endedAt: '2099-01-01T00:00:00.000Z' });
    expect(newestGood([boasting, full('newest', 10)])?.id).toBe('newest');
  });

  test('our own clock set back removes nothing', () => {
    const clock = { now: now - 30 * day, graceMs: 0 };
    const judged = verdicts([full('old', 8), full('older', 20), full('newest', 1)], [], clock);
    expect(Object.values(judged).every((verdict) => verdict.startsWith('keep'))).toBe(true);
  });

  test('our own clock set forward makes due, and removes nothing before the grace is over', () => {
    const candidates = [full('old', 3), full('newest', 1)];
    const forward = { now: now + 365 * day, graceMs: hour };
    expect(verdicts(candidates, [], forward)).toMatchObject({
      old: 'keep: It has expired, and is removed after 2027-03-26 13:00:00 UTC.',
    });
    // The mark that it made is not believed once the clock is right again.
    const marked = full('old', 8, { dueSince: new Date(forward.now).toISOString() });
    expect(verdicts([marked, full('newest', 1)], [], { now, graceMs: hour }).old).toMatch(/^keep/);
  });

  test('one that is due only now keeps what it depends on until it goes itself', () => {
    const candidates = [
      full('base', 30, { dueSince: daysAgo(1) }),
      full('increment', 8, { type: 'incremental', dependsOn: ['base'], dueSince: daysAgo(0.01) }),
      full('newest', 1),
    ];
    expect(verdicts(candidates, [], { now, graceMs: hour })).toMatchObject({
      base: 'keep: The backup increment, which is kept, depends on it.',
    });
    expect(verdicts(candidates, [], { now: now + hour, graceMs: hour })).toMatchObject({
      base: expect.stringMatching(/^remove/),
      increment: expect.stringMatching(/^remove/),
    });
  });
});

/** What has to be kept, written down as slowly and plainly as it can be said. */
function model({ candidates, pins }: RetentionFacts, rules: RetentionPolicy): Set<string> {
  const { days, keep = {}, minFulls = 1 } = rules;
  const fulls = candidates.filter(({ type, status }) => type === 'full' && status === 'Succeeded');
  const good = candidates.filter(({ status, damaged }) => status === 'Succeeded' && damaged !== true);
  const kind = ({ type, partial }: RetentionCandidate): string =>
    type === 'dump' ? (partial ? 'some' : 'all') : 'files';
  const isNewer = (one: RetentionCandidate, other: RetentionCandidate): boolean =>
    one.createdAt > other.createdAt || (one.createdAt === other.createdAt && one.id > other.id);
  const allDumps = good.filter(
    (backup) =>
      backup.type === 'dump' && !good.some((other) => other.type === 'full' && isNewer(other, backup)),
  );
  const wholeDumps = allDumps.filter(({ partial }) => !partial);
  const dumps = wholeDumps.length > 0 ? wholeDumps : allDumps;
  const periodOf: Record<string, (time: Date) => string> = {
    daily: (time) => time.toISOString().slice(0, 10),
    weekly: (time) => {
      const day = new Date(time);
      while (day.getUTCDay() !== 1) day.setTime(day.getTime() - 24 * hour);
      return day.toISOString().slice(0, 10);
    },
    monthly: (time) => `${time.getUTCFullYear()}-${String(time.getUTCMonth()).padStart(2, '0')}`,
    yearly: (time) => String(time.getUTCFullYear()),
  };
  const succeeded = candidates.filter(({ status }) => status === 'Succeeded');
  const isOfPeriod = (backup: RetentionCandidate): boolean => {
    const alike = succeeded.filter((one) => kind(one) === kind(backup));
    return (
      alike.includes(backup) &&
      Object.entries(keep).some(([name, count]) => {
        const own = (one: RetentionCandidate): string => periodOf[name]?.(new Date(one.createdAt)) ?? '';
        const newer = new Set(alike.map(own).filter((period) => period > own(backup)));
        const beside = alike.filter((one) => own(one) === own(backup));
        return newer.size < count && !beside.some((one) => isNewer(one, backup));
      })
    );
  };
  const kept = new Set<string>();
  for (const backup of candidates) {
    const isOver = ['Succeeded', 'Failed', 'Cancelled'].includes(backup.status);
    const begin = Date.parse(backup.createdAt);
    const end = backup.endedAt === undefined ? begin : Math.min(Date.parse(backup.endedAt), now);
    const age = (now - Math.max(begin, end)) / day;
    const isNewest = [fulls, dumps].some(
      (kind) => kind.includes(backup) && kind.filter((other) => isNewer(other, backup)).length < minFulls,
    );
    const young = days ?? (backup.status === 'Succeeded' ? 0 : Math.max(1, keep.daily ?? 0));
    if (!isOver || pins.has(backup.id) || age < young || isNewest || isOfPeriod(backup)) kept.add(backup.id);
  }
  for (let grown = true; grown;) {
    grown = false;
    for (const { id, status, dependsOn } of candidates) {
      if (!kept.has(id) || status === 'Failed' || status === 'Cancelled') continue;
      for (const base of dependsOn) {
        if (kept.has(base) || !candidates.some((other) => other.id === base)) continue;
        kept.add(base);
        grown = true;
      }
    }
  }
  return kept;
}

/** Backups of any kind and age; each may depend on earlier ones, and on one that is gone. */
const history: fc.Arbitrary<RetentionCandidate[]> = fc
  .array(
    fc.record({
      type: fc.constantFrom('full', 'incremental', 'dump'),
      status: fc.constantFrom('Succeeded', 'Failed', 'Cancelled', 'Running', 'Scheduled'),
      created: fc.oneof(fc.integer({ min: -2, max: 30 }), fc.double({ min: 0, max: 800, noNaN: true })),
      ended: fc.option(fc.integer({ min: -30, max: 60 }), { nil: undefined }),
      bases: fc.array(fc.nat(100), { maxLength: 2 }),
      partial: fc.boolean(),
    }),
    { maxLength: 12 },
  )
  .map((entries) =>
    entries.map(({ type, status, created, ended, bases, partial }, index) => ({
      id: `b${index}`,
      type,
      status,
      createdAt: daysAgo(created),
      storedBytes: 0,
      ...(ended === undefined ? {} : { endedAt: daysAgo(ended) }),
      ...(type === 'dump' && partial && { partial: true as const }),
      dependsOn: bases.map((base) => (index === 0 ? 'gone' : `b${base % index}`)),
    })),
  );

const facts = history.chain((candidates) =>
  fc
    .subarray(candidates.map(({ id }) => id))
    .map((pinned): RetentionFacts => ({ candidates, pins: new Map(pinned.map((id) => [id, 'In use.'])) })),
);

describe('whatever a service has', () => {
  const runs = { numRuns: longRun ? 20_000 : 1_000 };
  const judged = (given: RetentionFacts, rules: number | RetentionPolicy): Verdict[] =>
    judge(given, typeof rules === 'number' ? { days: rules } : rules, { now, graceMs: 0 });
  const count = fc.integer({ min: 1, max: 4 });
  const rulesOf: fc.Arbitrary<RetentionPolicy> = fc.record(
    {
      days: fc.integer({ min: 1, max: 20 }),
      keep: fc.record({ daily: count, weekly: count, monthly: count, yearly: count }, { requiredKeys: [] }),
      minFulls: count,
    },
    { requiredKeys: [] },
  );

  test('the verdicts are those of the plain model, one for each backup', () => {
    fc.assert(
      fc.property(facts, rulesOf, (given, rules) => {
        const answer = judged(given, rules);
        expect(answer.map(({ id }) => id).toSorted()).toEqual(
          given.candidates.map(({ id }) => id).toSorted(),
        );
        const kept = answer.filter(({ keep }) => keep).map(({ id }) => id);
        expect(new Set(kept)).toEqual(model(given, rules));
        expect(answer.every(({ reason }) => /^[A-Z].*\.$/.test(reason))).toBe(true);
      }),
      runs,
    );
  });

  test('nothing is removed before what depends on it', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const order = judged(given, 1).filter(({ keep }) => !keep);
        const place = new Map(order.map(({ id }, index) => [id, index]));
        for (const { id, dependsOn } of given.candidates) {
          for (const base of dependsOn) {
            const [own, bases] = [place.get(id), place.get(base)];
            if (own !== undefined && bases !== undefined) expect(own).toBeLessThan(bases);
          }
        }
      }),
      runs,
    );
  });

  test('what is removed in steps, as marks allow, ends where removing at once ends', () => {
    fc.assert(
      fc.property(facts, fc.array(fc.integer({ min: 0, max: 120 })), (given, minutes) => {
        const marked = given.candidates.map((backup, index) => ({
          ...backup,
          dueSince: new Date(now - (minutes[index] ?? 0) * 60_000).toISOString(),
        }));
        const early = judge({ ...given, candidates: marked }, policy, { now, graceMs: hour });
        const gone = new Set(early.filter(({ keep }) => !keep).map(({ id }) => id));
        const atOnce = new Set(
          judge(given, policy, { now, graceMs: 0 })
            .filter(({ keep }) => !keep)
            .map(({ id }) => id),
        );
        expect([...gone].filter((id) => !atOnce.has(id))).toEqual([]);
        const rest = { ...given, candidates: given.candidates.filter(({ id }) => !gone.has(id)) };
        const later = judge(rest, policy, { now, graceMs: 0 }).filter(({ keep }) => !keep);
        expect(new Set([...gone, ...later.map(({ id }) => id)])).toEqual(atOnce);
      }),
      runs,
    );
  });

  test('what is young by the index is kept by the judgement', () => {
    fc.assert(
      fc.property(facts, fc.integer({ min: 1, max: 20 }), (given, days) => {
        const kept = new Set(judged(given, days).flatMap(({ id, keep }) => (keep ? [id] : [])));
        const border = youngSince({ days }, now);
        for (const { id, createdAt } of given.candidates) if (createdAt > border) expect(kept).toContain(id);
      }),
      runs,
    );
  });
});
