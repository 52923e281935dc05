/** Figures from measurements. */
import { expect, test } from '@jest/globals';
import { compare, inTurns, median } from '../../bench/figures.ts';

test('the median is the middle, or the mean of the two in the middle', () => {
  expect(median([30, 10, 20])).toBe(20);
  expect(median([40, 10, 30, 20])).toBe(25);
  expect(median([7])).toBe(7);
});

test('the ratio is ours divided by the bare one, of the medians', () => {
  expect(compare([100, 300, 210.4], [200, 100, 900])).toEqual({
    ours_ms: [100, 300, 210],
    bare_ms: [200, 100, 900],
    ours_median_ms: 210,
    bare_median_ms: 200,
    ratio: 1.052,
  });
});

test('the two take turns, and neither is always first', async () => {
  const order: string[] = [];
  const note = (name: string, ms: number) => (): Promise<number> => {
    order.push(name);
    return Promise.resolve(ms);
  };
  expect(await inTurns(3, note('ours', 1), note('bare', 2))).toEqual({ ours: [1, 1, 1], bare: [2, 2, 2] });
  expect(order).toEqual(['bare', 'ours', 'ours', 'bare', 'bare', 'ours']);
});
