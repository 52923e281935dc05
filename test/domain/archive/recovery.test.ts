/** The recovery window and the planner, against random lives of a service that are walked through second by second. */
import { describe, expect, test } from '@jest/globals';
import { planRecovery } from '../../../domain/archive/plan.ts';
import type { RecoveryPlan, RecoveryRefusal } from '../../../domain/archive/plan-types.ts';
import type { SegmentFacts, TimelineFacts } from '../../../domain/archive/facts.ts';
import { ratesOfSettings } from '../../../domain/archive/rates.ts';
import type { RecoveryFacts } from '../../../domain/archive/reach.ts';
import { stretchOf } from '../../../domain/archive/stretches.ts';
import { recoveryWindow } from '../../../domain/archive/window.ts';
import { longRun } from '../../support/long.ts';
import { fileName, gtidOf, instantOf, isBusy, type Life, placeAt, type Story, tellStory } from './story.ts';
import { canHave, isOutside, isPlaced, lifeWith, pathOf, seconds } from './truth.ts';

const rates = ratesOfSettings({
  physical: 100_000_000,
  dump: 10_000_000,
  binlog: 10,
  fixedSeconds: 5,
});
const stories = longRun ? 10_000 : 120;

function isPlan(plan: RecoveryPlan | RecoveryRefusal): plan is RecoveryPlan {
  return 'stop' in plan;
}

/** Goes through what a plan says, as a restore would. @returns the last transaction, of those that there are up to the end of the last range */
function carryOut(
  { copies, lives, segments }: Story,
  plan: RecoveryPlan,
): { life: string; reached: number; from: number } {
  const chain = plan.chain.map((id) => copies.find((copy) => copy.backup.id === id)!);
  for (const [index, copy] of chain.entries()) {
    expect(copy.usable).toBe(true);
    expect(copy.backup.parent).toBe(chain[index - 1]?.backup.id ?? '');
  }
  const base = chain.at(-1)!;
  let life = base.life;
  let { sequence } = placeAt(life, base.ticks);
  let place = placeAt(life, base.ticks);
  for (const range of plan.ranges) {
    const next = lives.find(({ id }) => id === range.timeline)!;
    while (life !== next) {
      const path = pathOf(next).map((part) => part.life);
      const child = path[path.indexOf(life) - 1]!;
      // Nothing was replayed beyond the branch, and nothing before it is missing.
      expect(sequence).toBe(placeAt(child.parent!, child.branch).sequence);
      life = child;
      place = child.begins;
    }
    expect(range.from).toEqual({ file: fileName(place.file), position: place.position });
    for (const tick of life.ticks.filter(isBusy)) {
      const file = fileName(tick.file);
      if (file < range.from.file || (file === range.from.file && tick.end <= range.from.position)) continue;
      if (file > range.to.file || (file === range.to.file && tick.start >= range.to.position)) continue;
      expect(tick.sequence).toBe(sequence + 1);
      expect(
        segments.some(
          (one) =>
            one.timeline === life.id && one.file === file && one.start <= tick.start && tick.end <= one.end,
        ),
      ).toBe(true);
      sequence = tick.sequence;
      place = { file: tick.file, position: tick.end, sequence };
    }
  }
  return { life: life.id, reached: sequence, from: placeAt(base.life, base.ticks).sequence };
}

/** After the server had been on another timeline. */
function cameBack({ ticks, unfollowed }: Life): boolean {
  return ticks.some(
    (tick, index) => index > 0 && tick.ends > ticks[index - 1]!.ends + 1 && !unfollowed.has(tick),
  );
}

/** As `expect` would, in a hundredth of its time. */
function same(found: unknown, wanted: unknown, where: string | number): void {
  if (found !== wanted) throw new Error(`${where}: ${String(found)} and not ${String(wanted)}`);
}

function withSeed(seed: number, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new Error(`story ${seed}: ${(error as Error).message}`, { cause: error });
  }
}

