/**
 * From what the archive says of itself to a copy: random moments of what a crowd wrote, planned, selected, fetched,
 * proven and replayed, are what the source was then. What it was is known from what was confirmed to its sessions, and
 * from a replica that was led through the transactions one by one. The replica's own archive is held against it too.
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { FollowState } from '../../domain/archive/facts.ts';
import { factsOf, meeting, type SegmentArchive, type SegmentHeader } from '../../domain/archive/header.ts';
import { microInstant, microseconds } from '../../domain/archive/instants.ts';
import { planFrom } from '../../domain/archive/plan.ts';
import type { RecoveryTarget } from '../../domain/archive/plan-types.ts';
import type { RecoveryFacts } from '../../domain/archive/reach.ts';
import { type StretchFacts, withSegment } from '../../domain/archive/stretches.ts';
import { findPorts } from '../../embedded/ports.ts';
import { fetchBinlogs, segmentBytes } from '../../mariadb/replay/fetch.ts';
import { locateStop } from '../../mariadb/replay/locate.ts';
import { selectSegments } from '../../mariadb/replay/select.ts';
import { headersOf } from '../support/archived.ts';
import { serverOwner, testAttempt } from '../support/copies.ts';
import { crowdBase, type CrowdResult, kindsOfDeeds, runCrowd } from '../support/crowd.ts';
import { archived, archiveOf, type Following } from '../support/follower.ts';
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
  session,
  type Snapshot,
  snapshot as snapshotOf,
} from '../support/replay.ts';
import { runFolder } from '../support/run.ts';
import { until } from '../support/until.ts';
import { sorted, transactionsOf, Witness, witnessAccount, witnessedBy } from '../support/witness.ts';

const seed = Number(process.env['TIDEMARK_TEST_SEED'] ?? 20261124);
const transactions = longRun ? 600 : 60;
/** Of each kind. */
const targets = longRun ? 100 : 2;
const limitMs = longRun ? 7_200_000 : 180_000;
const { signal } = new AbortController();
const next = randomBelow(seed);
const draw = (below: number): number => Math.floor(next() * below);

/** Behind a transaction. Microseconds since 1970: no later than it was begun, no earlier than it was confirmed. */
interface Moment {
  gtid: string;
  state: string;
  snapshot: Snapshot;
  before?: number;
  after?: number;
}

/** What was known of an archive at one time. */
interface Stage {
  facts: RecoveryFacts;
  /** Around the question how far it reaches. */
  asked: number;
  answered: number;
}

/** A server that is followed. */
interface World {
  name: string;
  server: TestServer;
  source: ReplaySource;
  archive: SegmentArchive;
  following: Following;
  begun: number;
  /** In the order of the binlog; the first is where the backup stands. */
  moments: Moment[];
  stages: Stage[];
  /** What of a copy is held against the moments. */
  comparable: (snapshot: Snapshot) => Snapshot;
}

let server: TestServer;
let witness: Witness | undefined;
let crowd: CrowdResult;
const worlds: World[] = [];

beforeAll(async () => {
  const [port = 0] = await findPorts([{ option: 'of the source', port: 0 }]);
  server = await startTestServer({ name: 'recovery', config: witnessedBy(port) });
  await server.session([...crowdBase, ...witnessAccount]);
  const first = await beginWorld('the source', server, ofSource);
  witness = await Witness.begin(first.source, port);
  const second = await beginWorld('the replica', witness.server, ofReplica);
  await atWork(first);
  await led(witness, first, second);
  for (const world of worlds) {
    // The clock is looked at once more behind the last of them.
    await sleep(500);
    await stage(world);
    await world.following.stop();
  }
}, 900_000);
afterAll(async () => {
  for (const { following } of worlds) await following.stop();
  await witness?.remove();
  await server?.remove();
});

async function beginWorld(
  name: string,
  of: TestServer,
  comparable: (snapshot: Snapshot) => Snapshot,
): Promise<World> {
  const place = await archiveOf(of);
  const begun = Date.now() * 1_000;
  const source = await beginReplaySource(of);
  const following = place.follow({
    intervalMs: 300,
    settings: { segment_size: 32_768 },
    start: source.backup.binlog,
  });
  const { archive } = place;
  const world = { name, server: of, source, archive, following, begun, moments: [], stages: [], comparable };
  worlds.push(world);
  return world;
}

/** A replica disables the events that it is told of, and has what its source does not have. */
function ofSource({ events, ...rest }: Snapshot): Snapshot {
  const own = Object.entries(rest).filter(([name]) => !name.startsWith('own.'));
  const names = (events as string[] | undefined)?.map((event) => event.split(' ')[0]);
  return { ...Object.fromEntries(own), events: names };
}

