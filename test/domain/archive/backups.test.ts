/** Where backups stand on the archive. */
import { expect, test } from '@jest/globals';
import { type ArchivedBackup, Backups, isPlaced } from '../../../domain/archive/backups.ts';
import type { TimelineFacts } from '../../../domain/archive/facts.ts';
import type { StretchFacts } from '../../../domain/archive/stretches.ts';

const first: TimelineFacts = {
  id: 'a'.repeat(32),
  cause: 'first',
  begins: { file: 'bin.000001', position: 0, gtid: '' },
  createdAt: '2026-01-01T00:00:00.000000Z',
};
const restored: TimelineFacts = {
  id: 'b'.repeat(32),
  parent: first.id,
  cause: 'restore',
  branch: { file: 'bin.000001', position: 800, gtid: '0-1-63,7-1-2' },
  begins: { file: 'bin.000001', position: 0, gtid: '' },
  createdAt: '2026-01-01T01:00:00.000000Z',
};

/** What is archived since the restore. */
function stretch(toPosition: number, toGtid: string): StretchFacts {
  return {
    timeline: restored.id,
    fromFile: 'bin.000001',
    fromPosition: 0,
    fromGtid: '',
    toFile: 'bin.000001',
    toPosition,
    toGtid,
    endFile: 'bin.000001',
    endPosition: toPosition,
    fromTime: '2026-01-01T01:00:01.000000Z',
    toTime: '2026-01-01T01:10:00.000000Z',
    segments: 1,
    bytes: toPosition,
    storedBytes: toPosition,
    unsampled: [],
  };
}

/** The full that follows the restore: nothing was written yet, and it has the state that the server was restored with. */
const full: ArchivedBackup = {
  id: 'full',
  type: 'full',
  parent: '',
  pointInTime: '2026-01-01T01:00:05Z',
  binlog: { file: 'bin.000001', position: 325, gtid: '0-1-63,7-1-2' },
  uncompressedBytes: 1,
  damaged: false,
};

test.each([
  ['while nothing is written', 325, ''],
  ['once one of its domains goes on', 900, '0-1-64'],
])('the first full after a restore stands on its timeline, %s', (_when, position, gtid) => {
  const [base] = Backups.of([full]).bases({
    stretches: [stretch(position, gtid)],
    timelines: [first, restored],
  });
  expect(base && isPlaced(base) && base.stretch.timeline).toBe(restored.id);
});

test('a full with more than the timeline has is not placed on it', () => {
  const ahead = { ...full, binlog: { file: 'bin.000001', position: 325, gtid: '0-1-70,7-1-2' } };
  const [base] = Backups.of([ahead]).bases({
    stretches: [stretch(900, '0-1-64')],
    timelines: [first, restored],
  });
  expect(base && isPlaced(base)).toBe(false);
});
