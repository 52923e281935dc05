/**
 * The catalog follows Temporal. Whatever a crash or an administrator left between the two is settled: an order whose
 * workflow was never started is started; a row whose workflow is over is ended; a place whose owner is gone is freed;
 * a schedule that differs is put right, and a service that was never given its nightly one is given it.
 */
import { Context } from '@temporalio/activity';
import type { BackupRecord, PlaceRecord, RestoreRecord } from '../../catalog/types.ts';
import type { VerificationRecord } from '../../catalog/verification-types.ts';
import { messageOf } from '../../domain/errors.ts';
import { workflowIds } from '../../domain/ids.ts';
import { isFinal, type OperationStatus, type RestoreInput } from '../../domain/operations.ts';
import {
  startBackup,
  startBackupCleanup,
  startRestore,
  startRestoreCleanup,
  startUndo,
  startVerification,
} from '../../temporal/start.ts';
import { forgetUnneededBuckets } from './buckets.ts';
import type { ControlActivities } from './contract.ts';
import { measureArchives, settleLeftBreaks } from './breaks.ts';
import { settleDrills, settleProof } from './drills.ts';
import { openFollowers, settleFollowers } from './archive.ts';
import { beginMissingCopies, findMissingCopies } from './missing-copies.ts';
import { giveMissingNightlies } from './nightly.ts';
import { beginPendingRemovals } from './removals.ts';
import { hasEnded, workflowState } from './places.ts';
import type { Plane } from './plane.ts';
import { measureProofs } from './proofs.ts';
import { settleSchedules } from './schedules.ts';

/** An order this young may be in the hands of the api that is starting its workflow now. */
const youngMs = 10_000;
/** How often it is looked whether what follows a binlog was ended from outside. */
const followersMs = 60_000;

interface Outcome {
  started: number;
  settled: number;
  released: number;
  schedules: number;
  copies: number;
  followers: number;
}

export function reconciliationActivities(plane: Plane): Pick<ControlActivities, 'reconcile'> {
  let lookedForCopiesAt = 0;
  let lookedForFollowersAt = 0;
  return {
    async reconcile() {
      const outcome: Outcome = { started: 0, settled: 0, released: 0, schedules: 0, copies: 0, followers: 0 };
      const { backups, restores, undos, verifications, proofs } = await plane.catalog.unfinished();
      for (const backup of backups) await one(plane, backup.id, () => settleBackup(plane, backup, outcome));
      for (const restore of restores) {
        await one(plane, restore.workflowId, () => settleRestore(plane, restore, outcome));
      }
      for (const restore of undos) {
        await one(plane, restore.undo?.workflowId ?? '', () => settleUndo(plane, restore, outcome));
      }
      for (const verification of verifications) {
        await one(plane, verification.workflowId, () => settleVerification(plane, verification, outcome));
      }
      for (const proof of proofs.filter(({ createdAt }) => !isYoung(createdAt))) {
        await one(plane, proof.workflowId, async () => {
          const done = await settleProof(plane, proof, lost);
          if (done) outcome[done] += 1;
        });
      }
      for (const place of await plane.catalog.listPlaces()) {
        await one(plane, place.workflowId, () => freePlace(plane, place, outcome));
      }
      await one(plane, 'expired idempotency keys', () => removeExpiredKeys(plane));
      await one(plane, 'deleted backups', () => beginPendingRemovals(plane));
      await one(plane, 'credentials of buckets', () => forgetUnneededBuckets(plane));
      const attempt = (what: string, work: () => Promise<void>): Promise<void> => one(plane, what, work);
      await one(plane, 'nightly backups', () => giveMissingNightlies(plane, attempt));
      await one(plane, 'schedules', async () => {
        outcome.schedules = await settleSchedules(plane, attempt);
      });
      await one(plane, 'drills', async () => {
        outcome.schedules += await settleDrills(plane, attempt);
      });
      if (Date.now() - lookedForCopiesAt >= plane.copyIntervalMs) {
        await one(plane, 'missing copies', async () => {
          await findMissingCopies(plane);
          lookedForCopiesAt = Date.now();
        });
      }
      await one(plane, 'copies', async () => {
        outcome.copies = await beginMissingCopies(plane, attempt);
        await measureCopies(plane);
      });
      await one(plane, 'followers of binlogs', async () => {
        const look = Date.now() - lookedForFollowersAt >= followersMs;
        const open = look ? await openFollowers(plane) : undefined;
        const gone = (serviceId: string): boolean => open?.has(workflowIds.follow(serviceId)) === false;
        outcome.followers = await settleFollowers(plane, attempt, gone);
        if (look) lookedForFollowersAt = Date.now();
      });
      await one(plane, 'breaks of archived binlogs', () => settleLeftBreaks(plane, attempt));
      await one(plane, 'figures of archives', () => measureArchives(plane));
      await one(plane, 'figures of proofs', () => measureProofs(plane));
      return { ...outcome, nextMs: plane.reconcileIntervalMs };
    },
  };
}

