/** Archived binlogs in the catalog: what is reported twice, what is joined, what is forgotten, and what is left. */
import { describe, expect, test } from '@jest/globals';
import type { HoleFacts, SegmentFacts, TimelineFacts } from '../../domain/archive/facts.ts';
import type { StretchFacts } from '../../domain/archive/stretches.ts';
import { fileBytes, fileName, gtidAt, instantAt, report, segment } from './archive-records.ts';
import { describeOnBoth } from './databases.ts';
import { registered } from './records.ts';

const one = '1'.repeat(32);
const two = '2'.repeat(32);
const tenths = Array.from({ length: 10 }, (_, index) => [index * 100_000, (index + 1) * 100_000] as const);

function inTenths(timeline: string, number: number): SegmentFacts[] {
  return tenths.map((range) => segment(timeline, number, range));
}

function whole(timeline: string, number: number): SegmentFacts {
  return segment(timeline, number, [0, fileBytes]);
}

function stretch(
  [fromNumber, from]: readonly [number, number],
  [toNumber, to]: readonly [number, number],
  values: Partial<StretchFacts> = {},
): Partial<StretchFacts> {
  return {
    fromFile: fileName(fromNumber),
    fromPosition: from,
    fromGtid: gtidAt(fromNumber, from),
    fromTime: instantAt(fromNumber, from),
    toFile: fileName(toNumber),
    toPosition: to,
    toGtid: gtidAt(toNumber, to),
    endFile: fileName(toNumber),
    endPosition: to,
    toTime: instantAt(toNumber, to),
    unsampled: [],
    bytes: (toNumber - fromNumber) * fileBytes + to - from,
    storedBytes: ((toNumber - fromNumber) * fileBytes + to - from) / 4,
    ...values,
  };
}

