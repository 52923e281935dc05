/** What a header leaves in the catalog, also one in place of several. */
import { expect, test } from '@jest/globals';
import type { ClockSample } from '../../../domain/archive/facts.ts';
import { factsOf, joinedHeader, sampledOf, type SegmentHeader } from '../../../domain/archive/header.ts';
import { stretchOf, withSegment } from '../../../domain/archive/stretches.ts';
import { headerOf } from '../../storage/segments.ts';

const at = (time: string): string => `2026-01-01T${time}.000000Z`;
const sample = (time: string, position: number): ClockSample => ({ t0: at(time), position, t1: at(time) });

function sampled(start: number, end: number, clock: ClockSample[]): SegmentHeader {
  return headerOf({ start, end, clock, ...sampledOf(clock), shippedAt: '2026-01-01T12:00:00Z' });
}

const first = sampled(0, 100, [sample('10:00:00', 50), sample('10:00:01', 100)]);
const second = sampled(100, 200, [sample('11:00:00', 150), sample('11:00:01', 200)]);
const gap = { from: at('10:00:01'), to: at('11:00:00') };

test('an hour in which nobody looked is told of one segment as of the several that it stands for', () => {
  const live = [first, second].map(factsOf).reduce(withSegment, []);
  expect(live.map(({ unsampled }) => unsampled)).toEqual([[gap]]);
  const { plainSha256, storedBytes, sha256, recipients, shippedAt } = second;
  const stored = { plainSha256, storedBytes, sha256, recipients, shippedAt };
  const joined = factsOf(joinedHeader([first, second], stored));
  expect(stretchOf(joined)).toMatchObject({
    fromTime: at('10:00:00'),
    toTime: at('11:00:01'),
    unsampled: [gap],
  });
});

test('between two looks at one place nothing was written, however far apart they are', () => {
  const idle = sampled(0, 100, [sample('10:00:00', 100), sample('11:00:00', 100)]);
  expect(factsOf(idle)).not.toHaveProperty('unsampled');
  const silent = sampled(0, 100, [sample('10:00:00', 50), sample('11:00:00', 60), sample('12:00:00', 100)]);
  expect(factsOf(silent).unsampled).toEqual([{ from: at('10:00:00'), to: at('12:00:00') }]);
});
