/** When transactions were committed, as far as samples of the server's clock tell. */
import { expect, test } from '@jest/globals';
import { CommitClock, type CommitTime } from '../../../domain/archive/commit-clock.ts';
import type { ClockSample } from '../../../domain/archive/facts.ts';
import { microInstant } from '../../../domain/archive/instants.ts';

const second = 1_000_000;
const at = (seconds: number): string => microInstant(seconds * second);
/** Taken within a millisecond. */
const sample = (seconds: number, position: number): ClockSample => ({
  t0: at(seconds),
  position,
  t1: at(seconds + 0.001),
});

interface Written {
  end: number;
  endedAt: number;
}

function clockOf(): { clock: CommitClock<Written>; known: [number, CommitTime][] } {
  const known: [number, CommitTime][] = [];
  return { clock: new CommitClock<Written>(({ end }, time) => known.push([end, time])), known };
}

const sampled = (before: number, after: number): CommitTime => ({
  time: at(after + 0.001),
  notBefore: at(before),
  resolution: 'commit_clock',
});

test('a transaction was written between the two samples that it lies between, whatever its events say', () => {
  const { clock, known } = clockOf();
  clock.sampled([sample(100, 10), sample(100.1, 10), sample(100.2, 50), sample(100.3, 90)]);
  for (const end of [40, 50, 60, 95]) clock.take({ end, endedAt: 5 });
  expect(known).toEqual([
    [40, sampled(100.1, 100.2)],
    [50, sampled(100.1, 100.2)],
    [60, sampled(100.2, 100.3)],
  ]);
  // The next segment has the sample that the last one waited for.
  clock.sampled([sample(100.4, 95), sample(100.5, 95)]);
  expect(known.at(-1)).toEqual([95, sampled(100.3, 100.4)]);
  // In the one after it, what was sampled meanwhile counts.
  clock.sampled([sample(100.6, 120)]);
  clock.take({ end: 120, endedAt: 5 });
  expect(known.at(-1)).toEqual([120, sampled(100.5, 100.6)]);
});

test('the first sample in the next file is behind everything of the one before', () => {
  const { clock, known } = clockOf();
  clock.sampled([sample(100, 10)]);
  clock.take({ end: 900, endedAt: 100 });
  clock.nextFile();
  clock.sampled([sample(100.1, 300), sample(100.2, 400)]);
  clock.take({ end: 400, endedAt: 100 });
  expect(known).toEqual([
    [900, sampled(100, 100.1)],
    [400, sampled(100.1, 100.2)],
  ]);
});

test('where nobody sampled for a while, the event tells, within what the samples allow', () => {
  const { clock, known } = clockOf();
  clock.sampled([sample(100, 10), sample(160, 500)]);
  clock.take({ end: 20, endedAt: 130 });
  clock.take({ end: 30, endedAt: 7 });
  clock.take({ end: 40, endedAt: 999 });
  clock.take({ end: 600, endedAt: 170 });
  clock.end();
  expect(known).toEqual([
    [20, { time: at(130), notBefore: at(100), resolution: 'event_time' }],
    [30, { time: at(100), notBefore: at(100), resolution: 'event_time' }],
    [40, { time: at(160.001), notBefore: at(100), resolution: 'event_time' }],
    [600, { time: at(170), notBefore: at(160), resolution: 'event_time' }],
  ]);
});

test('what had been written before the first sample has the time of its event', () => {
  const { clock, known } = clockOf();
  clock.sampled([sample(100, 50)]);
  clock.take({ end: 20, endedAt: 40 });
  expect(known).toEqual([[20, { time: at(40), resolution: 'event_time' }]]);
});