describeOnBoth('archived binlogs', (database) => {
  const service = async (): Promise<string> => (await registered(database.catalog)).serviceId;
  const stretches = async (id: string): Promise<StretchFacts[]> =>
    (await database.catalog.archiveFacts(id)).stretches;
  const record = async (id: string, segments: SegmentFacts[], joined: SegmentFacts[] = []): Promise<void> => {
    await database.catalog.recordArchive(id, report(one, { segments, joined }));
  };

  describe('segments', () => {
    test('come back as they were reported, in the order of the binlog also after its millionth file', async () => {
      const id = await service();
      const segments = [999_999, 1_000_000].flatMap((number) => inTenths(one, number));
      await record(id, segments);
      const from = { timeline: one, file: fileName(999_999), position: 0 };
      expect(await database.catalog.segmentsFrom(id, from, 100)).toEqual(segments);
      // From the one that has the place in it.
      const inside = { ...from, position: 950_001 };
      expect(await database.catalog.segmentsFrom(id, inside, 3)).toEqual(segments.slice(9, 12));
      const between = { ...from, position: 900_000 };
      expect(await database.catalog.segmentsFrom(id, between, 1)).toEqual(segments.slice(9, 10));
      expect(await database.catalog.segmentsFrom(id, { ...from, timeline: two }, 10)).toEqual([]);
    });

    test('of one file are found on all timelines', async () => {
      const id = await service();
      await database.catalog.recordArchive(id, report(two, { segments: [whole(two, 7), whole(two, 8)] }));
      await record(id, inTenths(one, 7));
      const found = await database.catalog.segmentsOfFile(id, fileName(7));
      expect(found).toEqual([...inTenths(one, 7), whole(two, 7)]);
      expect(await database.catalog.segmentsOfFile(id, 'other.000007')).toEqual([]);
      expect(await database.catalog.segmentsOfFile(await service(), fileName(7))).toEqual([]);
    });

    test('without events, samples and recipients come back without them', async () => {
      const id = await service();
      const {
        firstEventAt: _1,
        lastEventAt: _2,
        sampledFrom: _3,
        sampledTo: _4,
        ...bare
      } = segment(one, 1, [0, 500]);
      await record(id, [{ ...bare, recipients: [] }]);
      expect(await database.catalog.segmentsOfFile(id, fileName(1))).toEqual([{ ...bare, recipients: [] }]);
      const [only] = await stretches(id);
      expect(only).toMatchObject({ toPosition: 0, endPosition: 500 });
      expect(only).not.toHaveProperty('fromTime');
    });
  });

  describe('stretches', () => {
    test('grow with their segments, whatever the order in which those come, and however often', async () => {
      const id = await service();
      const segments = [...inTenths(one, 1), ...inTenths(one, 2)];
      const backwards = segments.toReversed();
      for (const part of [backwards.slice(0, 7), segments.slice(2, 5), backwards, segments]) {
        await record(id, part);
      }
      expect(await stretches(id)).toEqual([
        expect.objectContaining(stretch([1, 0], [2, fileBytes], { segments: 20 })),
      ]);
    });

    test('are as they were when a report is told again after its segments were joined', async () => {
      const id = await service();
      await record(id, inTenths(one, 1));
      await record(id, [whole(one, 1)], inTenths(one, 1));
      const after = await database.catalog.archiveFacts(id);
      expect(after.stretches).toEqual([
        expect.objectContaining(stretch([1, 0], [1, fileBytes], { segments: 1 })),
      ]);
      await record(id, inTenths(one, 1));
      await record(id, [whole(one, 1)], inTenths(one, 1));
      expect(await database.catalog.archiveFacts(id)).toEqual(after);
      expect(await database.catalog.segmentsOfFile(id, fileName(1))).toEqual([whole(one, 1)]);
    });

    test('have a joined segment in the place of small ones although nobody told that it is', async () => {
      const id = await service();
      const others = [segment(one, 1, [0, 100_000]), segment(two, 2, [0, 500_000])];
      await database.catalog.recordArchive(id, report(two, { segments: others.slice(1) }));
      await record(id, [others[0]!, ...inTenths(one, 2)]);
      await record(id, [whole(one, 2)]);
      expect(await database.catalog.segmentsOfFile(id, fileName(2))).toEqual([whole(one, 2), others[1]]);
      expect(await database.catalog.segmentsOfFile(id, fileName(1))).toEqual([others[0]]);
      const found = (await stretches(id)).find(
        ({ timeline, fromFile }) => timeline === one && fromFile === fileName(2),
      );
      expect(found).toMatchObject(stretch([2, 0], [2, fileBytes], { segments: 1 }));
    });

    test('end where bytes, a file or a state is missing', async () => {
      const id = await service();
      const [first, , ...others] = inTenths(one, 1);
      await record(id, [first!, ...others]);
      // The second file is missing.
      await record(id, [whole(one, 3)]);
      // The fourth begins with another state.
      await record(id, [{ ...whole(one, 4), gtidBefore: '0-1-7777' }]);
      // Another server's binlog of another name.
      await record(id, [{ ...whole(one, 5), file: 'other.000005' }]);
      const facts = await stretches(id);
      expect(facts.map(({ fromFile, fromPosition }) => [fromFile, fromPosition])).toEqual([
        [fileName(1), 0],
        [fileName(1), 200_000],
        [fileName(3), 0],
        [fileName(4), 0],
        ['other.000005', 0],
      ]);
      expect(facts[0]).toMatchObject(stretch([1, 0], [1, 100_000]));
    });

    test('go on after a crash, which leaves a file without its last event', async () => {
      const id = await service();
      const cut = segment(one, 1, [0, 400_500]);
      await record(id, [cut]);
      const next = { ...whole(one, 2), gtidBefore: gtidAt(1, 400_000), gtidAfter: '0-1-1400,7-1-3' };
      await record(id, [next]);
      await record(id, [{ ...whole(one, 3), gtidBefore: '7-1-3,0-1-1400' }]);
      const facts = await stretches(id);
      expect(facts).toHaveLength(1);
      expect(facts[0]).toMatchObject({ fromFile: fileName(1), toFile: fileName(3), segments: 3 });
    });

    test('end where the last whole transaction does', async () => {
      const id = await service();
      await record(id, [segment(one, 1, [0, 5_500]), segment(one, 1, [5_500, 5_900])]);
      expect(await stretches(id)).toEqual([
        expect.objectContaining({ toPosition: 5_000, toGtid: '0-1-5', endPosition: 5_900 }),
      ]);
    });

    test('know when nobody looked at the clock', async () => {
      const id = await service();
      const [a, b, c, d] = inTenths(one, 1) as [SegmentFacts, SegmentFacts, SegmentFacts, SegmentFacts];
      const { sampledFrom: _1, sampledTo: _2, ...unsampled } = b;
      await record(id, [a, unsampled, { ...c, sampledFrom: instantAt(1, 250_000) }]);
      await record(id, [{ ...d, sampledFrom: instantAt(1, 301_000) }]);
      expect((await stretches(id))[0]).toMatchObject({
        toTime: instantAt(1, 400_000),
        unsampled: [{ from: instantAt(1, 100_000), to: instantAt(1, 250_000) }],
      });
    });

    test('of two services do not meet', async () => {
      const [id, other] = [await service(), await service()];
      await record(id, [whole(one, 1)]);
      await record(other, [whole(one, 2)]);
      expect(await stretches(id)).toHaveLength(1);
      expect((await stretches(id))[0]).toMatchObject(stretch([1, 0], [1, fileBytes]));
    });
  });

  describe('forgetting', () => {
    test('the oldest segments leaves the rest of the stretch', async () => {
      const id = await service();
      const segments = [...inTenths(one, 1), ...inTenths(one, 2)];
      await record(id, segments);
      await database.catalog.forgetSegments(id, segments.slice(0, 13));
      const left = [expect.objectContaining(stretch([2, 300_000], [2, fileBytes], { segments: 7 }))];
      expect(await stretches(id)).toEqual(left);
      await database.catalog.forgetSegments(id, segments.slice(0, 13));
      expect(await stretches(id)).toEqual(left);
      await database.catalog.forgetSegments(id, segments);
      expect(await stretches(id)).toEqual([]);
      expect((await database.catalog.findFollowState([id])).size).toBe(1);
    });

    test('some in the middle cuts it in two, and they join again when they are found again', async () => {
      const id = await service();
      const segments = [...inTenths(one, 1), ...inTenths(one, 2)];
      const [before] = (await record(id, segments).then(async () => await stretches(id))) as [StretchFacts];
      await database.catalog.forgetSegments(id, segments.slice(8, 12));
      expect(await stretches(id)).toEqual([
        expect.objectContaining(stretch([1, 0], [1, 800_000], { segments: 8 })),
        expect.objectContaining(stretch([2, 200_000], [2, fileBytes], { segments: 8 })),
      ]);
      await record(id, segments.slice(8, 12));
      expect(await stretches(id)).toEqual([before]);
    });

    test('one that another holds as well cuts nothing', async () => {
      const id = await service();
      await record(id, [segment(one, 1, [0, 300_000]), segment(one, 1, [200_000, 500_000])]);
      await database.catalog.forgetSegments(id, [segment(one, 1, [0, 300_000])]);
      expect(await stretches(id)).toEqual([
        expect.objectContaining(stretch([1, 200_000], [1, 500_000], { segments: 1 })),
      ]);
    });
  });

  describe('timelines, holes and the follower', () => {
    const timeline: TimelineFacts = {
      id: two,
      parent: one,
      branch: { file: fileName(1), position: 5_000, gtid: '0-1-5' },
      branchTime: instantAt(1, 5_000),
      begins: { file: fileName(1), position: 0, gtid: '0-1-5' },
      cause: 'restore',
      createdAt: instantAt(2, 0),
    };
    const hole: HoleFacts = {
      timeline: one,
      from: { file: fileName(1), position: fileBytes, gtid: gtidAt(1, fileBytes) },
      fromTime: instantAt(1, fileBytes),
      cause: 'binlog_off',
      message: 'The binlog was switched off.',
      foundAt: instantAt(1, fileBytes),
    };

    test('a timeline is written once', async () => {
      const id = await service();
      await database.catalog.recordArchive(id, report(one, { timelines: [timeline] }));
      const again = { ...timeline, cause: 'reset' as const };
      await database.catalog.recordArchive(id, report(one, { timelines: [again] }));
      expect((await database.catalog.archiveFacts(id)).timelines).toEqual([timeline]);
    });

    test('a hole that goes on is ended once, and not opened again by a report that is told again', async () => {
      const id = await service();
      const to = { file: fileName(3), position: 0, gtid: gtidAt(3, 0) };
      const ended = { ...hole, to, toTime: instantAt(3, 0), message: 'It was off for a while.' };
      for (const holes of [[hole], [hole], [ended], [hole], [{ ...ended, toTime: instantAt(4, 0) }]]) {
        await database.catalog.recordArchive(id, report(one, { holes }));
      }
      expect((await database.catalog.archiveFacts(id)).holes).toEqual([ended]);
    });

    test('a follower is where its newest report says', async () => {
      const [id, other] = [await service(), await service()];
      const newer = report(one, { segments: [whole(one, 2)] });
      await database.catalog.recordArchive(id, newer);
      await database.catalog.recordArchive(id, report(one, { segments: [whole(one, 1)] }));
      const found = await database.catalog.findFollowState([id, other]);
      expect([...found]).toEqual([[id, newer.state]]);
      expect(await database.catalog.findFollowState([])).toEqual(new Map());
    });

    test('a follower whose clock was ahead is believed again once it is right', async () => {
      const id = await service();
      const { state } = report(one);
      const now = new Date().toISOString();
      for (const lookedAt of ['2200-01-01T00:00:00Z', now]) {
        await database.catalog.recordArchive(id, report(one, { state: { ...state, lookedAt } }));
      }
      expect((await database.catalog.findFollowState([id])).get(id)?.lookedAt).toBe(now);
    });

    test('of a service that was never announced are refused', async () => {
      await expect(database.catalog.recordArchive('db-nobody', report(one))).rejects.toMatchObject({
        code: 'service_not_found',
      });
    });
  });
});
