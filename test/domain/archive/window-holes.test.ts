/** What of a service's time is called a hole when it was restored, and when that was undone. */
import { describe, expect, test } from '@jest/globals';
import type { SegmentFacts, TimelineFacts } from '../../../domain/archive/facts.ts';
import { ratesOfSettings } from '../../../domain/archive/rates.ts';
import type { RecoveryFacts } from '../../../domain/archive/reach.ts';
import { stretchOf, withSegment, type StretchFacts } from '../../../domain/archive/stretches.ts';
import { recoveryWindow, type RecoveryWindow } from '../../../domain/archive/window.ts';

const rates = ratesOfSettings({
  physical: 100_000_000,
  dump: 10_000_000,
  binlog: 10_000_000,
  fixedSeconds: 5,
});
const [first, second, third] = ['a', 'b', 'c'].map((letter) => letter.repeat(32)) as [string, string, string];

/** Of a day in June. @example at('10:00:05') */
const at = (time: string): string => `2026-06-01T${time}.000000Z`;
const fileOf = (number: number): string => `bin.${String(number).padStart(6, '0')}`;

/** Everything that a server wrote into one file, where it was stopped afterwards; a transaction a hundred bytes. */
function file(
  timeline: string,
  number: number,
  {
    from,
    to,
    gtids: [before, after],
    closed = 'stop',
  }: {
    from: string;
    to: string;
    gtids: [number, number];
    closed?: SegmentFacts['closed'] | 'crash';
  },
): SegmentFacts {
  const gtid = (sequence: number): string => (sequence === 0 ? '' : `0-1-${sequence}`);
  const end = 400 + (after - before) * 100;
  return {
    timeline,
    file: fileOf(number),
    start: 0,
    end,
    gtidBefore: gtid(before),
    wholeEnd: end,
    gtidAfter: gtid(after),
    firstEventAt: at(from),
    lastEventAt: at(to),
    sampledFrom: at(from),
    sampledTo: at(to),
    ...(closed !== 'crash' && { closed }),
    storedBytes: 100,
    sha256: 'd'.repeat(64),
    recipients: [],
    shippedAt: at(to),
  };
}

const begun: TimelineFacts = {
  id: first,
  begins: { file: fileOf(1), position: 0, gtid: '' },
  cause: 'first',
  createdAt: at('10:00:00'),
};

/** To where the full stands. */
function restored(id: string, createdAt: string, cause: TimelineFacts['cause'] = 'restore'): TimelineFacts {
  return {
    id,
    parent: first,
    branch: { file: fileOf(1), position: 500, gtid: '0-1-1' },
    branchTime: at('10:00:10'),
    begins: { file: fileOf(1), position: 0, gtid: '' },
    cause,
    createdAt: at(createdAt),
  };
}

function windowOf(
  segments: readonly SegmentFacts[],
  timelines: readonly TimelineFacts[],
  current: string,
  backups: RecoveryFacts['backups'] = [full],
): RecoveryWindow {
  const stretches = segments.reduce<readonly StretchFacts[]>(withSegment, []);
  const last = segments.findLast(({ timeline }) => timeline === current)!;
  const state = {
    timeline: current,
    archived: { file: last.file, position: last.end, gtid: last.gtidAfter },
    lookedAt: at('23:00:00'),
    lagBytes: 0,
    spoolBytes: 0,
    trouble: '',
  };
  return recoveryWindow({ backups, timelines, stretches, holes: [], state }, rates);
}

const full: RecoveryFacts['backups'][number] = {
  id: 'full',
  type: 'full',
  parent: '',
  pointInTime: at('10:00:10'),
  binlog: { file: fileOf(1), position: 500, gtid: '0-1-1' },
  timeline: first,
  uncompressedBytes: 1,
  damaged: false,
};

const before = file(first, 1, { from: '10:00:00', to: '10:30:00', gtids: [0, 9] });
const after = file(second, 1, { from: '10:30:04', to: '11:00:00', gtids: [0, 5] });

