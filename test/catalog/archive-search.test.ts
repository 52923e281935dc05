/** The one segment that a plan has to look into, among all of a range. */
import { expect, test } from '@jest/globals';
import type { SegmentFacts } from '../../domain/archive/facts.ts';
import { longRun } from '../support/long.ts';
import { fileBytes, fileName, instantAt, report, segment } from './archive-records.ts';
import { describeOnBoth } from './databases.ts';
import { registered } from './records.ts';

const timeline = 'c'.repeat(32);

/** Tenths of five files; every third was not sampled, and one has no event. */
const segments = Array.from({ length: 50 }, (_, index): SegmentFacts => {
  const start = (index % 10) * 100_000;
  const one = segment(timeline, 1 + Math.floor(index / 10), [start, start + 100_000]);
  const { sampledFrom: _1, sampledTo: _2, ...unsampled } = one;
  if (index === 17) {
    const { firstEventAt: _3, lastEventAt: _4, ...silent } = unsampled;
    return { ...silent, gtidAfter: one.gtidBefore, wholeEnd: one.start };
  }
  return index % 3 === 0 ? unsampled : one;
});

describeOnBoth('a segment', (database) => {
  test('is found by any instant and any transaction that it has, and none where all are earlier', async () => {
    const { catalog } = database;
    const { serviceId } = await registered(catalog);
    await catalog.recordArchive(serviceId, report(timeline, { segments }));
    const range = {
      timeline,
      from: { file: fileName(1), position: 0 },
      to: { file: fileName(5), position: fileBytes },
    };
    for (const [index, wanted] of segments.entries()) {
      if (index === 17) continue;
      // Both that lie beside the silent one among them.
      if (!longRun && index % 4 !== 0 && index !== 16 && index !== 18) continue;
      const number = 1 + Math.floor(index / 10);
      for (const inside of [1_000, 50_000, 100_000]) {
        const time = instantAt(number, wanted.start + inside);
        expect(await catalog.segmentAt(serviceId, range, { time })).toEqual(wanted);
      }
      const gtid = wanted.gtidAfter;
      expect(await catalog.segmentAt(serviceId, range, { gtid })).toEqual(wanted);
    }
    // The silent one's time is the next one's.
    const time = instantAt(2, 750_000);
    expect((await catalog.segmentAt(serviceId, range, { time }))?.start).toBe(800_000);
    for (const target of [{ time: instantAt(6, 1) }, { gtid: '0-1-5001' }, { gtid: '7-1-1' }]) {
      expect(await catalog.segmentAt(serviceId, range, target)).toBeUndefined();
    }
  });

  test('is of the range alone', async () => {
    const { catalog } = database;
    const { serviceId } = await registered(catalog);
    await catalog.recordArchive(serviceId, report(timeline, { segments }));
    const range = {
      timeline,
      from: { file: fileName(2), position: 300_000 },
      to: { file: fileName(3), position: 200_000 },
    };
    const at = async (number: number, position: number): Promise<unknown> =>
      (await catalog.segmentAt(serviceId, range, { time: instantAt(number, position) }))?.start;
    expect(await at(1, 5_000)).toBe(300_000);
    expect(await at(2, 350_000)).toBe(300_000);
    expect(await at(3, 150_000)).toBe(100_000);
    expect(await at(3, 250_000)).toBeUndefined();
    const other = { ...range, timeline: 'd'.repeat(32) };
    expect(await catalog.segmentAt(serviceId, other, { time: instantAt(2, 0) })).toBeUndefined();
  });
});
