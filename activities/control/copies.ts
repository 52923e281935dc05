/**
 * Copies of finished backups in further locations: written down in the catalog, made by a workflow a backup, and looked
 * after by the reconciler. What one location refuses is that copy's failure alone.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import { TidemarkError } from '../../domain/errors.ts';
import { isRetryable, pauseAfterFailure } from '../../domain/copies.ts';
import { workflowIds } from '../../domain/ids.ts';
import { advance, measure, type Progress, startOf } from '../../domain/progress.ts';
import { orderedCopies } from '../../domain/service-settings.ts';
import type { Damage } from '../../domain/verification.ts';
import { copyBackup } from '../../storage/copy.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { startCopy } from '../../temporal/start.ts';
import type { ControlActivities, ControlBulkActivities } from './contract.ts';
import { workflowState } from './places.ts';
import type { Plane } from './plane.ts';

const beatMs = 1_000;
/** How long the end of a copy that was called off is waited for. */
const endMs = 30_000;

export function copyActivities(plane: Plane): Pick<ControlActivities, 'updateCopy'> {
  const { catalog, copyIntervalMs } = plane;
  return {
    async updateCopy({ backupId, location, status, message, code }) {
      if (status !== 'Failed')
        return { wanted: await catalog.updateCopy(backupId, location, { status, message }) };
      const [known] = ((await catalog.findCopies([backupId])).get(backupId) ?? []).filter(
        (copy) => copy.location === location,
      );
      const pauseMs = pauseAfterFailure(known?.attempts ?? 0, isRetryable(code), copyIntervalMs);
      const dueAt = new Date(Date.now() + pauseMs).toISOString();
      const said = `${message} It is tried again after ${dueAt.slice(0, 19)}Z.`;
      return { wanted: await catalog.updateCopy(backupId, location, { status, message: said, dueAt }) };
    },
  };
}

/** For the workers of the queue for long work. */
export function copyBulkActivities(plane: Plane): Pick<ControlBulkActivities, 'copyBackup'> {
  const { catalog, log } = plane;
  return {
    async copyBackup({ backupId, location }) {
      const context = Context.current();
      const begun = Date.now();
      // Where an earlier attempt got: figures never go back.
      let shown = advance(context.info.heartbeatDetails as Progress | undefined, startOf('copying'));
      const beat = (): void => context.heartbeat(shown);
      beat();
      const timer = setInterval(beat, beatMs);
      try {
        const backup = await catalog.findBackup(backupId);
        if (!backup) throw removed(backupId);
        const result = await copyBackup(
          await sourcesFor(plane, backupId, location),
          targetOf(plane, location),
          backupId,
          {
            manifestSha256: backup.manifestSha256,
            mayGoOn: async () => {
              if (!(await isWanted(plane, backupId, location))) throw removed(backupId);
            },
            signal: context.cancellationSignal,
            onProgress: (done, total) => {
              shown = advance(shown, measure('copying', done, total, Date.now() - begun));
            },
            onRefusal: ({ location: refusing, error }) => {
              log.warn(
                { backup: backupId, storage: refusing, reason: error.message },
                'An object of a backup is copied from another place.',
              );
            },
          },
        );
        log.info({ backup: backupId, location, ...result }, 'A backup was copied.');
        return result;
      } finally {
        clearInterval(timer);
      }
    },
  };
}

/** The managed storage, and the other places where it is whole: from those, too, a copy can be made. */
async function sourcesFor(plane: Plane, backupId: string, target: string): Promise<ObjectStore[]> {
  const copies = (await plane.catalog.findCopies([backupId])).get(backupId) ?? [];
  const others = copies.flatMap(({ location, status }) => {
    const store = plane.copies.get(location);
    return status === 'Succeeded' && location !== target && store ? [store] : [];
  });
  return [plane.store, ...others];
}