describe('of random lives', () => {
  test('the window promises what a walk through them finds, and nothing else', () => {
    for (let seed = 1; seed <= stories; seed += 1) {
      const story = tellStory(seed, { known: true });
      const { intervals } = recoveryWindow(story.facts, rates);
      withSeed(seed, () => {
        for (const second of seconds(story)) {
          const promised = intervals.some((one) => one.current && !isOutside(second, one));
          same(promised, canHave(story, story.current, second), second);
        }
        for (const life of story.lives) {
          for (const one of intervals.filter(({ timeline }) => timeline === life.id)) {
            for (const second of seconds(story).filter((at) => !isOutside(at, one))) {
              same(canHave(story, life, second), true, `${second} on ${life.id}`);
            }
          }
        }
      });
    }
  });

  test('a hole has nothing that can be had, and what cannot be had between two intervals is in one', () => {
    for (let seed = 1; seed <= stories; seed += 1) {
      const story = tellStory(seed, { known: true });
      const { intervals, holes } = recoveryWindow(story.facts, rates);
      withSeed(seed, () => {
        for (const hole of holes)
          for (const one of intervals)
            same(one.from < (hole.to ?? one.from) && hole.from < one.to, false, `${hole.from} ${one.from}`);
        const whole = intervals.filter(({ current }) => current);
        // What was written while another timeline could have gone on is a loss of that time, and no hole in it.
        if (whole.length === 0 || story.lives.some(cameBack)) return;
        const [first, last] = [
          whole[0]!.from,
          whole
            .map(({ to }) => to)
            .toSorted()
            .at(-1)!,
        ];
        for (const life of story.lives) {
          for (const { ends } of life.ticks.filter(isBusy)) {
            const at = instantOf(ends);
            if (at <= first || at >= last || canHave(story, life, ends)) continue;
            if (whole.some((one) => !isOutside(ends, one))) continue;
            same(
              holes.some((hole) => !isOutside(ends, { from: hole.from, to: hole.to ?? at })),
              true,
              at,
            );
          }
        }
      });
    }
  });

  test('nothing is promised of backups whose timeline nobody knows but what can be had', () => {
    for (let seed = 1; seed <= stories; seed += 1) {
      const story = tellStory(seed, { known: false });
      const { intervals } = recoveryWindow(story.facts, rates);
      withSeed(seed, () => {
        for (const one of intervals) {
          const anywhere =
            one.timeline === undefined ? story.lives : story.lives.filter(({ id }) => id === one.timeline);
          for (const second of seconds(story).filter((at) => !isOutside(at, one))) {
            same(
              anywhere.some((life) => canHave(story, life, second)),
              true,
              second,
            );
          }
        }
      });
    }
  });

  test('the planner plans every instant that is promised, to the state that there was, and refuses the others', () => {
    for (let seed = 1; seed <= stories; seed += 1) {
      const story = tellStory(seed, { known: true });
      const { intervals } = recoveryWindow(story.facts, rates);
      withSeed(seed, () => {
        for (const second of seconds(story)) {
          const time = instantOf(second);
          const plan = planRecovery(story.facts, { time }, rates);
          const promised = intervals.some((one) => one.current && !isOutside(second, one));
          same(isPlan(plan), promised, second);
          if (isPlan(plan)) checkTime(story, plan, second);
          else
            checkRefusal(
              plan,
              intervals.filter(({ current }) => current),
              time,
            );
          for (const one of intervals.filter((other) => !isOutside(second, other))) {
            if (one.timeline === undefined) continue;
            const named = planRecovery(story.facts, { time, timeline: one.timeline }, rates);
            same(isPlan(named), true, `${second} on ${one.timeline}`);
            if (isPlan(named)) checkTime(story, named, second);
          }
        }
      });
    }
  });

  test('the planner plans every transaction that a walk reaches, and stops in the right place', () => {
    for (let seed = 1; seed <= stories; seed += 1) {
      const story = tellStory(seed, { known: true });
      withSeed(seed, () => {
        const all = story.lives.flatMap(({ ticks }) => ticks.map(({ sequence }) => sequence));
        for (const sequence of new Set([...all, Math.max(0, ...all) + 1])) {
          if (sequence === 0) continue;
          const plan = planRecovery(story.facts, { gtid: gtidOf(sequence) }, rates);
          const life = lifeWith(story, story.current, sequence);
          if (life) expect(plan).toMatchObject({ timeline: life.id, stop: { at: 'gtid' } });
          if (!isPlan(plan)) continue;
          const { reached, from } = carryOut(story, plan);
          if (plan.stop.at === 'backup') expect(from).toBe(sequence);
          else {
            expect(from).toBeLessThan(sequence);
            expect(reached).toBeGreaterThanOrEqual(sequence);
          }
        }
      });
    }
  });

  test('the latest is the last instant of the window', () => {
    for (let seed = 1; seed <= stories; seed += 1) {
      const story = tellStory(seed, { known: true });
      const plan = planRecovery(story.facts, { latest: true }, rates);
      const ends = recoveryWindow(story.facts, rates)
        .intervals.filter(({ current }) => current)
        .map(({ to }) => to);
      withSeed(seed, () => {
        expect(isPlan(plan) ? plan.time : undefined).toBe(ends.toSorted().at(-1));
        if (isPlan(plan)) carryOut(story, plan);
      });
    }
  });
});

