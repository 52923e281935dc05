/** Drills: which instant is drawn, who is asked, and what is said of it. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { microInstant, microseconds } from '../../domain/archive/instants.ts';
import type { WindowInterval } from '../../domain/archive/window.ts';
import { drawInstant } from '../../domain/proofs/instant.ts';
import { drillOffset } from '../../domain/proofs/offset.ts';
import { noProver, type ProverCandidate, proversFor } from '../../domain/proofs/provers.ts';
import { differs, provenMessage } from '../../domain/proofs/verdict.ts';

const begin = microseconds('2026-01-01T00:00:00Z');
const minute = 60_000_000;

function interval(from: number, to: number, current = true): WindowInterval {
  return {
    current,
    from: microInstant(begin + from),
    to: microInstant(begin + to),
    resolution: 'commit_clock',
    unsampled: [],
    chain: ['full'],
    seconds: 1,
  };
}

describe('the instant of a drill', () => {
  const draws = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const pieces = fc.array(fc.record({ gap: fc.nat(1e10), length: fc.nat(1e12), current: fc.boolean() }), {
    minLength: 1,
    maxLength: 8,
  });

  test('lies in an interval that is current, whatever is drawn', () => {
    fc.assert(
      fc.property(pieces, draws, (parts, draw) => {
        let at = 0;
        const intervals = parts.map(({ gap, length, current }) => {
          const from = at + gap;
          at = from + length;
          return interval(from, at, current);
        });
        const time = drawInstant(intervals, draw);
        const current = intervals.filter((one) => one.current);
        if (time === undefined) expect(current).toEqual([]);
        else expect(current.some(({ from, to }) => from <= time && time <= to)).toBe(true);
      }),
    );
  });

  test('falls into each interval as often as it is long, and now and then onto a backup that stands alone', () => {
    const intervals = [
      interval(0, 0),
      interval(10 * minute, 19 * minute),
      interval(20 * minute, 30 * minute, false),
    ];
    const times = Array.from({ length: 1000 }, (_, number) => drawInstant(intervals, number / 1000) ?? '');
    const alone = times.filter((time) => time === intervals[0]?.from);
    expect(alone).toHaveLength(100);
    const others = times.filter((time) => time !== intervals[0]?.from).map(microseconds);
    expect(Math.min(...others)).toBe(begin + 10 * minute);
    expect(Math.max(...others)).toBeGreaterThan(begin + 18.9 * minute);
  });

  test('is none where nothing can be brought back', () => {
    expect(drawInstant([], 0.5)).toBeUndefined();
    expect(drawInstant([interval(0, minute, false)], 0.5)).toBeUndefined();
  });
});

describe('a prover', () => {
  const service = { serviceId: 'orders', hostname: 'db-1' };
  const candidate = (
    serviceId: string,
    hostname: string,
    changes: Partial<ProverCandidate> = {},
  ): ProverCandidate => ({
    agentId: `agent of ${serviceId}`,
    serviceId,
    hostname,
    offer: { ownHost: false },
    lastSeenAt: '2026-01-01T00:00:00.000Z',
    ...changes,
  });

  test('is on another host, whoever was heard of last first', () => {
    const found = proversFor(service, [
      candidate('same-host', 'db-1'),
      candidate('older', 'db-2'),
      candidate('newer', 'db-3', { lastSeenAt: '2026-01-01T00:05:00.000Z' }),
    ]);
    expect(found).toEqual([
      { agentId: 'agent of newer', serviceId: 'newer', hostname: 'db-3', ownHost: false },
      { agentId: 'agent of older', serviceId: 'older', hostname: 'db-2', ownHost: false },
    ]);
  });

  test('is on the same host only where its settings say so, and last; its own server after all others', () => {
    const ownHost = { offer: { ownHost: true } };
    const found = proversFor(service, [
      candidate('orders', 'db-1', ownHost),
      candidate('beside', 'db-1', ownHost),
      candidate('elsewhere', 'db-2', { lastSeenAt: '2020-01-01T00:00:00.000Z' }),
    ]);
    expect(found.map(({ serviceId, ownHost: same }) => [serviceId, same])).toEqual([
      ['elsewhere', false],
      ['beside', true],
      ['orders', true],
    ]);
  });

  test('that is missing is missed in words that say how to get one', () => {
    expect(proversFor(service, [candidate('orders', 'db-1')])).toEqual([]);
    expect(noProver(service, 0)).toMatch(
      /orders was not proven: no agent offers itself.* the setting "prover"/,
    );
    expect(noProver(service, 1)).toMatch(/runs on db-1, as the service does.*own_host: true/);
  });
});

describe('what is said of a proof', () => {
  const report = {
    reached: {},
    seconds: { fetching: 1, preparing: 2, replaying: 3, checking: 4, total: 4321 },
    tables: 3,
    rows: 12,
    digest: 'aa',
    warnings: ['The MEMORY table shop.m comes back empty: its rows are in no backup.'],
  };

  test('names the instant, the host, the time it took, and with what it was compared', () => {
    const other = { hostname: 'db-2', ownHost: false };
    expect(provenMessage('T', other, report, undefined)).toBe(
      'Brought back to T on db-2 in 1 h 12 min: 3 tables with 12 rows, each checked. No checksums were taken with the ' +
        'backup, so theirs were compared with none; they are kept with this proof. The MEMORY table shop.m comes back ' +
        'empty: its rows are in no backup.',
    );
    const own = provenMessage('T', { hostname: 'db-1', ownHost: true }, report, { id: 7, digest: 'aa' });
    expect(own).toMatch(
      /those of proof 7, of the same instant.*on the service's own host.*was not practised/,
    );
  });

  test('is another where an earlier proof of the same found something else', () => {
    expect(differs(report, undefined)).toBe(false);
    expect(differs(report, { id: 7, digest: 'aa' })).toBe(false);
    expect(differs(report, { id: 7, digest: 'bb' })).toBe(true);
  });
});

test('drills of many services do not begin together, each always at its own second', () => {
  const offsets = Array.from({ length: 300 }, (_, number) => drillOffset(`db-${number}`, 300_000));
  expect(new Set(offsets).size).toBeGreaterThan(150);
  expect(offsets.every((offset) => offset >= 0 && offset < 300)).toBe(true);
  expect(drillOffset('db-1', 300_000)).toBe(offsets[1]);
});