describe('after a restore', () => {
  test('the time in which the server was stopped is none, nor what the timeline that was left still has', () => {
    const { intervals, holes } = windowOf([before, after], [begun, restored(second, '10:30:04')], second);
    expect(intervals.map(({ timeline, current, from, to }) => [timeline, current, from, to])).toEqual([
      [first, true, at('10:00:10'), at('10:00:10')],
      [first, false, at('10:00:10'), at('10:30:00')],
      [second, true, at('10:30:04'), at('11:00:00')],
    ]);
    expect(holes).toEqual([]);
  });

  test('what follows the end of a server that was not stopped may be missing', () => {
    const crashed = file(first, 1, { from: '10:00:00', to: '10:30:00', gtids: [0, 9], closed: 'crash' });
    const { holes } = windowOf([crashed, after], [begun, restored(second, '10:30:04')], second);
    expect(holes).toEqual([
      {
        timeline: second,
        from: at('10:30:00'),
        to: at('10:30:04'),
        cause: 'left_timeline',
        message: expect.stringMatching(/not archived\.$/),
      },
    ]);
  });

  describe('that did not come at once', () => {
    const evening = file(second, 1, { from: '19:00:00', to: '20:00:00', gtids: [0, 5] });
    const lost = [{ timeline: second, from: at('10:30:00'), to: at('19:00:00'), cause: 'left_timeline' }];
    const holesWith = (replaced?: { file: string; position: number }): RecoveryWindow['holes'] => {
      const timeline = { ...restored(second, '19:00:00'), ...(replaced && { replaced }) };
      return windowOf([before, evening], [begun, timeline], second).holes;
    };

    test('the server may have been started again in between', () => {
      expect(holesWith()).toMatchObject(lost);
    });

    test('there is no hole where the binlog that was replaced ended with what is archived', () => {
      expect(holesWith({ file: before.file, position: before.end })).toEqual([]);
    });

    test('there is one where it went on behind that', () => {
      expect(holesWith({ file: before.file, position: before.end + 23 })).toMatchObject(lost);
      expect(holesWith({ file: fileOf(2), position: before.end })).toMatchObject(lost);
    });
  });

  test('however soon, there is one where the binlog that was replaced went on behind what is archived', () => {
    const timeline = { ...restored(second, '10:30:04'), replaced: { file: fileOf(2), position: 500 } };
    const { holes } = windowOf([before, after], [begun, timeline], second);
    expect(holes).toMatchObject([{ from: at('10:30:00'), to: at('10:30:04'), cause: 'left_timeline' }]);
  });

  test('so may what was written where the server went on elsewhere for another reason', () => {
    const { holes } = windowOf([before, after], [begun, restored(second, '10:30:04', 'failover')], second);
    expect(holes).toMatchObject([{ from: at('10:30:00'), to: at('10:30:04'), cause: 'left_timeline' }]);
  });

  test('and what was written on a timeline of which nothing is archived', () => {
    const timelines = [begun, restored(second, '10:30:02'), restored(third, '10:30:04')];
    const { holes } = windowOf([before, { ...after, timeline: third }], timelines, third);
    expect(holes).toMatchObject([{ from: at('10:30:00'), to: at('10:30:04'), cause: 'left_timeline' }]);
  });

  test('binlogs that no backup leads to are a hole, whatever timeline they are of', () => {
    const { parent: _, branch: __, branchTime: ___, ...apart } = restored(second, '10:30:04');
    const last = file(third, 1, { from: '11:00:03', to: '12:00:00', gtids: [0, 5] });
    const { holes } = windowOf([before, after, last], [begun, apart, restored(third, '11:00:03')], third);
    expect(holes).toMatchObject([
      { timeline: second, from: at('10:30:04'), to: at('11:00:00'), cause: 'no_backup' },
    ]);
  });
});

describe('after a restore that was undone', () => {
  const again = file(first, 2, { from: '11:00:03', to: '11:30:00', gtids: [9, 12] });
  const timelines = [begun, restored(second, '10:30:04')];

  test('there is none', () => {
    const { holes } = windowOf([before, after, again], timelines, first);
    expect(holes).toEqual([]);
  });

  test('nor is there after another one', () => {
    const last = file(third, 1, { from: '11:30:05', to: '12:00:00', gtids: [0, 2] });
    const all = [before, after, again, last];
    const { intervals, holes } = windowOf(all, [...timelines, restored(third, '11:30:05')], third);
    expect(intervals.filter(({ current }) => current).map(({ timeline }) => timeline)).toEqual([
      first,
      third,
    ]);
    expect(holes).toEqual([]);
  });
});

test('a stretch was closed as its last segment was', () => {
  const rotated = file(first, 1, { from: '10:00:00', to: '10:10:00', gtids: [0, 1], closed: 'rotate' });
  const open = { ...file(first, 2, { from: '10:10:00', to: '10:20:00', gtids: [1, 2], closed: 'crash' }) };
  expect(stretchOf(rotated).closed).toBe('rotate');
  const [grown] = withSegment([stretchOf(rotated)], open);
  expect(grown).not.toHaveProperty('closed');
  expect(withSegment([grown!], { ...open, closed: 'stop' })[0]).not.toHaveProperty('closed');
  const more = { ...open, start: open.end, end: open.end + 23, wholeEnd: open.end + 23, gtidBefore: '0-1-2' };
  expect(withSegment([grown!], { ...more, closed: 'stop' })[0]).toMatchObject({ closed: 'stop' });
});
