/** Gives services their nightly backup: from the moment that they are registered, and those that were before. */
import type { ServiceRecord } from '../../catalog/types.ts';
import { messageOf } from '../../domain/errors.ts';
import { spreadOffset } from '../../domain/cron-runs.ts';
import { nightlyCron, nightlyTime } from '../../domain/nightly.ts';
import { settleSchedule } from '../../temporal/schedules.ts';
import type { Plane } from './plane.ts';

const atOnce = 100;

/** To be repeated as often as wanted: a service is given one once, whoever deletes it. */
export async function giveNightly(plane: Plane, service: ServiceRecord): Promise<void> {
  const { catalog, client, defaults, scheduleSpreadMs, log } = plane;
  if (!defaults.nightly) return;
  const { serviceId } = service;
  const made = await catalog.giveNightly({
    service,
    schedule: nightlyCron(nightlyTime(serviceId, defaults.nightlyWindow)),
    offsetSeconds: (id) => spreadOffset(id, scheduleSpreadMs),
  });
  if (!made) return;
  log.info(
    { service: serviceId, schedule: made.id, cron: made.schedule },
    'The service has a nightly backup.',
  );
  try {
    await settleSchedule(client, catalog, made.id);
  } catch (error) {
    // It is written down, and the reconciliation brings it to Temporal; the service is registered all the same.
    log.warn({ schedule: made.id, reason: messageOf(error) }, 'Temporal did not take the schedule yet.');
  }
}

/** Every service that was never given one. @param attempt as in the reconciliation: one that fails stops no other */
export async function giveMissingNightlies(
  plane: Plane,
  attempt: (what: string, work: () => Promise<void>) => Promise<void>,
): Promise<void> {
  if (!plane.defaults.nightly) return;
  for (let after = ''; ;) {
    const services = await plane.catalog.servicesWithoutNightly(after, atOnce);
    for (const service of services) await attempt(service.serviceId, async () => giveNightly(plane, service));
    const last = services.at(-1);
    if (!last) return;
    after = last.serviceId;
  }
}
