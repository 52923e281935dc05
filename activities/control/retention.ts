/**
 * Retention carried out. A backup goes in steps, each of which can be repeated: it is judged and moved to the removals
 * in the catalog, its manifest is removed, then its parts, then the removal is forgotten. A sweep that is killed
 * leaves removals, and the next one begins with those.
 */
import { Context } from '@temporalio/activity';
import type { PruningRecord } from '../../catalog/pruning-types.ts';
import type { RemovalRecord } from '../../catalog/retention-types.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import { judge, newestGood, youngSince } from '../../domain/retention.ts';
import type { RetentionCandidate, RetentionFacts, Verdict } from '../../domain/retention/facts.ts';
import { retentionOf } from '../../domain/service-settings.ts';
import { readManifest } from '../../storage/manifest.ts';
import { manifestExists } from '../../storage/sweep.ts';
import { beating } from '../heartbeat.ts';
import type { ControlActivities } from './contract.ts';
import { sweepLeftCopies, sweepLeftParts } from './left-parts.ts';
import { readWhole } from './links.ts';
import { compareAllObjects } from './objects.ts';
import { openWriter } from './places.ts';
import type { Plane } from './plane.ts';
import { carryOutPruning, pruneBinlogs } from './pruning.ts';
import { carryOut, isUnconfirmed } from './removals.ts';

const servicesAtOnce = 500;
const dayMs = 86_400_000;
/** Where there was no time to look at every service, the next sweep comes before the rest. */
const soonMs = 1_000;

type Service = { serviceId: string; organization: string };

export function retentionActivities(plane: Plane): Pick<ControlActivities, 'removeExpired'> {
  const failed = new Set<string>();
  return {
    async removeExpired({ now }) {
      // Of two clocks the slower one is believed: it removes less.
      const slower = Math.min(Date.now(), now);
      const signal = Context.current().cancellationSignal;
      return await beating(async () => {
        const removed = await sweep(plane, slower, signal);
        // Behind all removals: none waits until everything in the store is listed.
        const isDone = await compareAllObjects(plane, slower, { signal, failed });
        return { removed, nextMs: isDone ? plane.retention.intervalMs : soonMs };
      });
    },
  };
}

/**
 * Finishes what an earlier sweep began, removes old entries of the audit, then looks at every service. What fails is logged, and left to the next sweep.
 *
 * @param now Unix milliseconds
 * @returns how many backups were removed
 */
export async function sweep(plane: Plane, now: number, signal: AbortSignal): Promise<number> {
  let removed = 0;
  if (await isUnconfirmed(plane)) return removed;
  const away = new Set<string>();
  const finish = async (removals: readonly RemovalRecord[]): Promise<void> => {
    for (const removal of removals) {
      signal.throwIfAborted();
      if (await isUnconfirmed(plane)) return;
      if (await succeeds(plane, removal.backupId, () => carryOut(plane, removal, away))) removed += 1;
    }
  };
  const finishPrunings = async (prunings: readonly PruningRecord[]): Promise<void> => {
    for (const pruning of prunings) {
      signal.throwIfAborted();
      if (await isUnconfirmed(plane)) return;
      await succeeds(plane, pruning.file, () => carryOutPruning(plane, pruning, signal));
    }
  };
  const begun = await plane.catalog.listRemovals();
  await finish(begun.filter(({ bucketId }) => bucketId === undefined));
  await finishPrunings(await plane.catalog.listPrunings());
  await succeeds(plane, 'the audit', () => removeOldEntries(plane, now, signal));
  for (let after = ''; ;) {
    const services = await plane.catalog.serviceIdsAfter(after, servicesAtOnce);
    for (const service of services) {
      signal.throwIfAborted();
      // A sweep takes hours where there is much, and a catalog may be filled from its store meanwhile.
      if (await isUnconfirmed(plane)) return removed;
      const { serviceId } = service;
      await succeeds(plane, serviceId, async () => finish(await beginRemovals(plane, service, now)));
      await succeeds(plane, `binlogs of ${serviceId}`, async () =>
        pruneBinlogs(plane, serviceId, finishPrunings, signal),
      );
      await succeeds(plane, `parts of ${serviceId}`, async () =>
        sweepLeftParts(plane, serviceId, now, signal),
      );
      for (const [location, store] of plane.copies) {
        if (away.has(location)) continue;
        const swept = await succeeds(plane, `parts of ${serviceId} in ${location}`, async () =>
          sweepLeftCopies(plane, store, serviceId, now, signal),
        );
        // Every other service would wait for it anew.
        if (!swept) away.add(location);
      }
    }
    const last = services.at(-1);
    if (!last) break;
    after = last.serviceId;
  }
  // What is in buckets of customers was deleted on instruction, and nothing else waits for it.
  await finish(begun.filter(({ bucketId }) => bucketId !== undefined));
  return removed;
}

