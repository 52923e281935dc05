/**
 * What lacks a copy: looked for among the backups of every service now and then, and begun as far as there is room.
 * This is what repairs a copy whose location was away, and what copies the backups that were there before the setting.
 */
import { orderedCopies } from '../../domain/service-settings.ts';
import { within } from '../../storage/network/within.ts';
import { manifestExists, removeParts } from '../../storage/sweep.ts';
import { startCopy } from '../../temporal/start.ts';
import type { MissingCopies } from '../../catalog/copy-types.ts';
import { endCopying, followable } from './copies.ts';
import { workflowState } from './places.ts';
import { workflowIds } from '../../domain/ids.ts';
import type { Plane } from './plane.ts';

const servicesAtOnce = 500;
/** How many backups are being copied, or wait for it, at a time: others want to use the queue for long work, too. */
const backupsAtOnce = 16;
/** How long a location may take to let go of what is not wanted there. */
const removalMs = 60_000;

/** Begins what is missing and may be begun. @returns how many copies were begun */
export async function beginMissingCopies(
  plane: Plane,
  attempt: (what: string, work: () => Promise<void>) => Promise<void>,
): Promise<number> {
  const { catalog } = plane;
  let begun = 0;
  const missing = await catalog.missingCopies([...plane.copies.keys()], backupsAtOnce);
  const services = [...new Set(missing.map(({ serviceId }) => serviceId))];
  const settings = await catalog.findServiceSettings(services);
  for (const one of missing) {
    await attempt(workflowIds.copy(one.backupId), async () => {
      const wanted = orderedCopies(settings.get(one.serviceId) ?? {}, plane.defaults);
      const { backupId, serviceId, locations } = one;
      await dropUnwanted(plane, {
        ...one,
        locations: locations.filter((location) => !wanted.includes(location)),
      });
      const here = locations.filter((location) => wanted.includes(location));
      const toCopy = await followable(plane, backupId, here);
      const behind = here.filter((location) => !toCopy.includes(location));
      await putOff(plane, backupId, behind);
      if (toCopy.length === 0 || (await workflowState(plane, workflowIds.copy(backupId))) === 'open') return;
      await startCopy(plane.client, { backupId, serviceId, locations: toCopy, timings: plane.timings });
      begun += 1;
    });
  }
  return begun;
}

/** Writes down what is missing: of every service, in every location that its backups go to. */
export async function findMissingCopies({ catalog, defaults }: Plane): Promise<void> {
  if (defaults.copyLocations.length === 0) return;
  for (let after = ''; ;) {
    const page = await catalog.serviceIdsAfter(after, servicesAtOnce);
    const last = page.at(-1);
    if (!last) return;
    const settings = await catalog.findServiceSettings(page.map(({ serviceId }) => serviceId));
    for (const location of defaults.copyLocations) {
      const services = page.filter(({ serviceId }) =>
        orderedCopies(settings.get(serviceId) ?? {}, defaults).includes(location),
      );
      if (services.length > 0) await catalog.orderCopies({ services, location });
    }
    after = last.serviceId;
  }
}

/** They come after the copy of what the backup builds on, and leave their turn to others until then. */
async function putOff(
  { catalog, copyIntervalMs }: Plane,
  backupId: string,
  locations: string[],
): Promise<void> {
  const message = 'The copy waits for that of the backup that this one builds on.';
  const dueAt = new Date(Date.now() + copyIntervalMs).toISOString();
  for (const location of locations) await catalog.updateCopy(backupId, location, { message, dueAt });
}

/** The service does not want them any more, and they are not whole: what was sent is removed. */
async function dropUnwanted(plane: Plane, { backupId, locations }: MissingCopies): Promise<void> {
  if (locations.length === 0) return;
  await endCopying(plane, backupId);
  for (const location of locations) {
    const store = plane.copies.get(location);
    if (!store) continue;
    const whole = await within(removalMs, store.location, async (signal) => {
      if (await manifestExists(store, backupId, signal)) return true;
      await removeParts(store, backupId, signal);
      return false;
    });
    if (whole) {
      const message = 'The copy is complete.';
      await plane.catalog.updateCopy(backupId, location, { status: 'Succeeded', message });
    } else await plane.catalog.forgetCopy(backupId, location);
  }
}
