import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { TimelineFacts } from '../../../domain/archive/facts.ts';
import {
  isPrunable,
  neededBinlogs,
  type PruningBase,
  type PruningFacts,
} from '../../../domain/archive/pruning.ts';
import { type StretchFacts, stretchOf } from '../../../domain/archive/stretches.ts';
import { fileBytes, fileName, gtidAt, segment } from '../../catalog/archive-records.ts';
import { longRun } from '../../support/long.ts';

const [one, two, three] = ['1', '2', '3'].map((digit) => digit.repeat(32)) as [string, string, string];

function stretch(timeline: string, from: number, to: number): StretchFacts {
  const last = stretchOf(segment(timeline, to, [0, fileBytes]));
  return { ...last, fromFile: fileName(from), fromPosition: 0 };
}

function timeline(id: string, parent?: string, branchFile = 0): TimelineFacts {
  const place = (number: number) => ({ file: fileName(number), position: 500, gtid: gtidAt(number, 500) });
  return {
    id,
    ...(parent !== undefined && { parent, branch: place(branchFile) }),
    begins: { file: fileName(1), position: 0, gtid: '' },
    cause: parent === undefined ? 'first' : 'behind',
    createdAt: '2026-01-01T00:00:00.000Z',
  };
}

const base = (file: number, on?: string): PruningBase => ({
  id: `b${file}`,
  file: fileName(file),
  position: 600,
  ...(on !== undefined && { timeline: on }),
});

function prunable(facts: Partial<PruningFacts>, id = one, upTo = 9): number[] {
  const needs = neededBinlogs({
    bases: [],
    unfinished: false,
    timelines: [timeline(one)],
    stretches: [stretch(one, 1, 9)],
    ...facts,
  });
  const files = Array.from({ length: upTo }, (_, index) => index + 1);
  return files.filter((number) => isPrunable(needs, id, fileName(number)));
}

describe('archived binlogs', () => {
  test('before the oldest backup that is kept go, the file that it stands in and all after it stay', () => {
    expect(prunable({ bases: [base(7, one), base(4, one)] })).toEqual([1, 2, 3]);
    expect(prunable({ bases: [base(4)] })).toEqual([1, 2, 3]);
  });

  test('of a service without any backup go, but for the file that is being archived', () => {
    expect(prunable({})).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(prunable({ followed: { timeline: one, file: fileName(9) } })).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('stay while a backup is under way, which may turn out to stand anywhere', () => {
    expect(prunable({ unfinished: true })).toEqual([]);
  });

  test('of a timeline that nothing is known of stay', () => {
    expect(prunable({ timelines: [] })).toEqual([]);
  });

  test('of a timeline that a backup leads to stay from its beginning, of one that it cannot reach go', () => {
    const facts = {
      timelines: [timeline(one), timeline(two, one, 6), timeline(three, one, 3)],
      stretches: [stretch(one, 1, 9), stretch(two, 7, 9), stretch(three, 4, 9)],
      bases: [base(5, one)],
    };
    expect(prunable(facts)).toEqual([1, 2, 3, 4]);
    expect(prunable(facts, two)).toEqual([]);
    expect(prunable(facts, three)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    // One that has come back to the branch by another way keeps it, over two steps.
    const further = { ...facts, timelines: [timeline(one), timeline(two, one, 6), timeline(three, two, 8)] };
    expect(prunable(further, three)).toEqual([]);
  });

  test('stay from the place of a backup on, on every timeline that it could be on', () => {
    const facts = {
      timelines: [timeline(one), timeline(two)],
      stretches: [stretch(one, 1, 4), stretch(two, 1, 9)],
      bases: [base(6)],
    };
    expect(prunable(facts, two)).toEqual([1, 2, 3, 4, 5]);
    expect(prunable(facts, one, 4)).toEqual([1, 2, 3, 4]);
    expect(prunable({ ...facts, bases: [base(3)] }, one, 4)).toEqual([1, 2]);
  });

  test('that are called otherwise than the file a backup stands in stay', () => {
    expect(prunable({ bases: [{ ...base(8, one), file: 'other.000008' }] })).toEqual([]);
  });
});

const ids = ['1', '2', '3', '4', '5'].map((digit) => digit.repeat(32));
const world = fc.record({
  parents: fc.array(fc.option(fc.nat(4), { nil: undefined }), { minLength: 5, maxLength: 5 }),
  branches: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 5, maxLength: 5 }),
  bases: fc.array(fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 9 })), { maxLength: 4 }),
});

test('whatever the timelines are, a file stays just when a backup that is kept can be replayed over it', () => {
  fc.assert(
    fc.property(world, ({ parents, branches, bases }) => {
      const timelines = ids.map((id, index) => {
        const parent = parents[index];
        return parent === undefined || parent >= index
          ? timeline(id)
          : timeline(id, ids[parent], branches[index]);
      });
      const facts: PruningFacts = {
        bases: bases.map(([index, file]) => base(file, ids[index])),
        unfinished: false,
        timelines,
        stretches: ids.map((id) => stretch(id, 1, 9)),
      };
      // The plain model: from each backup on, file by file, and wherever a timeline branches into that one.
      const reached = new Set<string>();
      const walk = (id: string, from: number, position: number): void => {
        for (let number = from; number <= 9; number += 1) {
          reached.add(`${id} ${number}`);
          for (const child of timelines) {
            const { branch } = child;
            if (child.parent !== id || branch?.file !== fileName(number)) continue;
            if (number > from || branch.position >= position) walk(child.id, 1, 0);
          }
        }
      };
      for (const one of facts.bases) walk(one.timeline ?? '', Number(one.file.slice(-6)), one.position);
      const needs = neededBinlogs(facts);
      for (const id of ids)
        for (let number = 1; number <= 9; number += 1)
          expect([id, number, isPrunable(needs, id, fileName(number))]).toEqual([
            id,
            number,
            !reached.has(`${id} ${number}`),
          ]);
    }),
    { numRuns: longRun ? 5_000 : 300 },
  );
});
