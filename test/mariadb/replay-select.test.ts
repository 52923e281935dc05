/** Selecting segments while a follower joins small ones: they are gone when their headers are read. */
import { expect, test } from '@jest/globals';
import type { SegmentArchive, SegmentHeader } from '../../domain/archive/header.ts';
import { selectSegments } from '../../mariadb/replay/select.ts';

const { signal } = new AbortController();
const place = (position: number): { file: string; position: number; gtid: string } => ({
  file: 'bin.000001',
  position,
  gtid: '',
});
const header = (start: number, end: number): SegmentHeader =>
  ({
    start,
    end,
    eventEnd: end,
    wholeEnd: end,
    gtidAfter: '',
    clock: [],
    recipients: [],
  }) as unknown as SegmentHeader;

/** @param looks what each look at the file finds; the last one for good */
function archiveOf(looks: SegmentHeader[][]): { archive: SegmentArchive; count: () => number } {
  let count = 0;
  const archive = {
    files: async function* () {
      yield await Promise.resolve('bin.000001');
    },
    headers: async function* () {
      const found = looks[Math.min(count, looks.length - 1)]!;
      count += 1;
      yield* await Promise.resolve(found);
    },
  } as unknown as SegmentArchive;
  return { archive, count: () => count };
}

const range = { timeline: 't', from: place(4), to: place(300) };
const end = { at: 'end', gtid: '' } as const;
const joined = [header(0, 300)];

test.each([
  ['the beginning', [header(200, 300)]],
  ['the middle', [header(0, 100), header(200, 300)]],
  ['the end', [header(0, 100), header(100, 200)]],
  ['all', []],
])('where %s of a file was joined meanwhile, it is looked at again', async (_what, seen) => {
  const { archive, count } = archiveOf([seen, joined]);
  const { files } = await selectSegments(archive, [range], end, signal);
  expect(files.flatMap(({ segments }) => segments)).toEqual(joined);
  expect(count()).toBe(2);
});

test('what stays away is a gap', async () => {
  const { archive } = archiveOf([[header(0, 100), header(100, 200)]]);
  await expect(selectSegments(archive, [range], end, signal)).rejects.toMatchObject({ code: 'binlog_gap' });
});
