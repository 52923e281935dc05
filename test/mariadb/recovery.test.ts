/**
 * From what the archive says of itself to a copy: random moments of a random workload, planned, selected, fetched, proven
 * and replayed, are what the source was then.
 */
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { factsOf, type SegmentArchive } from '../../domain/archive/header.ts';
import { microInstant, microseconds } from '../../domain/archive/instants.ts';
import { planFrom } from '../../domain/archive/plan.ts';
import type { RecoveryTarget } from '../../domain/archive/plan-types.ts';
import type { RecoveryFacts } from '../../domain/archive/reach.ts';
import { type StretchFacts, withSegment } from '../../domain/archive/stretches.ts';
import { fetchBinlogs, segmentBytes } from '../../mariadb/replay/fetch.ts';
import { locateStop } from '../../mariadb/replay/locate.ts';
import { selectSegments } from '../../mariadb/replay/select.ts';
import { allHeaders } from '../support/archived.ts';
import { serverOwner, testAttempt } from '../support/copies.ts';
import { archived, archiveOf } from '../support/follower.ts';
import { randomBelow } from '../support/hostile-faults.ts';
import { longRun } from '../support/long.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';
import {
  beginReplaySource,
  prove,
  removeCopy,
  replayCopy,
  type ReplayedCopy,
  type ReplaySource,
} from '../support/replay.ts';
import { runFolder } from '../support/run.ts';
import { base, type Note, runWorkload } from '../support/workload.ts';

const seed = 20261124;
const transactions = longRun ? 400 : 60;
/** Of each kind. */
const targets = longRun ? 100 : 1;
const limitMs = longRun ? 3_600_000 : 90_000;
const { signal } = new AbortController();

let server: TestServer;
let source: ReplaySource;
let archive: SegmentArchive;
let facts: RecoveryFacts;
let notes: Note[];
const next = randomBelow(seed + 1);

beforeAll(async () => {
  server = await startTestServer({ name: 'recovery' });
  await server.session(base);
  const place = await archiveOf(server);
  ({ archive } = place);
  const following = place.follow({ intervalMs: 300, settings: { segment_size: 32_768 } });
  source = await beginReplaySource(server);
  const { gtid } = source.backup.binlog;
  notes = await runWorkload(server, { seed, transactions, from: gtid });
  // The clock is looked at once more behind the last of them.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const state = await archived(following);
  const segments = (await allHeaders(archive, state.timeline)).map(factsOf);
  facts = {
    backups: [
      {
        id: 'the-full',
        type: 'full',
        parent: '',
        pointInTime: microInstant(notes[0]!.before - 1),
        binlog: source.backup.binlog,
        timeline: state.timeline,
        uncompressedBytes: 1,
        damaged: false,
      },
    ],
    timelines: await archive.timelines(),
    stretches: segments.reduce<StretchFacts[]>(withSegment, []),
    holes: [],
    state,
  };
  await following.stop();
}, 180_000);
afterAll(() => server.remove());

function draw(below: number): number {
  return Math.floor(next() * below);
}

/** Brings a copy there, as a restore does. */
async function recovered(
  target: RecoveryTarget,
): Promise<{ copy: ReplayedCopy; notAfter: string | undefined }> {
  const { ranges, stop } = planFrom(facts, { ...target, backupId: 'the-full' });
  const selection = await selectSegments(archive, ranges, stop, signal);
  const attempt = await testAttempt();
  const opening = { server: server.settings, archive, attempt, opening: Promise.resolve() };
  const located =
    'at' in selection.stop
      ? selection.stop.at
      : await locateStop(selection.files.at(-1)!, selection.stop, (one) => segmentBytes(one, opening));
  const files = await fetchBinlogs(selection.files, {
    ...opening,
    folder: path.join(runFolder(), 'recovered-binlogs'),
    owner: await serverOwner(),
  });
  const proven = await prove(source, files, selection.stop);
  if (located) {
    const { file, position } = proven.stop;
    expect({ target, located }).toEqual({ target, located: { file, position } });
  }
  return { copy: await replayCopy(source, proven), notAfter: selection.notAfter };
}

/** The transaction that a copy ends with. @returns its number; -1: the backup's own */
function endOf({ gtid }: ReplayedCopy): number {
  const sorted = (state: string): string => state.split(',').toSorted().join();
  return notes.findIndex(({ state }) => sorted(state) === sorted(gtid));
}

test(
  `${targets} drawn instants: all that was confirmed, nothing that was begun later (seed ${seed})`,
  async () => {
    for (let count = 0; count < targets; count += 1) {
      const { before, after } = notes[1 + draw(notes.length - 2)]!;
      const time = before + draw(after - before + 50_000);
      const { copy, notAfter } = await recovered({ time: microInstant(time) });
      const end = endOf(copy);
      const context = { time: microInstant(time), end };
      expect({ ...context, state: copy.snapshot }).toEqual({ ...context, state: notes[end]?.snapshot });
      const missing = notes.slice(end + 1).filter((note) => note.after <= time);
      expect({ ...context, missing: missing.map(({ gtid }) => gtid) }).toEqual({ ...context, missing: [] });
      const latest = microseconds(notAfter!);
      const beyond = notes.slice(0, end + 1).filter((note) => note.before > latest);
      expect({ ...context, beyond: beyond.map(({ gtid }) => gtid) }).toEqual({ ...context, beyond: [] });
      await removeCopy(copy);
    }
  },
  limitMs,
);

test(
  `${targets} drawn transactions, and just before as many`,
  async () => {
    for (let count = 0; count < 2 * targets; count += 1) {
      const before = count % 2 === 1;
      const number = 1 + draw(notes.length - 1);
      const { gtid } = notes[number]!;
      const { copy } = await recovered({ gtid, before });
      const wanted = notes[before ? number - 1 : number]!;
      expect({ gtid, before, state: copy.snapshot }).toEqual({ gtid, before, state: wanted.snapshot });
      expect(endOf(copy)).toBe(before ? number - 1 : number);
      await removeCopy(copy);
    }
  },
  limitMs,
);

test(
  'as far as there is something',
  async () => {
    const { copy } = await recovered({ latest: true });
    expect(copy.snapshot).toEqual(notes.at(-1)!.snapshot);
    await removeCopy(copy);
  },
  limitMs,
);