/** What an Idempotency-Key has kept is good for a day; nothing asks for it afterwards. */
async function removeExpiredKeys(plane: Plane): Promise<void> {
  while ((await plane.catalog.removeExpiredKeys()) > 0) Context.current().heartbeat();
}

/** Also of a location that has none missing: a figure that is not told any more would stay as it was. */
async function measureCopies({ catalog, copies, copyMeter }: Plane): Promise<void> {
  if (!copyMeter) return;
  const counts = await catalog.countMissingCopies();
  for (const location of copies.keys()) {
    const here = counts.filter((entry) => entry.location === location);
    const sum = (of: typeof here): number => of.reduce((total, { count }) => total + count, 0);
    const failed = sum(here.filter(({ status }) => status === 'Failed'));
    copyMeter.missing(location, { missing: sum(here), failed });
  }
}

/** One that cannot be settled now must not keep the others from it. */
async function one(plane: Plane, what: string, settle: () => Promise<void>): Promise<void> {
  Context.current().heartbeat();
  try {
    await settle();
  } catch (error) {
    plane.log.error(
      { what, reason: messageOf(error) },
      'It could not be compared with Temporal; trying again.',
    );
  }
}

async function freePlace(plane: Plane, place: PlaceRecord, outcome: Outcome): Promise<void> {
  if (!(await hasEnded(plane, place))) return;
  await plane.catalog.releasePlace(place.workflowId);
  outcome.released += 1;
}

async function settleBackup(plane: Plane, backup: BackupRecord, outcome: Outcome): Promise<void> {
  if (isYoung(backup.createdAt)) return;
  const workflowId = workflowIds.backup(backup.id, backup.scheduleId);
  const state = await workflowState(plane, workflowId);
  if (state === 'missing' && backup.status === 'Scheduled') {
    const { id, scheduleId, serviceId, organization, type, method } = backup;
    await startBackup(plane.client, {
      backupId: id,
      scheduleId,
      serviceId,
      organization,
      type,
      ...(method === 'external' && { external: true }),
      timings: plane.timings,
    });
    outcome.started += 1;
  } else if (state !== 'open') {
    const current = await plane.catalog.findBackup(backup.id);
    if (!current || isFinal(current.status)) return;
    const service = await plane.catalog.findService(backup.serviceId);
    const deploymentId = await plane.catalog.deploymentId();
    // Without an agent there is nobody to tidy up after it.
    if (service && service.agentId !== '' && state === 'closed') {
      const order = { backupId: backup.id, serviceId: backup.serviceId, workflowId, deploymentId };
      const external = backup.method === 'external' && { external: true };
      const { agentId } = service;
      await startBackupCleanup(plane.client, { agentId, order, ...external, timings: plane.timings });
    }
    const changed = await plane.catalog.updateBackup(backup.id, lost(workflowId));
    if (changed) outcome.settled += 1;
  }
}