/** What the audit tells of longer ago than the setting says. */
async function removeOldEntries(
  { catalog, auditDays, log }: Plane,
  now: number,
  signal: AbortSignal,
): Promise<void> {
  if (auditDays === 0) return;
  const before = new Date(now - auditDays * dayMs).toISOString();
  let entries = 0;
  while (!signal.aborted) {
    const removed = await catalog.removeAuditBefore(before);
    if (removed === 0) break;
    entries += removed;
  }
  if (entries > 0) log.info({ entries, before }, 'Old entries of the audit were removed.');
}

/** One that fails must not keep the others from it. */
async function succeeds(plane: Plane, what: string, work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    plane.log.error({ what, reason: messageOf(error) }, 'Retention could not be carried out; trying again.');
    return false;
  }
}

/** Judges, makes sure of what the judgement rests on, and judges again where nothing can change meanwhile. */
async function beginRemovals(plane: Plane, service: Service, now: number): Promise<RemovalRecord[]> {
  const { catalog, retention, defaults } = plane;
  const { serviceId } = service;
  const settings = (await catalog.findServiceSettings([serviceId])).get(serviceId) ?? {};
  const policy = retentionOf(settings, defaults);
  // Most services have nothing that could have expired, and no more is read of those.
  if (!(await catalog.mayHaveExpired(service, youngSince(policy, now)))) return [];
  const expired = removable(judge(await catalog.retentionFacts(serviceId), policy, { now, graceMs: 0 }));
  await catalog.markDue(serviceId, expired, new Date(now).toISOString());
  const clock = { now, graceMs: retention.graceMs };
  const facts = await catalog.retentionFacts(serviceId);
  const ripe = new Set(removable(judge(facts, policy, clock)));
  const sound = await soundOf(plane, facts, ripe);
  if (sound.size === 0) return [];
  return await catalog.beginRemovals(serviceId, (latest) => {
    const pins = new Map(latest.pins);
    for (const { id } of latest.candidates) if (!sound.has(id)) pins.set(id, 'It was not looked at.');
    return judge({ ...latest, pins }, policy, clock);
  });
}

function removable(verdicts: readonly Verdict[]): string[] {
  return verdicts.filter(({ keep }) => !keep).map(({ id }) => id);
}

/** Those whose objects are known to be nothing but what is to be removed. */
async function soundOf(
  plane: Plane,
  { candidates }: RetentionFacts,
  ripe: ReadonlySet<string>,
): Promise<Set<string>> {
  const chosen = candidates.filter(({ id }) => ripe.has(id));
  if (chosen.some(({ status }) => status === 'Succeeded')) await proveNewest(plane, candidates);
  const sound = new Set<string>();
  for (const { id, status } of chosen) {
    const obstacle = status === 'Succeeded' ? await foreign(plane, id) : await unsettled(plane, id);
    if (obstacle === undefined) sound.add(id);
    else plane.log.warn({ backup: id, reason: obstacle }, 'A backup has expired and is not removed.');
  }
  return sound;
}

/**
 * What older backups may go for has to be there itself.
 *
 * @throws object_missing, object_damaged, saying that nothing is removed
 */
async function proveNewest(plane: Plane, candidates: readonly RetentionCandidate[]): Promise<void> {
  const newest = newestGood(candidates);
  if (!newest) return;
  const { id, type } = newest;
  try {
    const backup = await plane.catalog.findBackup(id);
    // Wherever it is whole, it can be restored from.
    if (backup) await readWhole(plane, backup);
  } catch (error) {
    if (!(error instanceof TidemarkError)) throw error;
    const message = `The newest ${type === 'dump' ? 'dump' : 'full backup'}, ${id}, cannot be restored, so no older one is removed. ${error.message}`;
    throw new TidemarkError(error.code, message, { cause: error });
  }
}

/** Why the objects of a backup that succeeded are not ours to remove. One without a manifest is none any more. */
async function foreign({ catalog, store }: Plane, backupId: string): Promise<string | undefined> {
  try {
    const backup = await catalog.findBackup(backupId);
    const { manifest } = await readManifest(store, backupId, backup?.manifestSha256);
    if ((await catalog.ownDeployments()).has(manifest.deploymentId)) return undefined;
    return `Another deployment, ${manifest.deploymentId}, took it: only that one may remove it.`;
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.retryable) throw error;
    return error.code === 'object_missing'
      ? undefined
      : `Its manifest does not say whose it is. ${error.message}`;
  }
}

/** Why parts that a failed backup left may still be somebody's. */
async function unsettled(plane: Plane, backupId: string): Promise<string | undefined> {
  const backup = await plane.catalog.findBackup(backupId);
  if (!backup) return undefined;
  const writer = await openWriter(plane, backupId, backup.scheduleId);
  if (writer !== undefined) return `The workflow ${writer} has not ended.`;
  if (!(await manifestExists(plane.store, backupId))) return undefined;
  return 'It is recorded as not succeeded, and is whole in the store: its manifest is there.';
}