/** What stays of what was taken back, or failed in its middle, a replica has, and does not write into its own binlog. */
function ofReplica({ 'depot.stays': _, 'depot.halves': __, ...rest }: Snapshot): Snapshot {
  return rest;
}

/** The crowd writes; meanwhile it is asked again and again how far the archive reaches. */
async function atWork(world: World): Promise<void> {
  let working = true;
  const asking = (async () => {
    while (working) {
      await sleep(draw(600));
      await stage(world);
    }
  })();
  try {
    crowd = await runCrowd(world.server, { seed, transactions });
  } finally {
    working = false;
    await asking;
  }
}

async function stage(world: World): Promise<void> {
  const asked = Date.now() * 1_000;
  const state = await archived(world.following);
  const facts = await factsAt(world, state);
  world.stages.push({ asked, answered: (Date.now() + 1) * 1_000, facts });
}

async function factsAt({ archive, source, begun }: World, state: FollowState): Promise<RecoveryFacts> {
  const segments = (await wholeHeaders(archive, state.timeline)).map(factsOf);
  return {
    backups: [
      {
        id: 'the-full',
        type: 'full',
        parent: '',
        pointInTime: microInstant(begun),
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
}

/** Read anew where segments are being joined meanwhile. */
async function wholeHeaders(archive: SegmentArchive, timeline: string): Promise<SegmentHeader[]> {
  const all: SegmentHeader[] = [];
  for await (const file of archive.files(timeline)) {
    let found = meeting<SegmentHeader>([]);
    await until(async () => {
      found = meeting<SegmentHeader>(await headersOf(archive, timeline, file).catch(() => []));
      return found.segments[0]?.start === 0 && found.gap === undefined;
    });
    all.push(...found.segments);
  }
  return all;
}

/** The witness goes through all that the source wrote, and writes something of its own in between. */
async function led(leading: Witness, first: World, second: World): Promise<void> {
  const confirmed = new Map(crowd.confirmed.map((one) => [one.gtid, one]));
  const snapshot = await leading.look();
  first.moments.push({
    gtid: '',
    state: sorted(first.source.backup.binlog.gtid),
    snapshot: ofSource(snapshot),
  });
  second.moments.push({ gtid: '', state: sorted(second.source.backup.binlog.gtid), snapshot });
  const note = async (found: Snapshot, begun: number): Promise<void> => {
    const [known, state] = [second.moments.at(-1)!.state.split(','), await leading.ownState()];
    const gtid = state.split(',').find((one) => !known.includes(one));
    // What it was told to leave out it does not write.
    if (gtid === undefined) return;
    const after = (Date.now() + 1) * 1_000;
    second.moments.push({ gtid, state: inherited(second, state), snapshot: found, before: begun, after });
  };
  for (const gtid of await transactionsOf(first.source)) {
    let begun = Date.now() * 1_000;
    const { state, snapshot: found } = await leading.step(gtid);
    await note(found, begun);
    const { before, after } = confirmed.get(gtid) ?? {};
    const times = before !== undefined && after !== undefined && { before, after };
    first.moments.push({ gtid, state, snapshot: ofSource(found), ...times });
    if (draw(10) === 0) {
      begun = Date.now() * 1_000;
      await note(await leading.write(), begun);
    }
    if (draw(8) === 0) await stage(second);
  }
}

/** The domains of the backup, as far as the binlog has nothing of them. */
function inherited({ source }: World, state: string): string {
  const domains = new Map(source.backup.binlog.gtid.split(',').map((gtid) => [gtid.split('-')[0], gtid]));
  for (const gtid of state.split(',')) domains.set(gtid.split('-')[0], gtid);
  return sorted([...domains.values()].join());
}

async function look(at: TestServer): Promise<Snapshot> {
  await using connection = await session(at);
  return await snapshotOf(connection);
}

test('the witness has come to what the source is, and every kind of deed was done', async () => {
  const { moments } = worlds[0]!;
  expect(ofSource(await look(witness!.server))).toEqual(ofSource(await look(server)));
  expect(moments.at(-1)!.snapshot).toEqual(ofSource(await look(server)));
  expect(moments.length).toBeGreaterThan(transactions);
  const never = kindsOfDeeds.filter((kind) => crowd.done[kind] === undefined);
  if (longRun) expect({ never, failed: crowd.failed.slice(0, 50) }).toMatchObject({ never: [] });
});

/** Brings a copy there, as a restore does. */
async function recovered(
  { archive, source, server: of }: World,
  facts: RecoveryFacts,
  target: RecoveryTarget,
): Promise<{ copy: ReplayedCopy; notAfter: string | undefined }> {
  const { ranges, stop } = planFrom(facts, { ...target, backupId: 'the-full' });
  const selection = await selectSegments(archive, ranges, stop, signal);
  const attempt = await testAttempt();
  const opening = { server: of.settings, archive, attempt, opening: Promise.resolve() };
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
  const copy = await replayCopy(source, proven, { query: 'SELECT who, n FROM shop.marks' });
  return { copy, notAfter: selection.notAfter };
}

/** That a copy is what its server was behind one of its transactions. @returns which */
function expectMoment({ name, moments, comparable }: World, copy: ReplayedCopy, target: object): number {
  const end = moments.findIndex(({ state }) => state === sorted(copy.gtid));
  const context = { seed, name, ...target, gtid: copy.gtid, end };
  expect({ ...context, snapshot: comparable(copy.snapshot) }).toEqual({
    ...context,
    snapshot: comparable(moments[end]?.snapshot ?? {}),
  });
  return end;
}

/** That all is there that was confirmed by an instant, and nothing that was begun after another one. */
function expectBetween(
  { name, moments, server: of }: World,
  { copy, end }: { copy: ReplayedCopy; end: number },
  { from, to }: { from: number; to: number },
): void {
  const gtids = (found: Moment[]): string[] => found.map(({ gtid }) => gtid);
  const missing = moments.slice(end + 1).filter(({ after }) => after !== undefined && after <= from);
  const beyond = moments.slice(0, end + 1).filter(({ before }) => before !== undefined && before > to);
  const context = { seed, name, from: microInstant(from), to: microInstant(to), gtid: copy.gtid };
  expect({ ...context, missing: gtids(missing), beyond: gtids(beyond) }).toEqual({
    ...context,
    missing: [],
    beyond: [],
  });
  if (of !== server) return;
  const there = new Set(copy.rows.map(({ who, n }) => `${String(who)}-${String(n)}`));
  const marks = crowd.confirmed.filter(({ mark }) => mark !== undefined);
  const nameOf = ({ who, mark }: (typeof marks)[number]): string => `${who}-${mark}`;
  const lost = marks.filter((one) => one.after <= from && !there.has(nameOf(one))).map(nameOf);
  const may = new Set(marks.filter(({ before }) => before <= to).map(nameOf));
  const surplus = [...there].filter((one) => !may.has(one));
  expect({ ...context, lost, surplus }).toEqual({ ...context, lost: [], surplus: [] });
}

const worldOf = (count: number): World => worlds[count % worlds.length]!;
const known = ({ stages }: World): RecoveryFacts => stages.at(-1)!.facts;

test(
  `${targets} drawn instants: all that was confirmed, nothing that was begun later (seed ${seed})`,
  async () => {
    for (let count = 0; count < targets; count += 1) {
      const world = worldOf(count);
      const timed = world.moments.filter(({ after }) => after !== undefined);
      const { before = 0, after = 0 } = timed[draw(timed.length)]!;
      const from = before + draw(after - before + 50_000);
      const time = microInstant(from);
      const { copy, notAfter } = await recovered(world, known(world), { time });
      const end = expectMoment(world, copy, { time });
      expectBetween(world, { copy, end }, { from, to: microseconds(notAfter!) });
      await removeCopy(copy);
    }
  },
  limitMs,
);

test.each([{ before: false }, { before: true }])(
  `${targets} drawn transactions (just before: $before; seed ${seed})`,
  async ({ before }) => {
    for (let count = 0; count < targets; count += 1) {
      const world = worldOf(count);
      const number = 1 + draw(world.moments.length - 1);
      const { gtid } = world.moments[number]!;
      const { copy } = await recovered(world, known(world), { gtid, before });
      expect({ gtid, end: expectMoment(world, copy, { gtid, before }) }).toEqual({
        gtid,
        end: before ? number - 1 : number,
      });
      await removeCopy(copy);
    }
  },
  limitMs,
);

test(
  `${targets} times as far as there was something when it was asked (seed ${seed})`,
  async () => {
    for (let count = 0; count < targets; count += 1) {
      const world = worldOf(count);
      const { facts, asked, answered } = world.stages[draw(world.stages.length)]!;
      const { copy } = await recovered(world, facts, { latest: true });
      const end = expectMoment(world, copy, { latest: facts.state!.archived });
      expectBetween(world, { copy, end }, { from: asked, to: answered });
      await removeCopy(copy);
    }
  },
  limitMs,
);
