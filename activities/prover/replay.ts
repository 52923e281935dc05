/** The archived binlogs of a drill: which are needed, and their replay onto the copy. */
import { measure, startOf } from '../../domain/progress.ts';
import type { ProofReport } from '../../domain/proofs/types.ts';
import { fetchBinlogs } from '../../mariadb/replay/fetch.ts';
import { proveBinlogs } from '../../mariadb/replay/prove.ts';
import { replayBinlogs } from '../../mariadb/replay/replay.ts';
import { type Selection, selectSegments } from '../../mariadb/replay/select.ts';
import { identityFor } from '../../mariadb/restore/identity.ts';
import { openArchive } from '../../storage/segments.ts';
import { requireIdentities } from './plan.ts';
import type { ProofSite } from './site.ts';

export interface ProofSelection extends Selection {
  /** Of the binlogs, opened. */
  bytes: number;
}

/**
 * @returns undefined where nothing is replayed
 * @throws binlog_gap, identity_unavailable, and what reading the archive does
 */
export async function selectForProof({
  host,
  order,
  trial,
}: Omit<ProofSite, 'place' | 'owner'>): Promise<ProofSelection | undefined> {
  const { ranges, stop } = order.target;
  if (ranges.length === 0 || stop.at === 'backup' || !order.facts.binlog) return undefined;
  const archive = openArchive(host.store, order.serviceId);
  const selection = await selectSegments(archive, ranges, stop, trial.signal);
  await requireIdentities(host, recipientsOf(selection), trial);
  const segments = selection.files.flatMap(({ segments: some }) => some);
  return { ...selection, bytes: segments.reduce((sum, { start, end }) => sum + end - start, 0) };
}

/** @throws what fetching, proving and replaying binlogs does */
export async function replayForProof(
  { host, order, trial, place, owner }: ProofSite,
  selection: ProofSelection,
): Promise<Pick<ProofReport, 'reached' | 'warnings'>> {
  const { binlog: start, layout } = order.facts;
  if (!start) throw new Error('a replay onto a copy that stands nowhere');
  const { server, restore } = host.settings;
  const begun = Date.now();
  const files = await fetchBinlogs(selection.files, {
    server,
    archive: openArchive(host.store, order.serviceId),
    identity: await identitiesOf({ host, trial }, recipientsOf(selection)),
    folder: place.binlogs,
    owner,
    attempt: trial,
    onProgress: (bytes) => trial.report(startOf('replaying'), bytes),
  });
  const proven = await proveBinlogs({ files, start, stop: selection.stop }, { signal: trial.signal });
  const { reached, notes } = await replayBinlogs({
    server,
    restore,
    layout,
    directory: place.data,
    owner,
    attempt: trial,
    proven,
    onProgress: (bytes) => trial.report(measure('replaying', bytes, selection.bytes, Date.now() - begun)),
  });
  const timeline = selection.files.findLast(({ name }) => name === reached.file)?.timeline;
  return {
    reached: {
      gtid: reached.gtid,
      binlog_file: reached.file,
      binlog_position: reached.position,
      ...(timeline !== undefined && { timeline }),
      ...(selection.notAfter !== undefined && { not_after: selection.notAfter }),
    },
    warnings: notes,
  };
}

/** For whom the segments are encrypted, each list once. */
function recipientsOf({ files }: Selection): string[][] {
  const lists = files.flatMap(({ head, segments }) =>
    [...segments, ...(head ? [head] : [])].map(({ recipients }) => recipients),
  );
  return [...new Map(lists.filter((list) => list.length > 0).map((list) => [list.join(), list])).values()];
}

async function identitiesOf(
  { host, trial }: Pick<ProofSite, 'host' | 'trial'>,
  recipients: readonly string[][],
): Promise<string | undefined> {
  const found = new Set<string>();
  for (const some of recipients) found.add(await identityFor(host.settings.restore, some, trial));
  return found.size === 0 ? undefined : [...found].join('\n');
}
