/** Archived binlogs that break off: somebody is told, and a full backup is begun at once, so that the window goes on. */
import { randomBytes } from 'node:crypto';
import { alarmOf, reasonOf } from '../../domain/archive/breaks.ts';
import { lagOf } from '../../domain/archive/following.ts';
import { messageOf } from '../../domain/errors.ts';
import { formatBackupId, workflowIds } from '../../domain/ids.ts';
import { binlogSettingsOf } from '../../domain/service-settings.ts';
import { startBackup } from '../../temporal/start.ts';
import type { Plane } from './plane.ts';

const servicesAtOnce = 500;

/**
 * Decides about what has been found of a service since the last time, each once. What Temporal does not take now, the
 * reconciliation gives it.
 */
async function settleBreaks(plane: Plane, serviceId: string): Promise<void> {
  const { catalog, client, defaults, timings, log } = plane;
  const service = await catalog.findService(serviceId);
  if (!service) return;
  const settings = (await catalog.findServiceSettings([serviceId])).get(serviceId) ?? {};
  const { archive, fullAfterHole } = binlogSettingsOf(settings, defaults);
  const { serverName, organization } = service;
  const backupId = formatBackupId({ hex: randomBytes(16).toString('hex'), serviceId, serverName });
  const full = {
    backupId,
    message: reasonOf,
    workflowId: (scheduleId: number) => workflowIds.backup(backupId, scheduleId),
  };
  const { breaks, backup } = await catalog.decideBreaks(service, archive && fullAfterHole ? full : undefined);
  for (const { cause, message, alarming, foundAt } of breaks) {
    const fields = { service: serviceId, cause, message, foundAt, full: backup?.id };
    if (alarming) log.warn(fields, 'The archived binlogs of a service break off.');
    else log.info(fields, 'A service goes on with other binlogs.');
  }
  if (!backup) return;
  const { id, scheduleId, type } = backup;
  const reason = reasonOf(breaks);
  await startBackup(client, { backupId: id, scheduleId, serviceId, organization, type, reason, timings });
}

/** What cannot be settled now, the reconciliation settles. */
export async function settleBreaksSoon(plane: Plane, serviceId: string): Promise<void> {
  try {
    await settleBreaks(plane, serviceId);
  } catch (error) {
    plane.log.warn(
      { service: serviceId, reason: messageOf(error) },
      'The full backup after a break of its binlogs is begun a little later.',
    );
  }
}

/** Those that nobody has decided about: a process was killed, or the catalog was away. @param attempt as in the reconciliation */
export async function settleLeftBreaks(
  plane: Plane,
  attempt: (what: string, work: () => Promise<void>) => Promise<void>,
): Promise<void> {
  for (const serviceId of await plane.catalog.servicesWithUndecidedBreaks())
    await attempt(serviceId, () => settleBreaks(plane, serviceId));
}

/** Tells the figures of every service that is, or was, followed. */
export async function measureArchives({ catalog, archiveMeter }: Plane): Promise<void> {
  if (!archiveMeter) return;
  for (let after = ''; ;) {
    const followings = await catalog.listFollowings(after, servicesAtOnce);
    const ids = followings.map(({ serviceId }) => serviceId);
    const states = await catalog.findFollowState(ids);
    const breaks = await catalog.openBreaks(ids);
    const holes = await catalog.countHoles(ids);
    const points = await catalog.newestPoints(ids);
    const now = Date.now();
    for (const { serviceId, order, message } of followings) {
      const state = order === '' ? undefined : states.get(serviceId);
      const lagSeconds = state && lagOf(state, now);
      const point = points.get(serviceId);
      const ofBackups = point === undefined ? Infinity : Math.max(0, now - Date.parse(point)) / 1000;
      archiveMeter.archive(serviceId, {
        // One that is not followed any more is behind by nothing: a figure that is not told stays as it was.
        lagBytes: state?.lagBytes ?? 0,
        lagSeconds: lagSeconds ?? 0,
        ...(point !== undefined && { rpoSeconds: Math.min(ofBackups, lagSeconds ?? Infinity) }),
        holes: holes.get(serviceId) ?? 0,
        trouble: order !== '' && message !== '',
        alarm: alarmOf(breaks.get(serviceId) ?? []) !== '',
      });
    }
    const last = followings.at(-1);
    if (!last) return;
    after = last.serviceId;
  }
}
