/** How fast a host restores, by what its restores took. */
import { describe, expect, test } from '@jest/globals';
import type { ArchivedBackup } from '../../../domain/archive/backups.ts';
import {
  type RestoreRates,
  secondsOf,
  secondsOfChain,
  type Stage,
  wholeEstimate,
  workOf,
} from '../../../domain/archive/estimate.ts';
import { type KeptMeasurement, ratesFrom, ratesOfSettings } from '../../../domain/archive/rates.ts';

const settings = ratesOfSettings({
  physical: 150_000_000,
  dump: 20_000_000,
  binlog: 5_000_000,
  fixedSeconds: 10,
});
const giga = 1_000_000_000;

/** A minute apart; the last one is the newest. */
function measured(
  stage: Stage,
  all: readonly (readonly [bytes: number, seconds: number])[],
): KeptMeasurement[] {
  return all.map(([bytes, seconds], minute) => ({
    stage,
    bytes,
    seconds,
    at: new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString(),
  }));
}

const taking = (rates: RestoreRates, stage: Stage, bytes: number): number =>
  secondsOf([{ stage, bytes }], rates);

/** How far off, as a share of what it took. */
const off = (estimated: number, took: number): number => Math.abs(estimated / took - 1);

describe('the rates of a host', () => {
  test('are those of the settings until something was measured, stage by stage', () => {
    expect(ratesFrom(settings, [])).toEqual(settings);
    expect(taking(settings, 'fetching', giga) + taking(settings, 'preparing', giga)).toBeCloseTo(
      giga / 150e6,
    );
    const rates = ratesFrom(settings, measured('fetching', [[giga, 20]]));
    expect(rates.fetching.measured).toEqual({ times: 1, last: '2026-01-01T00:00:00.000Z' });
    expect({ ...rates, fetching: settings.fetching }).toEqual(settings);
  });

  test.each<[string, number, number]>([
    ['a small one that took long', 1e6, 3],
    ['a small one that took no time', 1e6, 0.05],
    ['a large one on a slow host', 50 * giga, 3_000],
    ['a large one on a fast host', 50 * giga, 40],
    ['an empty one', 0, 0.4],
  ])('follow a single restore: %s', (_, bytes, took) => {
    for (const stage of ['fetching', 'applying', 'loading', 'replaying'] as const) {
      const rates = ratesFrom(settings, measured(stage, [[bytes, took]]));
      expect(off(taking(rates, stage, bytes), took)).toBeLessThan(0.15);
    }
  });

  test('a small restore that took its time says nothing of how long a large one takes for each byte', () => {
    const rates = ratesFrom(settings, measured('fetching', [[1e6, 2]]));
    const byte = (taking(rates, 'fetching', 100 * giga) - taking(rates, 'fetching', 0)) / (100 * giga);
    expect(off(byte, 1 / settings.fetching.bytesPerSecond)).toBeLessThan(0.05);
  });

  test('two sizes tell what a stage takes in any case and what it takes for each byte, also for sizes between and beyond', () => {
    const took = (bytes: number): number => 2 + bytes / 40e6;
    const seen = [50e6, 5 * giga].map((bytes) => [bytes, took(bytes)] as const);
    const rates = ratesFrom(settings, measured('fetching', seen));
    for (const bytes of [1e6, 50e6, giga, 5 * giga, 50 * giga]) {
      expect(off(taking(rates, 'fetching', bytes), took(bytes))).toBeLessThan(0.12);
    }
  });

  test('what any restore takes is the mean of what it took, the latest counting most', () => {
    const rates = ratesFrom(
      settings,
      measured('rest', [
        [0, 8],
        [0, 8],
        [0, 8],
        [0, 4],
        [0, 4],
        [0, 4],
      ]),
    );
    expect(rates.rest.bytesPerSecond).toBe(Infinity);
    expect(rates.rest.seconds).toBeGreaterThan(4);
    expect(rates.rest.seconds).toBeLessThan(5.5);
  });

  test('a host that became twice as slow is believed to be slow after a few restores', () => {
    const seen = Array.from({ length: 8 }, (_, turn) => [giga, turn < 4 ? 10 : 20] as const);
    const rates = ratesFrom(settings, measured('fetching', seen));
    expect(off(taking(rates, 'fetching', giga), 20)).toBeLessThan(0.3);
  });

  test('whatever was measured, nothing takes less than no time, and more takes no less', () => {
    let seed = 1;
    const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    for (let round = 0; round < 500; round += 1) {
      const seen = Array.from(
        { length: 1 + Math.floor(random() * 6) },
        () => [Math.floor(10 ** (random() * 12)), 10 ** (random() * 8 - 4)] as const,
      );
      const rates = ratesFrom(settings, measured('replaying', seen));
      let before = 0;
      for (const bytes of [0, 1, 1e3, 1e6, 1e9, 1e12]) {
        const seconds = taking(rates, 'replaying', bytes);
        expect(Number.isFinite(seconds)).toBe(true);
        expect(seconds).toBeGreaterThanOrEqual(before);
        before = seconds;
      }
    }
  });

  test('hosts of any speed are estimated within 30 % after three restores of one size', () => {
    for (const speed of [0.05, 0.3, 1, 3, 20]) {
      for (const bytes of [1e6, 100e6, 10 * giga]) {
        const took = 0.8 + bytes / (100e6 * speed);
        const noise = [0.9, 1.1, 1];
        const rates = ratesFrom(
          settings,
          measured(
            'preparing',
            noise.map((factor) => [bytes, took * factor] as const),
          ),
        );
        expect(off(taking(rates, 'preparing', bytes), took)).toBeLessThan(0.3);
      }
    }
  });
});

describe('what a restore would do', () => {
  test('a chain is fetched, prepared and applied, a dump is loaded, binlogs are replayed where there are any', () => {
    expect(workOf([10, 2, 3], false, 7)).toEqual([
      { stage: 'fetching', bytes: 10 },
      { stage: 'preparing', bytes: 10 },
      { stage: 'applying', bytes: 2 },
      { stage: 'applying', bytes: 3 },
      { stage: 'rest', bytes: 0 },
      { stage: 'replaying', bytes: 7 },
    ]);
    expect(workOf([10], true, 0)).toEqual([
      { stage: 'loading', bytes: 10 },
      { stage: 'rest', bytes: 0 },
    ]);
  });

  test('an incremental is as large as what is stored of it, unpacked as its full was', () => {
    const backup = (type: 'full' | 'incremental', storedBytes: number): ArchivedBackup => ({
      id: type,
      type,
      parent: '',
      pointInTime: '2026-01-01T00:00:00Z',
      uncompressedBytes: 3 * giga,
      storedBytes,
      damaged: false,
    });
    const full = backup('full', giga);
    const alone = secondsOfChain([full], 0, settings);
    const more = secondsOfChain([full, backup('incremental', 100e6)], 0, settings);
    expect(alone).toBeCloseTo(10 + (3 * giga) / 150e6);
    expect(more - alone).toBeCloseTo(300e6 / 150e6);
  });

  test('an estimate is whole seconds, and never none', () => {
    expect([0, 0.4, 1.4, 1.6, 90.2].map(wholeEstimate)).toEqual([1, 1, 1, 2, 90]);
  });
});
