/**
 * Where the archive goes on when the server was reached again: what it has is held against what is archived. The one
 * place where that is decided.
 */
import type { ServerSettings } from '../../config/agent.ts';
import type { BinlogPoint, TimelineFacts } from '../../domain/archive/facts.ts';
import type { SegmentArchive } from '../../domain/archive/header.ts';
import type { Verdict } from '../../domain/archive/verdict.ts';
import { connect, rowsOf } from '../server/sql.ts';
import { numberOf, type Tail } from './resume.ts';

/** Nothing can be said of what is missing where nothing was archived yet. */
export type Judgement = Verdict | { kind: 'no_binlog'; hole?: undefined };

export interface Known {
  server: ServerSettings;
  archive: SegmentArchive;
  /** The agent's own. */
  stateDirectory: string;
  /** Where archiving begins, when nothing is archived. */
  start: BinlogPoint;
  /** The one that was followed last first; empty when nothing is archived. */
  timelines: TimelineFacts[];
  /** Of the first of them; undefined while nothing of it is archived. */
  tail: Tail | undefined;
  /** What follows there cannot be read. */
  unreadable?: BinlogPoint | undefined;
  /** What comes behind this is not what was archived. */
  diverged?: BinlogPoint | undefined;
  signal: AbortSignal;
}

export type Judge = (known: Known) => Promise<Judgement>;

/** @throws the errors of `connect`, privilege_missing */
export const judge: Judge = async ({ server, start, timelines, tail, diverged }) => {
  await using connection = await connect(server);
  const logs = await rowsOf<{ Log_name: string; File_size: number | bigint }>(
    connection,
    'SHOW BINARY LOGS',
  ).catch((error: unknown) => {
    if ((error as { code?: unknown }).code === 'ER_NO_BINARY_LOGGING') return [];
    throw error;
  });
  const files = logs.map(({ Log_name: file, File_size: size }) => ({ file, size: Number(size) }));
  const [first] = files;
  if (!first) return { kind: 'no_binlog' };
  const [current] = timelines;
  if (!current) {
    const file = files.some((log) => log.file === start.file) ? start.file : first.file;
    return { kind: 'new_timeline', timeline: { cause: 'first', begins: { file, position: 0, gtid: '' } } };
  }
  if (!tail) return { kind: 'goes_on', timeline: current.id, from: { ...current.begins, position: 0 } };
  const last = tail.segments.at(-1)!;
  const from = { file: tail.file, position: last.end };
  const branch = tail.segments.findLast(({ end }) => end <= (diverged?.position ?? 0));
  if (diverged) {
    const parent = branch && {
      parent: current.id,
      branch: { file: tail.file, position: branch.wholeEnd, gtid: branch.gtidAfter },
    };
    const begins = { file: diverged.file, position: 0, gtid: '' };
    return { kind: 'new_timeline', timeline: { cause: 'rewritten', begins, ...parent } };
  }
  if (files.some(({ file, size }) => file === tail.file && size >= last.end))
    return { kind: 'goes_on', timeline: current.id, from };
  const next = files.find(({ file }) => numberOf(file) > numberOf(tail.file));
  if (next) return { kind: 'goes_on', timeline: current.id, from: { file: next.file, position: 0 } };
  return {
    kind: 'new_timeline',
    timeline: { cause: 'reset', begins: { file: first.file, position: 0, gtid: '' } },
  };
};
