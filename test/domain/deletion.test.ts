import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { TidemarkError } from '../../domain/errors.ts';
import { judgeDeletion } from '../../domain/retention/deletion.ts';
import type { RetentionCandidate } from '../../domain/retention/facts.ts';
import { longRun } from '../support/long.ts';

const nobody = new Map<string, string>();
const order = { cascade: false, by: 'alice' };

function backup(id: string, ...dependsOn: string[]): RetentionCandidate {
  const type = dependsOn.length === 0 ? 'full' : 'incremental';
  return { id, type, status: 'Succeeded', createdAt: `2026-03-0${id.length}`, dependsOn, storedBytes: 1 };
}

const chain = [backup('a'), backup('bb', 'a'), backup('ccc', 'bb'), backup('other')];

function refusal(work: () => unknown): [string, string] {
  try {
    work();
  } catch (error) {
    if (error instanceof TidemarkError) return [error.code, error.message];
    throw error;
  }
  throw new Error('it was not refused');
}

describe('deleting a backup', () => {
  test('that nothing depends on removes that one, and says on whose instruction', () => {
    expect(judgeDeletion({ candidates: chain, pins: nobody }, 'ccc', order)).toEqual([
      { id: 'ccc', keep: false, reason: 'It was deleted on the instruction of alice.' },
    ]);
  });

  test('is refused while others depend on it, over several steps, naming all of them', () => {
    const [code, message] = refusal(() =>
      judgeDeletion({ candidates: chain, pins: nobody }, 'a', { ...order }),
    );
    expect(code).toBe('backup_needed');
    expect(message).toBe(
      '2 backups depend on the backup a, and could not be restored without it: bb, ccc. Delete those first, or all of them at once with "cascade=true". Nothing was removed.',
    );
  });

  test('names so many as can be read', () => {
    const many = Array.from({ length: 30 }, (_, index) => ({ ...backup('bb', 'a'), id: `b${index}` }));
    const [, message] = refusal(() =>
      judgeDeletion({ candidates: [backup('a'), ...many], pins: nobody }, 'a', order),
    );
    expect(message).toContain('b19 and 10 more.');
    expect(message).not.toContain('b20');
  });

  test('with all that depends on it begins with what nothing depends on', () => {
    const verdicts = judgeDeletion({ candidates: chain, pins: nobody }, 'a', { ...order, cascade: true });
    expect(verdicts.map(({ id }) => id)).toEqual(['ccc', 'bb', 'a']);
    expect(verdicts[0]?.reason).toContain('It depends on the backup a');
  });

  test.each(['Scheduled', 'Running'] as const)('is refused while it is %s', (status) => {
    const candidates = [{ ...backup('a'), status }];
    const [code, message] = refusal(() => judgeDeletion({ candidates, pins: nobody }, 'a', order));
    expect([code, message]).toEqual(['backup_in_use', expect.stringContaining(`It is ${status}`)]);
  });

  test.each(['a', 'ccc'])('is refused while a restore uses %s, naming who and what', (used) => {
    const pins = new Map([[used, 'Restore 12, which is Running, needs it.']]);
    const [code, message] = refusal(() =>
      judgeDeletion({ candidates: chain, pins }, 'a', { ...order, cascade: true }),
    );
    expect([code, message]).toEqual(['backup_in_use', expect.stringMatching(/Restore 12.*Nothing was rem/)]);
    expect(message).toContain(used);
  });

  test('does not wait for what came to nothing, and leaves it', () => {
    const failed = { ...backup('bb', 'a'), status: 'Failed' as const };
    const verdicts = judgeDeletion({ candidates: [backup('a'), failed], pins: nobody }, 'a', order);
    expect(verdicts.map(({ id }) => id)).toEqual(['a']);
  });

  test('that is not there any more is refused as such', () => {
    expect(refusal(() => judgeDeletion({ candidates: chain, pins: nobody }, 'x', order))[0]).toBe(
      'backup_not_found',
    );
  });
});

/** A forest: each backup builds on one before it, or on none. */
const forest = fc
  .array(
    fc.record({
      base: fc.option(fc.nat(20), { nil: undefined }),
      status: fc.constantFrom('Succeeded', 'Succeeded', 'Succeeded', 'Failed', 'Running'),
      pinned: fc.boolean(),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((entries) => ({
    candidates: entries.map(({ base, status }, index): RetentionCandidate => ({
      ...backup('x', ...(base === undefined || index === 0 ? [] : [`b${base % index}`])),
      id: `b${index}`,
      status,
    })),
    pins: new Map(
      entries.flatMap(({ pinned }, index) => (pinned && index % 3 === 0 ? [[`b${index}`, 'Used.']] : [])),
    ),
  }));

test('whatever there is, what stays is whole, and it is refused for a reason alone', () => {
  fc.assert(
    fc.property(forest, fc.nat(11), fc.boolean(), ({ candidates, pins }, index, cascade) => {
      const id = `b${index % candidates.length}`;
      const isAlive = ({ status }: RetentionCandidate): boolean => status !== 'Failed';
      // The plain model: whoever is alive and has one of the doomed for its base is doomed, until nobody is added.
      const doomed = new Set([id]);
      for (let size = 0; size < doomed.size;) {
        size = doomed.size;
        for (const one of candidates)
          if (isAlive(one) && one.dependsOn.some((base) => doomed.has(base))) doomed.add(one.id);
      }
      const used = candidates.some(
        (one) => doomed.has(one.id) && (one.status === 'Running' || pins.has(one.id)),
      );
      const judge = () => judgeDeletion({ candidates, pins }, id, { cascade, by: 'alice' });
      if (!cascade && doomed.size > 1) {
        expect(refusal(judge)[0]).toBe('backup_needed');
      } else if (used) {
        expect(refusal(judge)[0]).toBe('backup_in_use');
      } else {
        const removed = judge().map((verdict) => verdict.id);
        expect(new Set(removed)).toEqual(doomed);
        expect(removed.at(-1)).toBe(id);
        for (const [place, one] of removed.entries())
          for (const base of candidates.find((other) => other.id === one)?.dependsOn ?? [])
            if (doomed.has(base)) expect(removed.indexOf(base)).toBeGreaterThan(place);
      }
    }),
    { numRuns: longRun ? 20_000 : 1_000 },
  );
});
