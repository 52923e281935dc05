/** Which samples of the commit clock say something of the archive: those of its own binlogs. */
import { expect, test } from '@jest/globals';
import { CommitClock, type Sample } from '../../mariadb/follow/clock.ts';
import { FollowedClock } from '../../mariadb/follow/followed-clock.ts';

/** A clock that never asks a server: what it saw is given to it. */
function clockWith(samples: Sample[]): { clock: FollowedClock; see: (more: Sample) => void } {
  const silent = new CommitClock({} as never, 100);
  silent.take = (fits) => {
    const count = samples.findIndex((sample) => !fits(sample));
    return samples.splice(0, count < 0 ? samples.length : count);
  };
  return { clock: new FollowedClock(silent), see: (more) => void samples.push(more) };
}

function at(second: number, file: string, position: number): Sample {
  const t0 = `2026-01-01T10:00:${String(second).padStart(2, '0')}.000000Z`;
  return { t0, t1: t0, file, position };
}

const archived = { file: 'bin.000007', position: 900, gtid: '0-1-9' };

test('samples up to where the archive ends say up to when it reaches', () => {
  const { clock } = clockWith([at(1, 'bin.000006', 80), at(2, 'bin.000007', 400), at(3, 'bin.000007', 901)]);
  clock.follow('bin.000006');
  clock.advance(archived);
  expect(clock.archivedTime).toBe(at(2, '', 0).t0);
});

test('before it is known of which binlogs they are, they say nothing', () => {
  const { clock } = clockWith([at(1, 'bin.000001', 400)]);
  clock.advance(archived);
  expect(clock.archivedTime).toBeUndefined();
  clock.follow('bin.000007');
  clock.advance(archived);
  expect(clock.archivedTime).toBeUndefined();
});

test('binlogs that began anew under names that the archive has say nothing of it', () => {
  const { clock, see } = clockWith([at(1, 'bin.000001', 80), at(2, 'bin.000007', 900)]);
  clock.follow('bin.000001');
  clock.advance(archived);
  see(at(3, 'bin.000001', 350));
  clock.advance(archived);
  expect(clock.archivedTime).toBe(at(2, '', 0).t0);
});

test('nor do binlogs of another base name', () => {
  const { clock } = clockWith([at(1, 'mysqld-bin.000001', 350)]);
  clock.follow('bin.000001');
  clock.advance(archived);
  expect(clock.archivedTime).toBeUndefined();
});

test('back on an earlier timeline, nothing of the other one is said of it', () => {
  const { clock, see } = clockWith([at(8, 'bin.000007', 900)]);
  clock.follow('bin.000007');
  clock.advance(archived);
  expect(clock.archivedTime).toBe(at(8, '', 0).t0);
  clock.goBackTo(at(3, '', 0).t0);
  expect(clock.archivedTime).toBe(at(3, '', 0).t0);
  see(at(9, 'bin.000005', 100));
  clock.follow('bin.000005');
  clock.advance({ ...archived, file: 'bin.000005', position: 100 });
  expect(clock.archivedTime).toBe(at(9, '', 0).t0);
});