function targetOf({ copies }: Plane, location: string): ObjectStore {
  const target = copies.get(location);
  if (target) return target;
  throw new TidemarkError(
    'copy_location_unknown',
    `The settings of the control worker do not name the location ${location} in "copies". Give every process of the ` +
      'deployment the same list.',
  );
}

/**
 * A copy that was found to lack objects, or to have other ones, counts as one that is still to be made: what is missing is
 * sent again, and what is damaged is said.
 */
export async function remakeDamaged(plane: Plane, damaged: readonly Damage[]): Promise<void> {
  const dueAt = new Date().toISOString();
  const told = new Set<string>();
  for (const { backupId, location: place, object, finding } of damaged) {
    const [location] = [...plane.copies].find(([, store]) => store.location === place) ?? [];
    if (location === undefined || told.has(`${backupId} ${location}`)) continue;
    told.add(`${backupId} ${location}`);
    const message = `A verification found the object ${object} otherwise: ${finding}. The copy is made again.`;
    await plane.catalog.updateCopy(backupId, location, { status: 'Failed', message, dueAt });
  }
}

/** The locations that have what a backup builds on: in another one an incremental would be of no use to anybody. */
export async function followable(
  { catalog }: Pick<Plane, 'catalog'>,
  backupId: string,
  locations: readonly string[],
): Promise<string[]> {
  const parent = (await catalog.findBackup(backupId))?.parentBackup ?? '';
  if (parent === '') return [...locations];
  const copies = (await catalog.findCopies([parent])).get(parent) ?? [];
  return locations.filter((location) =>
    copies.some((copy) => copy.location === location && copy.status === 'Succeeded'),
  );
}

async function isWanted({ catalog }: Plane, backupId: string, location: string): Promise<boolean> {
  const copies = (await catalog.findCopies([backupId])).get(backupId) ?? [];
  return copies.some((copy) => copy.location === location);
}

function removed(backupId: string): TidemarkError {
  return new TidemarkError(
    'backup_not_found',
    `The backup "${backupId}" was removed meanwhile, or this copy of it is not wanted any more.`,
  );
}

/** Writes down where a backup that has just succeeded is to be copied to, and has it begun. */
export async function orderCopiesOf(plane: Plane, backupId: string): Promise<void> {
  const { catalog, defaults } = plane;
  if (defaults.copyLocations.length === 0) return;
  const backup = await catalog.findBackup(backupId);
  // Of a binarylog backup there is nothing but what is archived, which is copied nowhere.
  if (!backup || backup.method === 'external' || backup.type === 'binarylog') return;
  const { serviceId, organization } = backup;
  const settings = (await catalog.findServiceSettings([serviceId])).get(serviceId) ?? {};
  const locations = orderedCopies(settings, defaults);
  const services = [{ organization, serviceId }];
  for (const location of locations) await catalog.orderCopies({ services, location, backupId });
  const now = await followable(plane, backupId, locations);
  // The others are begun once the copy that they wait for is there.
  if (now.length === 0) return;
  await startCopy(plane.client, { backupId, serviceId, locations: now, timings: plane.timings });
}

/**
 * Ends the copying of a backup that is removed, so that nothing is written behind the removal.
 *
 * @throws when it has not ended within half a minute: whoever removes has to come again
 */
export async function endCopying(plane: Plane, backupId: string): Promise<void> {
  const workflowId = workflowIds.copy(backupId);
  const deadline = Date.now() + endMs;
  for (let asked = false; (await workflowState(plane, workflowId)) === 'open'; asked = true) {
    if (!asked) await cancel(plane, workflowId);
    if (Date.now() > deadline)
      throw new Error(`The workflow ${workflowId} was called off and has not ended yet.`);
    await sleep(200);
  }
}

async function cancel({ client }: Plane, workflowId: string): Promise<void> {
  try {
    await client.workflow.getHandle(workflowId).cancel();
  } catch (error) {
    // It has ended in between.
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}
