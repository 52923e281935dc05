import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ArchivePoint } from '../../../domain/archive/facts.ts';
import { compareGtids } from '../../../domain/archive/gtid-order.ts';
import { reconnect, type RestoredPoint } from '../../../domain/archive/reconnect.ts';
import type { NewHole, Verdict } from '../../../domain/archive/verdict.ts';
import { longRun } from '../../support/long.ts';
import { type ArchivedCopy, archivedOf, contentUpTo, copyOf, grown, World } from './world.ts';

interface Line {
  id: string;
  parent?: { line: Line; branch: ArchivePoint };
  begins: ArchivePoint;
  files: ArchivedCopy[];
}

/** Follows the world as a follower does: one look, then everything that is there. */
class Archive {
  lines: Line[] = [];
  bases: { data: string[]; line: Line; place: Place }[] = [];
  verdicts: Verdict[] = [];
  #seen: { life: string; lsn: number } | undefined;
  #off: NewHole | undefined;

  get current(): Line {
    return this.lines.at(-1)!;
  }

  async follow(world: World, restored?: RestoredPoint): Promise<Verdict | undefined> {
    const view = world.view();
    if (this.lines.length === 0) {
      if (!world.keepsBinlog) return undefined;
      this.#start(world, { file: view.files[0]!.file, position: 0, gtid: world.state.files[0]!.gtid });
    } else {
      const told = this.lines
        .toReversed()
        .map(({ id, begins, files }, index) =>
          archivedOf(id, begins, files, index === 0 ? this.#seen : undefined),
        );
      const verdict = await reconnect([told[0]!, ...told.slice(1)], view, { restored, off: this.#off });
      this.verdicts.push(verdict);
      if (verdict.kind === 'no_binlog') this.#off = verdict.hole;
      else {
        if (verdict.kind === 'new_timeline') {
          const { parent, branch, begins } = verdict.timeline;
          const line = this.lines.find(({ id }) => id === parent);
          this.#start(world, begins, line && { line, branch: branch! });
          this.#off = undefined;
        } else {
          const index = this.lines.findIndex(({ id }) => id === verdict.timeline);
          this.lines.push(...this.lines.splice(index, 1));
          this.#copy(world, verdict.from.file);
        }
      }
    }
    this.#seen = { life: world.state.life, lsn: world.state.lsn };
    return this.verdicts.at(-1);
  }

  #start(world: World, begins: ArchivePoint, parent?: Line['parent']): void {
    this.lines.push({ id: `line ${this.lines.length}`, begins, files: [], ...(parent && { parent }) });
    this.#copy(world, begins.file);
  }

  #copy(world: World, from: string): void {
    const { files } = world.state;
    const known = this.current.files;
    const begun = files.slice(files.findIndex(({ name }) => name === from));
    // With an open hole a file is read to its end, and the next one waits for another look.
    for (const file of this.#off ? begun.slice(0, 1) : begun) {
      const copy = copyOf(file);
      const index = known.findIndex(({ file: name }) => name === file.name);
      if (index < 0) known.push(copy);
      else known[index] = grown(known[index]!, copy);
    }
  }

  /** A full backup, which holds what the data holds, where the archive stands. */
  backUp(world: World): void {
    const { file, end } = this.current.files.at(-1)!;
    this.bases.push({ data: [...world.state.data], line: this.current, place: { file, position: end } });
  }

  /** To what data each full leads with what is archived after it, up to now; of those from which a way leads here. */
  reached(): string[][] {
    return this.bases.flatMap(({ data, line, place }) => {
      const way = wayFrom(line, place, this.current, undefined);
      return way ? [[...data, ...way]] : [];
    });
  }
}

type Place = Pick<ArchivePoint, 'file' | 'position'>;

/** The content between a place of a timeline and one of it, or of one that came of it; undefined when there is a hole. */
function wayFrom(from: Line, place: Place, to: Line, upTo: Place | undefined): string[] | undefined {
  const start = from === to ? place : to.begins;
  const first = to.files.findIndex(({ file }) => file === start.file);
  const last = upTo ? to.files.findIndex(({ file }) => file === upTo.file) : to.files.length - 1;
  const own: string[] = [];
  for (let index = first; index <= last; index += 1) {
    const copy = to.files[index]!;
    const before = to.files[index - 1];
    if (index > first && compareGtids(copy.head.gtid, before!.gtidAfter) !== 'same') return undefined;
    const skipped = index === first ? contentUpTo(copy, start.position).length : 0;
    own.push(...contentUpTo(copy, index === last && upTo ? upTo.position : copy.end).slice(skipped));
  }
  if (from === to) {
    const beyond = last < first || (last === first && upTo !== undefined && upTo.position < place.position);
    return beyond ? undefined : own;
  }
  const before = to.parent && wayFrom(from, place, to.parent.line, to.parent.branch);
  return before && [...before, ...own];
}

async function after(...acts: ((world: World) => void)[]): Promise<{ world: World; archive: Archive }> {
  const [world, archive] = [new World(), new Archive()];
  for (let i = 0; i < 3; i += 1) world.write();
  await archive.follow(world);
  archive.backUp(world);
  for (const act of acts) act(world);
  return { world, archive };
}

const [write, rotate] = [(w: World) => w.write(), (w: World) => w.rotate()];

describe('after it connected again, a follower', () => {
  test('goes on where it was, in the same file or the next', async () => {
    const { world, archive } = await after(write);
    expect(await archive.follow(world)).toEqual({
      kind: 'goes_on',
      timeline: 'line 0',
      from: { file: 'bin.000001', position: 130 },
    });
    world.rotate();
    world.write();
    expect(await archive.follow(world)).toEqual({
      kind: 'goes_on',
      timeline: 'line 0',
      from: { file: 'bin.000002', position: 0, gtid: '0-1-4' },
    });
  });

  test('goes on behind files that were purged when everything in them is archived', async () => {
    const { world, archive } = await after(rotate, (w) => w.purge(), write);
    expect(await archive.follow(world)).toMatchObject({ kind: 'goes_on', from: { file: 'bin.000002' } });
    expect(archive.verdicts.at(-1)).not.toHaveProperty('hole');
  });

  test('finds a hole where a file was purged before it was archived', async () => {
    const { world, archive } = await after(write, rotate, (w) => w.purge(), write);
    expect(await archive.follow(world)).toMatchObject({
      kind: 'goes_on',
      from: { file: 'bin.000002', position: 0 },
      hole: {
        timeline: 'line 0',
        cause: 'purged',
        from: { file: 'bin.000001', position: 130, gtid: '0-1-3' },
        to: { file: 'bin.000002', position: 0, gtid: '0-1-4' },
      },
    });
  });

  test('begins a timeline without a parent after RESET MASTER, because what came before it is not known', async () => {
    const { world, archive } = await after(write, (w) => w.reset(), write);
    expect(await archive.follow(world)).toMatchObject({
      kind: 'new_timeline',
      timeline: { cause: 'reset', begins: { file: 'bin.000001', position: 0, gtid: '' } },
      hole: { cause: 'purged', from: { gtid: '0-1-3' }, to: { gtid: '' } },
    });
    expect(archive.verdicts.at(-1)).not.toHaveProperty('timeline.parent');
  });

  test('branches where the bytes are the same last after a power cut', async () => {
    const { world, archive } = await after(write);
    await archive.follow(world);
    world.losePower(1);
    world.write();
    expect(await archive.follow(world)).toEqual({
      kind: 'new_timeline',
      timeline: {
        cause: 'rewritten',
        parent: 'line 0',
        branch: { file: 'bin.000001', position: 130, gtid: '0-1-3' },
        begins: { file: 'bin.000001', position: 130, gtid: '0-1-3' },
      },
    });
    expect(archive.reached()).toEqual([world.state.data]);
  });

  test('branches inside the file before where the next one begins behind what is archived', async () => {
    const { world, archive } = await after((w) => w.keep(), write, write);
    await archive.follow(world);
    world.putBack('data and state');
    world.write();
    expect(await archive.follow(world)).toEqual({
      kind: 'new_timeline',
      timeline: {
        cause: 'behind',
        parent: 'line 0',
        branch: { file: 'bin.000001', position: 130, gtid: '0-1-3' },
        begins: { file: 'bin.000002', position: 0, gtid: '0-1-3' },
      },
    });
  });

  test('is not deceived by binlogs that go on over older data: the LSN tells', async () => {
    const { world, archive } = await after((w) => w.keep(), write, write);
    await archive.follow(world);
    world.putBack('data');
    expect(await archive.follow(world)).toMatchObject({
      kind: 'new_timeline',
      timeline: { cause: 'lsn', begins: { file: 'bin.000002', gtid: '0-1-5' } },
      hole: { cause: 'unarchived', from: { gtid: '0-1-5' }, to: { gtid: '0-1-5' } },
    });
  });

  test('follows a replica that took over from the last transaction that both have', async () => {
    const { world, archive } = await after(write);
    await archive.follow(world);
    world.failOver(1);
    world.write();
    expect(await archive.follow(world)).toEqual({
      kind: 'new_timeline',
      timeline: {
        cause: 'failover',
        parent: 'line 0',
        branch: { file: 'bin.000001', position: 130, gtid: '0-1-3' },
        begins: { file: 'replica.000001', position: 130, gtid: '0-1-3' },
      },
    });
  });

  test('begins anew on a server that has nothing in common', async () => {
    const { archive } = await after();
    const other = new World(7);
    other.write();
    expect(await archive.follow(other)).toMatchObject({
      kind: 'new_timeline',
      timeline: { cause: 'replaced', begins: { gtid: '' } },
      hole: { cause: 'unarchived' },
    });
  });

  test('leaves a hole open while the binlog is off, and begins a timeline when it is on again', async () => {
    const { world, archive } = await after((w) => w.switchOff(), write);
    const off = await archive.follow(world);
    expect(off).toMatchObject({ kind: 'no_binlog', hole: { cause: 'binlog_off', from: { gtid: '0-1-3' } } });
    expect(off).not.toHaveProperty('hole.to');
    world.switchOn();
    world.write();
    expect(await archive.follow(world)).toMatchObject({
      kind: 'new_timeline',
      timeline: { cause: 'binlog_off', begins: { file: 'bin.000002', gtid: '0-1-3' } },
      hole: { cause: 'binlog_off', from: { gtid: '0-1-3' }, to: { file: 'bin.000002' } },
    });
  });

  test('branches where a restore says, and goes back to the old timeline when it is undone', async () => {
    const { world, archive } = await after(write);
    const old = structuredClone(world.state);
    const branch = { file: 'bin.000001', position: 110, gtid: '0-1-1' };
    world.state = {
      ...world.state,
      data: world.state.data.slice(0, 1),
      files: [],
      gtid: '0-1-1',
      life: 'new',
    };
    world.rotate();
    world.write();
    const replaced = { file: 'bin.000001', position: 310 };
    const restored = { parent: { timeline: 'line 0', branch }, replaced };
    expect(await archive.follow(world, restored)).toEqual({
      kind: 'new_timeline',
      timeline: {
        cause: 'restore',
        parent: 'line 0',
        branch,
        replaced,
        begins: { file: 'bin.000001', position: 0, gtid: '0-1-1' },
      },
    });
    world.state = old;
    expect(await archive.follow(world)).toMatchObject({ kind: 'goes_on', timeline: 'line 0' });
    expect(archive.reached()).toEqual([world.state.data]);
  });

  test('does not believe a restore whose server has written more than what it was restored to', async () => {
    const { world, archive } = await after(write, write, rotate, write);
    const branch = { file: 'bin.000001', position: 110, gtid: '0-1-1' };
    world.rotate();
    const restored = { parent: { timeline: 'line 0', branch } };
    const verdict = await archive.follow(world, restored);
    expect(verdict).toMatchObject({ timeline: { cause: 'restore' }, hole: { cause: 'unarchived' } });
    expect(verdict).not.toHaveProperty('timeline.parent');
  });

  test('goes on behind what cannot be read', async () => {
    const { world, archive } = await after(write, rotate, write);
    const told = archivedOf('line 0', archive.current.begins, archive.current.files);
    const unreadable = { file: 'bin.000001', position: 130 };
    expect(await reconnect([told], world.view(), { unreadable })).toMatchObject({
      kind: 'goes_on',
      from: { file: 'bin.000002', position: 0 },
      hole: { cause: 'unreadable', from: { gtid: '0-1-3' }, to: { gtid: '0-1-4' } },
    });
  });
});

const acts: Record<string, (world: World, amount: number) => void> = {
  write: (world, amount) => {
    for (let i = 0; i <= amount; i += 1) world.write();
  },
  rotate: (world) => world.rotate(),
  purge: (world) => world.purge(),
  reset: (world) => world.reset(),
  losePower: (world, amount) => world.losePower(amount),
  keep: (world) => world.keep(),
  putBackAll: (world) => world.putBack('all'),
  putBackData: (world) => world.putBack('data'),
  putBackDataAndState: (world) => world.putBack('data and state'),
  failOver: (world, amount) => world.failOver(amount),
};
const harmless = new Set(['write', 'rotate', 'keep']);

/** Two of the others at once, while nobody looks, can look like one. */
test('whatever happens to a server between two looks, no way leads from a full to data that it did not have', async () => {
  const act = fc.oneof(
    { weight: 2, arbitrary: fc.constant('follow') },
    { weight: 1, arbitrary: fc.constant('back up') },
    ...Object.keys(acts).map((name) => ({ weight: 1, arbitrary: fc.constant(name) })),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(act, fc.nat(3)), { maxLength: 40 }), async (story) => {
      const [world, archive] = [new World(), new Archive()];
      let quiet = true;
      for (const [name, amount] of [['follow', 0] as const, ...story, ['follow', 0] as const]) {
        if (name in acts) {
          if (!quiet && !harmless.has(name)) continue;
          acts[name]!(world, amount);
          quiet &&= harmless.has(name);
          continue;
        }
        const verdict = await archive.follow(world);
        // Nothing is made of what is nothing.
        const goesOn =
          verdict?.kind === 'goes_on' && !verdict.hole && verdict.timeline === archive.current.id;
        if (quiet && verdict) expect({ goesOn, verdict }).toEqual({ goesOn: true, verdict });
        if (name === 'back up' || !goesOn) archive.backUp(world);
        const reached = archive.reached();
        expect(reached.length).toBeGreaterThan(0);
        for (const data of reached) expect(data).toEqual(world.state.data);
        quiet = true;
      }
    }),
    { numRuns: longRun ? 20_000 : 1_000 },
  );
});

test('positions are compared domain by domain', () => {
  expect(compareGtids('', '')).toBe('same');
  expect(compareGtids('5-1-3,0-1-10', '0-1-10,5-1-3')).toBe('same');
  expect(compareGtids('', '0-1-1')).toBe('behind');
  expect(compareGtids('0-1-9', '0-1-10,5-1-3')).toBe('behind');
  expect(compareGtids('0-2-11,5-1-3', '0-1-10,5-1-3')).toBe('ahead');
  expect(compareGtids('0-2-10', '0-1-10')).toBe('other');
  expect(compareGtids('0-1-9,5-1-4', '0-1-10,5-1-3')).toBe('other');
});