describe('the first full of a service', () => {
  const file = 'binlog.000001';
  const segment: SegmentFacts = {
    timeline: 'a'.repeat(32),
    file,
    start: 0,
    end: 5_000,
    gtidBefore: '',
    wholeEnd: 5_000,
    gtidAfter: '0-1-90',
    firstEventAt: '2026-01-01T10:00:00Z',
    lastEventAt: '2026-01-01T10:01:30Z',
    sampledFrom: '2026-01-01T10:01:00.000000Z',
    sampledTo: '2026-01-01T10:01:31.000000Z',
    storedBytes: 900,
    sha256: 'b'.repeat(64),
    recipients: [],
    shippedAt: '2026-01-01T10:01:32.000Z',
  };
  const full = {
    id: 'full',
    type: 'full' as const,
    parent: '',
    pointInTime: '2026-01-01T10:00:50Z',
    binlog: { file, position: 2_000, gtid: '0-1-40' },
    uncompressedBytes: 1,
    damaged: false,
  };
  const timeline: TimelineFacts = {
    id: segment.timeline,
    begins: { file, position: 0, gtid: '' },
    cause: 'first',
    createdAt: '2026-01-01T10:00:58.000Z',
  };
  const factsWith = (cause: TimelineFacts['cause'], pointInTime = full.pointInTime): RecoveryFacts => ({
    backups: [{ ...full, pointInTime }],
    timelines: [{ ...timeline, cause }],
    stretches: [stretchOf(segment)],
    holes: [],
  });

  test('is gone on from in the archive that began after it, in the middle of its file', () => {
    expect(recoveryWindow(factsWith('first'), rates)).toMatchObject({
      intervals: [
        {
          from: '2026-01-01T10:00:50.000000Z',
          to: '2026-01-01T10:01:31.000000Z',
          timeline: timeline.id,
          unsampled: [{ from: '2026-01-01T10:00:50.000000Z', to: '2026-01-01T10:01:00.000000Z' }],
        },
      ],
      holes: [],
    });
  });

  test('is not, when the file was begun after it, or the timeline is not the first', () => {
    for (const facts of [factsWith('first', '2026-01-01T09:59:50Z'), factsWith('reset')])
      expect(recoveryWindow(facts, rates).intervals.map(({ from, to }) => from === to)).toEqual([true]);
  });
});

/** All that was confirmed by then is in what is replayed, and nothing before it is missing. */
function checkTime(story: Story, plan: RecoveryPlan, second: number): void {
  const { reached, from } = carryOut(story, plan);
  const life = story.lives.find((one) => one.id === plan.timeline);
  if (!life || isLone(story, plan)) return;
  const confirmed = placeAt(life, life.ticks.findLastIndex(({ ends }) => ends <= second) + 1).sequence;
  const next = life.ticks.findIndex(({ ends }) => ends >= second);
  const latest = second <= life.begins.at ? life.begins.sequence : placeAt(life, next + 1).sequence;
  if (reached < confirmed) throw new Error(`${second}: up to ${reached}, and not ${confirmed}`);
  if (next < 0) return;
  // Nothing that was written later, where it is known without a look into segments.
  if (plan.stop.at !== 'time' && reached > latest)
    throw new Error(`${second}: ${reached} is after ${latest}`);
  if (plan.stop.at === 'time' && reached < latest) throw new Error(`${second}: no sample up to ${reached}`);
  if (from > latest) throw new Error(`${second}: the backup has ${from} already`);
}

/** Whether it is the own instant of a backup that nothing goes on from. */
function isLone(story: Story, { chain, stop }: RecoveryPlan): boolean {
  const base = story.copies.find(({ backup }) => backup.id === chain.at(-1))!;
  return stop.at === 'backup' && !isPlaced(story, base);
}

function checkRefusal(
  { before, after, refused }: RecoveryRefusal,
  intervals: readonly { from: string; to: string }[],
  time: string,
): void {
  expect(refused).toMatch(/\.$/);
  const earlier = intervals.map(({ to }) => to).filter((to) => to < time);
  const later = intervals.map(({ from }) => from).filter((from) => from > time);
  expect(before).toBe(earlier.toSorted().at(-1));
  expect(after).toBe(later.toSorted()[0]);
}
