import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Chain, chainGap, type ChainMember, chooseBase } from '../../domain/chain.ts';
import type { ChainSettings } from '../../domain/service-settings.ts';

const limits: ChainSettings = { base: 'last', maxChain: 3, maxShare: 100 };

function at(minute: number): string {
  return new Date(Date.parse('2026-03-26T12:00:00.000Z') + minute * 60_000).toISOString();
}

function member(id: string, minute: number, parent = '', changes: Partial<ChainMember> = {}): ChainMember {
  return {
    id,
    parent,
    createdAt: at(minute),
    storedBytes: parent === '' ? 100 : 10,
    damaged: false,
    ...changes,
  };
}

function chosen(members: ChainMember[], settings: Partial<ChainSettings> = {}, replacedAt?: string): string {
  const choice = chooseBase({ members, ...(replacedAt && { replacedAt }) }, { ...limits, ...settings });
  return 'chain' in choice ? choice.chain.map(({ id }) => id).join(' ') : choice.reason;
}

const long = [member('f', 0), member('i1', 1, 'f'), member('i2', 2, 'i1')];

describe('what an incremental builds on', () => {
  test('is the newest backup of the newest full, with the chain that leads to it', () => {
    expect(chosen(long)).toBe('f i1 i2');
    expect(chosen([...long, member('f2', 3)])).toBe('f2');
  });

  test('is the full itself where the setting says so', () => {
    expect(chosen(long, { base: 'full' })).toBe('f');
  });

  test('is nothing where there is no full', () => {
    expect(chosen([])).toBe(
      'There is no full backup of this service in this storage that an incremental could build on.',
    );
  });

  test('is not what lost a link: the newest that is whole is taken', () => {
    expect(chosen([member('f', 0), member('i1', 1, 'f'), member('i3', 3, 'gone')])).toBe('f i1');
  });

  test('is nothing on a chain with damage', () => {
    const members = [member('f', 0), member('i1', 1, 'f', { damaged: true }), member('i2', 2, 'i1')];
    expect(chosen(members)).toBe('The backup i1, which an incremental would build on, is damaged.');
    expect(chosen(members, { base: 'full' })).toBe('f');
  });

  test('is nothing of before a restore', () => {
    expect(chosen(long, {}, at(3))).toBe('The service was restored after the backup i2 was taken.');
    expect(chosen([...long, member('f2', 4)], {}, at(3))).toBe('f2');
  });

  test('is nothing once the chain is as long as it may be', () => {
    const choice = chooseBase({ members: [...long, member('i3', 3, 'i2')] }, limits);
    expect(choice).toEqual({
      reason: 'The chain has 3 incrementals on its full f, and max_chain is 3.',
      limit: 'max_chain',
    });
    expect(chosen([member('f', 0)], { maxChain: 0 })).toContain('max_chain is 0');
    expect(chosen([...long, member('i3', 3, 'i2')], { base: 'full' })).toBe('f');
  });

  test('is nothing once the incrementals have more than their share of the full', () => {
    const members = [member('f', 0), member('i1', 1, 'f', { storedBytes: 60 })];
    expect(chosen(members, { maxShare: 60 })).toBe('f i1');
    const more = [...members, member('i2', 2, 'i1', { storedBytes: 1 })];
    expect(chosen(more, { maxShare: 60 })).toBe(
      'The incrementals on the full f have 61 bytes, more than max_share, 60 %, of its 100.',
    );
    // From a full, each holds all that the ones before it held.
    expect(
      chosen([...members, member('i2', 2, 'f', { storedBytes: 50 })], { base: 'full', maxShare: 55 }),
    ).toBe('f');
    expect(chosen(members, { base: 'full', maxShare: 55 })).toContain('60 bytes');
  });
});

