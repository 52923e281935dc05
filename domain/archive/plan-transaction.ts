/** Plans a recovery to a transaction. A stretch knows it by the sequence numbers at its ends. */
import { type Gtid, gtidText, parseGtid } from '../binlog/gtid.ts';
import type { Base } from './backups.ts';
import { chooseBase } from './choice.ts';
import { gtidsByDomain } from './gtid-positions.ts';
import { microInstant } from './instants.ts';
import { backupAlone, estimateOf, partsOf, type Planning, withTimeline } from './plan-parts.ts';
import { rangesOf } from './plan-ranges.ts';
import type { RecoveryPlan, RecoveryRefusal } from './plan-types.ts';
import { type Archive, type Cap, isOn, type Reach } from './reach.ts';
import { comparePlaces } from './stretches.ts';

/** @param before whether it is left out, and not the last that is there */
export function planTransaction(
  planning: Planning,
  text: string,
  before: boolean,
): RecoveryPlan | RecoveryRefusal {
  const gtid = parseGtid(text);
  if (!gtid) {
    return { refused: `"${text.slice(0, 100)}" is not a GTID. Write it like 0-1-100.`, timelines: [] };
  }
  const { archive, path, target } = planning;
  for (const [timeline, cap] of path) {
    const reach = archive.reaches.find(
      (one) => one.stretch.timeline === timeline && holds(archive, one, cap, gtid),
    );
    const plan = reach && planOn(planning, reach, cap, { gtid, before });
    if (plan) return plan;
  }
  const own = before ? undefined : endingWith(planning, gtid);
  if (own) return backupAlone(planning, own);
  const elsewhere = archive.reaches.filter((reach) => holds(archive, reach, {}, gtid));
  const timelines = [...new Set(elsewhere.map(({ stretch }) => stretch.timeline))];
  const [only, another] = timelines;
  if (only !== undefined && another === undefined && target.timeline === undefined) {
    const there = { ...planning, path: archive.path(only), target: { ...target, timeline: only } };
    return planTransaction(there, text, before);
  }
  return refused(planning, gtid, timelines);
}

/** The states of the domain at both ends of what of a stretch belongs to a path. */
function endsOf(
  archive: Archive,
  { stretch, entry }: Reach,
  { branch }: Cap,
  domain: number,
): { low: bigint; high: Gtid } | undefined {
  const { timeline, fromFile, fromPosition, toFile, toPosition } = stretch;
  if (branch && comparePlaces({ file: fromFile, position: fromPosition }, branch) > 0) return undefined;
  const left = branch && comparePlaces(branch, { file: toFile, position: toPosition }) < 0;
  const high = gtidsByDomain(left ? branch.gtid : stretch.toGtid).get(domain);
  // What lies before the place where its timeline begins is its parent's.
  const begins = entry ? archive.begins(timeline)?.gtid : undefined;
  const low = gtidsByDomain(begins ?? stretch.fromGtid).get(domain)?.seqNo ?? -1n;
  return high && { low, high };
}

function holds(archive: Archive, reach: Reach, cap: Cap, gtid: Gtid): boolean {
  const ends = endsOf(archive, reach, cap, gtid.domainId);
  if (!ends || gtid.seqNo <= ends.low || gtid.seqNo > ends.high.seqNo) return false;
  return gtid.seqNo < ends.high.seqNo || gtidText(gtid) === gtidText(ends.high);
}

function planOn(
  { archive, target: { backupId }, rates }: Planning,
  reach: Reach,
  cap: Cap,
  { gtid, before }: { gtid: Gtid; before: boolean },
): RecoveryPlan | undefined {
  const { domainId, seqNo } = gtid;
  const ends = endsOf(archive, reach, cap, domainId);
  if (!ends) return undefined;
  const choice = chooseBase(archive, reach, {
    // About when it was written, for the estimate.
    time: reach.from + (reach.to - reach.from) * share(ends.low, seqNo, ends.high.seqNo),
    before: ({ backup }) => (gtidsByDomain(backup.binlog.gtid).get(domainId)?.seqNo ?? -1n) < seqNo,
    backupId,
    rates,
  });
  return (
    choice && {
      timeline: reach.stretch.timeline,
      chain: choice.chain.map(({ id }) => id),
      ranges: rangesOf(archive, choice, cap).ranges,
      stop: { at: 'gtid', gtid: gtidText(gtid), before },
      ...estimateOf(choice),
    }
  );
}

function share(low: bigint, value: bigint, high: bigint): number {
  return Number(value - low) / Number(high - low);
}

/** A backup whose last transaction it is, as far as its state alone can tell. */
function endingWith({ archive, path, target: { backupId } }: Planning, gtid: Gtid): Base | undefined {
  return archive.bases.find(
    (base) =>
      base.backup.binlog?.gtid === gtidText(gtid) &&
      isOn(path, withTimeline(base)) &&
      (backupId === undefined || base.backup.id === backupId),
  );
}

function refused(planning: Planning, gtid: Gtid, timelines: string[]): RecoveryRefusal {
  const ends = partsOf(planning).map((part) => ({
    ...part,
    ...endsOf(planning.archive, part.reach, part.cap, gtid.domainId),
  }));
  const earlier = ends.filter(({ high }) => high !== undefined && high.seqNo < gtid.seqNo);
  const later = ends.filter(({ low }) => low !== undefined && low >= gtid.seqNo);
  const before = Math.max(...earlier.map(({ to }) => to));
  const after = Math.min(...later.map(({ from }) => from));
  const name = gtidText(gtid);
  return {
    refused:
      timelines.length > 1
        ? `The transaction ${name} is on several timelines, and on none that leads to the current one. Name one of them.`
        : `The service cannot be brought back to the transaction ${name}: no backup and the binlogs after it lead there.`,
    ...(Number.isFinite(before) && { before: microInstant(before) }),
    ...(Number.isFinite(after) && { after: microInstant(after) }),
    timelines,
  };
}