async function settleRestore(plane: Plane, restore: RestoreRecord, outcome: Outcome): Promise<void> {
  if (isYoung(restore.createdAt)) return;
  const { id: restoreId, workflowId, backupId, serviceId, organization, mode, recovery, part } = restore;
  const backup = restore.foreign ? undefined : await plane.catalog.findBackup(backupId);
  const input: RestoreInput = {
    restoreId,
    workflowId,
    backupId,
    serviceId,
    organization,
    mode,
    ...(backup?.method === 'external' && { external: true }),
    ...(recovery && { recovery }),
    ...(restore.foreign && { foreign: true }),
    ...(part && { part }),
    timings: plane.timings,
  };
  const state = await workflowState(plane, workflowId);
  if (state === 'missing' && restore.status === 'Scheduled') {
    await startRestore(plane.client, input);
    outcome.started += 1;
  } else if (state !== 'open') {
    // Read again now that the workflow is known to be over: one that has just succeeded must not be put back.
    const current = await plane.catalog.findRestore(restoreId);
    if (!current || isFinal(current.status)) return;
    // It stands in line before the dead restore's place is freed, so that nothing else gets at the server before it.
    const operation = `clean-up after restore ${restoreId}`;
    await plane.catalog.takePlace({ serviceId, workflowId: workflowIds.cleanUp(workflowId), operation });
    // Started before the row is final: were we to die in between, nobody would look at this restore again.
    await startRestoreCleanup(plane.client, input);
    const { status, endedAt: finishedAt, message } = lost(workflowId);
    if (await plane.catalog.updateRestore(restoreId, { status, finishedAt, message })) outcome.settled += 1;
  }
}

/** What its host was in the middle of, the host brings to an end by itself. */
async function settleUndo(
  plane: Plane,
  { id: restoreId, workflowId: restoreWorkflowId, serviceId, organization, undo }: RestoreRecord,
  outcome: Outcome,
): Promise<void> {
  if (!undo || isYoung(undo.createdAt)) return;
  const { workflowId, status, force } = undo;
  const state = await workflowState(plane, workflowId);
  if (state === 'missing' && status === 'Scheduled') {
    const { timings } = plane;
    await startUndo(plane.client, {
      restoreId,
      workflowId,
      restoreWorkflowId,
      serviceId,
      organization,
      force,
      timings,
    });
    outcome.started += 1;
  } else if (state !== 'open') {
    const { status: ended, endedAt: finishedAt, message } = lost(workflowId);
    const patch = { status: ended, finishedAt, message: `${message} Look which data the server has.` };
    if (await plane.catalog.updateUndo(restoreId, workflowId, patch)) outcome.settled += 1;
  }
}

async function settleVerification(
  plane: Plane,
  { workflowId, backupId, serviceId, status, createdAt }: VerificationRecord,
  outcome: Outcome,
): Promise<void> {
  if (isYoung(createdAt)) return;
  const state = await workflowState(plane, workflowId);
  if (state === 'missing' && status === 'Scheduled') {
    await startVerification(plane.client, { workflowId, backupId, serviceId, timings: plane.timings });
    outcome.started += 1;
  } else if (state !== 'open') {
    const { status: ended, endedAt: finishedAt, message } = lost(workflowId);
    if (await plane.catalog.updateVerification(workflowId, { status: ended, finishedAt, message }))
      outcome.settled += 1;
  }
}

function isYoung(createdAt: string): boolean {
  return Date.now() - Date.parse(createdAt) < youngMs;
}

function lost(workflowId: string): { status: OperationStatus; endedAt: string; message: string } {
  return {
    status: 'Failed',
    endedAt: new Date().toISOString(),
    message: `The workflow ${workflowId} ended without a result: it was terminated, or timed out. See Temporal's web UI.`,
  };
}