test('a chain is whole, is the newest there is, and keeps its limits, whatever there is and was', () => {
  const history = fc.array(
    fc.record({
      parent: fc.option(fc.nat(20), { nil: undefined }),
      storedBytes: fc.nat(200),
      damaged: fc.boolean(),
      lost: fc.boolean(),
    }),
    { maxLength: 20 },
  );
  const settings = fc.record({
    base: fc.constantFrom('last' as const, 'full' as const),
    maxChain: fc.nat(4),
    maxShare: fc.integer({ min: 1, max: 300 }),
  });
  fc.assert(
    fc.property(history, settings, fc.option(fc.nat(20), { nil: undefined }), (rows, limit, replaced) => {
      const all = rows.map(({ parent, storedBytes, damaged }, index): ChainMember => {
        // Only what was there before can be built on.
        const on = parent === undefined || parent >= index ? '' : `b${parent}`;
        return member(`b${index}`, index, on, { storedBytes, damaged });
      });
      const members = all.filter((_, index) => rows[index]?.lost === false);
      const replacedAt = replaced === undefined ? undefined : at(replaced);
      const choice = chooseBase({ members, ...(replacedAt && { replacedAt }) }, limit);
      const best = candidates(members, limit.base);
      if ('reason' in choice) {
        const [chain] = best;
        const reasons = !chain || isUnfit(chain, limit, replacedAt) || isTooLarge(members, chain, limit);
        expect(reasons).toBe(true);
        return;
      }
      expect(choice.chain).toEqual(best[0]);
      expect(isUnfit(choice.chain, limit, replacedAt)).toBe(false);
      expect(isTooLarge(members, choice.chain, limit)).toBe(false);
    }),
  );
});

/** Slow and obvious: every whole chain on the newest full, the one that ends with the newest first. */
function candidates(members: readonly ChainMember[], base: ChainSettings['base']): Chain[] {
  const chains: Chain[] = [];
  const grow = (chain: Chain): void => {
    chains.push(chain);
    for (const next of members) {
      if (next.parent === chain.at(-1)?.id) grow([...chain, next] as unknown as Chain);
    }
  };
  const fulls = members
    .filter(({ parent }) => parent === '')
    .toSorted((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  if (fulls[0]) grow([fulls[0]]);
  if (base === 'full') return chains.filter(({ length }) => length === 1);
  return chains.toSorted((a, b) => ((a.at(-1)?.createdAt ?? '') < (b.at(-1)?.createdAt ?? '') ? 1 : -1));
}

function isUnfit(chain: Chain, { maxChain }: ChainSettings, replacedAt: string | undefined): boolean {
  const last = chain.at(-1) ?? chain[0];
  return (
    chain.some(({ damaged }) => damaged) ||
    (replacedAt !== undefined && replacedAt >= last.createdAt) ||
    chain.length > maxChain
  );
}

function isTooLarge(
  members: readonly ChainMember[],
  chain: Chain,
  { base, maxShare }: ChainSettings,
): boolean {
  // On a full alone, each holds what the one before held, so that the newest decides.
  const newest = candidates(members, 'last').find(({ length }) => length > 1);
  const counted = base === 'full' ? (newest?.slice(-1) ?? []) : chain.slice(1);
  const bytes = counted.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  return bytes > (chain[0].storedBytes * maxShare) / 100;
}

describe('a backup goes on where another one ends', () => {
  const before = { backupId: 'f', lineage: { parent: '', server: 'life', fromLsn: 0, toLsn: 7 } };
  const lineage = { parent: 'f', server: 'life', fromLsn: 7, toLsn: 9 };

  test('with its id, in the same life of the server, at the very LSN', () => {
    expect(chainGap(before, { backupId: 'i', lineage })).toBeUndefined();
    for (const change of [{ parent: 'other' }, { server: 'another' }, { fromLsn: 6 }, { fromLsn: 8 }]) {
      expect(chainGap(before, { backupId: 'i', lineage: { ...lineage, ...change } })).toBe(
        'The backup i does not go on where f ends.',
      );
    }
  });
});
