/** The archived binlogs of a drill: which are needed, and their replay onto the copy. */
import type { SegmentArchive } from '../../domain/archive/header.ts';
import { measure, startOf } from '../../domain/progress.ts';
import type { ProofReport } from '../../domain/proofs/types.ts';
import type { ReplayFacts } from '../../domain/restore-plan.ts';
import { fetchBinlogs } from '../../mariadb/replay/fetch.ts';
import { proveBinlogs, type ProvenReplay } from '../../mariadb/replay/prove.ts';
import { replayBinlogs } from '../../mariadb/replay/replay.ts';
import { type Selection, selectSegments, whileJoined } from '../../mariadb/replay/select.ts';
import { identitiesFor } from '../../mariadb/restore/identity.ts';
import { openArchive } from '../../storage/segments.ts';
import { recipientsOf, segmentsOf } from '../host/replay.ts';
import { requireIdentities } from './plan.ts';
import type { ProofSite } from './site.ts';

type Asking = Pick<ProofSite, 'host' | 'order' | 'trial'>;

/**
 * @returns what the replay needs; undefined where nothing is replayed
 * @throws binlog_gap, identity_unavailable, and what reading the archive does
 */
export async function inspectReplay(site: Asking): Promise<ReplayFacts | undefined> {
  const { ranges, stop } = site.order.target;
  if (ranges.length === 0 || stop.at === 'backup') return undefined;
  const selection = await select(site);
  await requireIdentities(site.host, recipientsOf(selection), site.trial);
  const segments = segmentsOf(selection.files);
  return {
    storedBytes: segments.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    bytes: segments.reduce((sum, { start, end }) => sum + end - start, 0),
  };
}

/** @throws what fetching, proving and replaying binlogs does */
export async function replayForProof(
  site: ProofSite,
  { bytes }: ReplayFacts,
): Promise<Pick<ProofReport, 'reached' | 'warnings'>> {
  const { host, order, trial, place, owner } = site;
  const { server, restore } = host.settings;
  const { proven, selection } = await fetchProven(site);
  const begun = Date.now();
  const { reached, notes } = await replayBinlogs({
    server,
    restore,
    layout: order.facts.layout,
    directory: place.data,
    owner,
    attempt: trial,
    proven,
    onProgress: (done) => trial.report(measure('replaying', done, bytes, Date.now() - begun)),
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

function archiveOf({ host, order }: Asking): SegmentArchive {
  return openArchive(host.store, order.serviceId);
}

async function select(site: Asking): Promise<Selection> {
  const { ranges, stop } = site.order.target;
  return await selectSegments(archiveOf(site), ranges, stop, site.trial.signal);
}

async function fetchProven(site: ProofSite): Promise<{ proven: ProvenReplay; selection: Selection }> {
  const { host, order, trial, place, owner } = site;
  const { binlog: start } = order.facts;
  if (!start) throw new Error('a replay onto a copy that stands nowhere');
  return await whileJoined(async () => {
    const selection = await select(site);
    const recipients = recipientsOf(selection);
    const identity =
      recipients.length > 0 ? await identitiesFor(host.settings.restore, recipients, trial) : undefined;
    const files = await fetchBinlogs(selection.files, {
      server: host.settings.server,
      archive: archiveOf(site),
      identity,
      folder: place.binlogs,
      owner,
      attempt: trial,
      onProgress: (bytes) => trial.report(startOf('replaying'), bytes),
    });
    const proven = await proveBinlogs({ files, start, stop: selection.stop }, { signal: trial.signal });
    return { proven, selection };
  });
}
