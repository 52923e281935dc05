/** What of a report breaks the archive, and what is said of it. */
import { describe, expect, test } from '@jest/globals';
import { alarmOf, breaksIn, reasonOf } from '../../../domain/archive/breaks.ts';
import {
  holeCauses,
  timelineCauses,
  type HoleCause,
  type HoleFacts,
  type TimelineCause,
  type TimelineFacts,
} from '../../../domain/archive/facts.ts';

const place = { file: 'bin.000007', position: 300, gtid: '0-1-9' };
const at = '2026-01-01T00:00:00.000Z';
const timeline = (cause: TimelineCause): TimelineFacts => ({
  id: 'a'.repeat(32),
  begins: place,
  cause,
  createdAt: at,
});
const hole = (cause: HoleCause): HoleFacts => ({
  timeline: 'a'.repeat(32),
  from: place,
  fromTime: at,
  cause,
  message: 'It is gone.',
  foundAt: at,
});

describe('a break', () => {
  test('is every new timeline but the first, and an alarm but for a restore', () => {
    const found = breaksIn({ timelines: timelineCauses.map(timeline), holes: [] });
    expect(found.map(({ cause }) => cause)).toEqual(timelineCauses.filter((cause) => cause !== 'first'));
    expect(found.filter(({ alarming }) => !alarming).map(({ cause }) => cause)).toEqual(['restore']);
    expect(found.every(({ message }) => /^[A-Z].*\.$/.test(message))).toBe(true);
  });

  test('is a first timeline, too, where the service had others before', () => {
    const first = timeline('first');
    const before = { ...first, id: 'b'.repeat(32), createdAt: '2025-12-31T00:00:00.000Z' };
    const after = { ...timeline('restore'), id: 'c'.repeat(32), createdAt: '2026-01-02T00:00:00.000Z' };
    expect(breaksIn({ timelines: [first], holes: [] }, [first, after])).toEqual([]);
    // As the catalog keeps it.
    const kept = { ...first, createdAt: first.createdAt.replace('Z', '000Z') };
    expect(breaksIn({ timelines: [first], holes: [] }, [kept, after])).toEqual([]);
    const [found, ...others] = breaksIn({ timelines: [first], holes: [] }, [before, first]);
    expect(found).toMatchObject({ cause: 'first', alarming: true });
    expect(found?.message).toContain('The storage had nothing of the binlogs');
    expect(others).toEqual([]);
  });

  test('is every hole but the one that the settings made', () => {
    const found = breaksIn({ timelines: [], holes: holeCauses.map(hole) });
    expect(found.map(({ cause }) => cause)).toEqual(holeCauses.filter((cause) => cause !== 'left_out'));
    expect(found.every(({ alarming }) => alarming)).toBe(true);
  });

  test('is the same one when its hole has found its end, and another where another begins', () => {
    const ids = [
      hole('purged'),
      { ...hole('purged'), to: place, toTime: at },
      { ...hole('purged'), from: { ...place, position: 400 } },
    ].flatMap((one) => breaksIn({ timelines: [], holes: [one] }).map(({ id }) => id));
    expect(ids[1]).toBe(ids[0]);
    expect(ids[2]).not.toBe(ids[0]);
  });
});

test('what is said names what happened once, the full that was begun, or that one is to be taken', () => {
  const [one] = breaksIn({ timelines: [], holes: [hole('purged')] });
  const [restored] = breaksIn({ timelines: [timeline('restore')], holes: [] });
  expect(alarmOf([])).toBe('');
  expect(alarmOf([restored!])).toBe('');
  expect(alarmOf([one!, one!])).toBe(
    'It is gone. Take a full backup: until then nothing leads into what comes after.',
  );
  expect(alarmOf([{ ...one!, backupId: 'b-1' }])).toMatch(/^It is gone\. The full backup b-1 was begun/);
  expect(reasonOf([one!, restored!])).toBe('Tidemark began it by itself (purged, restore): It is gone.');
});
