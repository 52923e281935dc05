/** A server and its binlogs in memory, with all that can happen to them: the slow, obvious model of what is true. */
import type { ArchivePoint } from '../../../domain/archive/facts.ts';
import type { ArchivedFile, ArchivedTimeline, ServerView } from '../../../domain/archive/server-view.ts';

export interface Change {
  /** What was changed: no two are the same. */
  content: string;
  gtid: string;
}

export interface File {
  name: string;
  head: string;
  serverId: number;
  gtid: string;
  changes: Change[];
}

/** All that can be put back together. */
interface State {
  /** What the data holds, in the order in which it came about. */
  data: string[];
  life: string;
  lsn: number;
  /** What the server would begin its next file with. */
  gtid: string;
  files: File[];
}

/** No two files begin alike, on whatever server. */
let heads = 0;
const headBytes = 100;
const changeBytes = 10;

export class World {
  serverId: number;
  keepsBinlog = true;
  state: State = { data: [], life: 'life 0', lsn: 0, gtid: '', files: [] };
  #count = 0;
  /** Of a history that is not the archive's any more nothing is put back: GTIDs would be there twice. */
  #kept: State | undefined;

  constructor(serverId = 1) {
    this.serverId = serverId;
    this.#begin('bin.000001');
  }

  write(): void {
    const content = `change ${(this.#count += 1)}`;
    this.state.data.push(content);
    this.state.lsn += 1;
    if (!this.keepsBinlog) return;
    const [, , last = '0'] = this.state.gtid.split('-');
    const gtid = `0-${this.serverId}-${Number(last) + 1}`;
    this.state.gtid = gtid;
    this.state.files.at(-1)!.changes.push({ content, gtid });
  }

  rotate(): void {
    if (this.keepsBinlog) this.#begin(this.#nextName());
  }

  purge(): void {
    if (this.state.files.length > 1) this.state.files.shift();
  }

  reset(): void {
    if (!this.keepsBinlog) return;
    this.#kept = undefined;
    this.state.gtid = '';
    this.state.files = [];
    this.#begin('bin.000001');
  }

  /** The last changes are lost, in the file and in the data. */
  losePower(lost: number): void {
    if (!this.keepsBinlog) return;
    const { changes, gtid } = this.state.files.at(-1)!;
    const gone = changes.splice(Math.max(0, changes.length - lost));
    this.state.data.splice(this.state.data.length - gone.length);
    this.state.gtid = changes.at(-1)?.gtid ?? gtid;
    this.#kept = undefined;
    this.rotate();
  }

  switchOff(): void {
    this.keepsBinlog = false;
  }

  switchOn(): void {
    if (this.keepsBinlog) return;
    this.keepsBinlog = true;
    this.rotate();
  }

  keep(): void {
    if (this.keepsBinlog) this.#kept = structuredClone(this.state);
  }

  /** Everything as it was kept, or the data alone, with or without what the server remembers of its binlog. */
  putBack(what: 'all' | 'data' | 'data and state'): void {
    if (!this.#kept || !this.keepsBinlog) return;
    const kept = structuredClone(this.#kept);
    const files = what === 'all' ? kept.files : this.state.files;
    const gtid = what === 'data' ? this.state.gtid : kept.gtid;
    this.state = { ...kept, files, gtid, life: `life ${(this.#count += 1)}` };
    this.rotate();
  }

  /** A replica that lacks the last changes takes over, with files of its own. */
  failOver(lacks: number): void {
    if (!this.keepsBinlog) return;
    const { files, data, gtid } = this.state;
    const all = files.flatMap(({ changes }) => changes);
    const had = all.slice(0, Math.max(0, all.length - lacks));
    this.#kept = undefined;
    this.serverId += 1;
    this.state = {
      data: data.slice(0, data.length - (all.length - had.length)),
      life: `life ${(this.#count += 1)}`,
      lsn: 1,
      gtid: files[0]?.gtid ?? gtid,
      files: [],
    };
    this.#begin('replica.000001');
    for (const change of had) {
      this.state.files.at(-1)!.changes.push(change);
      this.state.gtid = change.gtid;
    }
  }

  view(): ServerView {
    const files = this.keepsBinlog ? this.state.files : [];
    const named = (name: string): File => files.find((file) => file.name === name)!;
    return {
      keepsBinlog: this.keepsBinlog,
      files: files.map((file) => ({ file: file.name, size: sizeOf(file.changes) })),
      life: this.state.life,
      lsn: this.state.lsn,
      head: (name) => {
        const { head, serverId, gtid } = named(name);
        return Promise.resolve({ digest: head, serverId, gtid });
      },
      sameUpTo: (archived) => {
        const ranges = (archived as ArchivedCopy).ranges;
        const same = ranges.findLast(
          ({ changes }) =>
            changes.map(({ content }) => content).join() ===
            named(archived.file)
              .changes.slice(0, changes.length)
              .map(({ content }) => content)
              .join(),
        );
        return Promise.resolve(same ? sizeOf(same.changes) : 0);
      },
      places: (name, gtids) => Promise.resolve(pointsOf(named(name)).filter(({ gtid }) => gtids.has(gtid))),
    };
  }

  #begin(name: string): void {
    const { gtid } = this.state;
    const head = `head ${(heads += 1)}`;
    this.state.files.push({ name, head, serverId: this.serverId, gtid, changes: [] });
  }

  #nextName(): string {
    const [base, number] = (this.state.files.at(-1)?.name ?? 'bin.000000').split('.');
    return `${base}.${String(Number(number) + 1).padStart(6, '0')}`;
  }
}

function sizeOf(changes: readonly Change[]): number {
  return headBytes + changeBytes * changes.length;
}

function pointsOf({ name, changes }: Pick<File, 'name' | 'changes'>): ArchivePoint[] {
  return changes.map(({ gtid }, index) => ({
    file: name,
    position: headBytes + changeBytes * (index + 1),
    gtid,
  }));
}

/** A file of the archive, with what was in it at the end of each range that was shipped. */
export interface ArchivedCopy extends ArchivedFile {
  ranges: { changes: Change[] }[];
}

export function copyOf(file: File): ArchivedCopy {
  const { name, head, serverId, gtid, changes } = file;
  const end = sizeOf(changes);
  return {
    file: name,
    head: { digest: head, serverId, gtid },
    end,
    wholeEnd: end,
    gtidAfter: changes.at(-1)?.gtid ?? gtid,
    points: pointsOf(file).slice(-1),
    ranges: [{ changes: [...changes] }],
  };
}

/** With what was archived of it before. */
export function grown(before: ArchivedCopy, after: ArchivedCopy): ArchivedCopy {
  const points = [...before.points, ...after.points];
  return { ...after, points, ranges: [...before.ranges, ...after.ranges] };
}

/** What the judgement is told of a timeline. */
export function archivedOf(
  timeline: string,
  begins: ArchivePoint,
  files: readonly ArchivedCopy[],
  seen?: { life: string; lsn: number },
): ArchivedTimeline {
  const last = files.at(-1);
  return {
    timeline,
    begins,
    files: files.map(({ file }) => file),
    file: (name) => Promise.resolve(files.find(({ file }) => file === name)),
    ...(last && { last }),
    ...(seen && { seen }),
  };
}

/** What a file holds up to a place. */
export function contentUpTo(copy: ArchivedCopy, position: number): string[] {
  const count = Math.max(0, Math.floor((position - headBytes) / changeBytes));
  return (copy.ranges.at(-1)?.changes ?? []).slice(0, count).map(({ content }) => content);
}
