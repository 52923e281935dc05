/**
 * Schedules that repeat, in the catalog and in Temporal: whatever a crash, or a hand in Temporal's web UI, left
 * different is brought to what the catalog says.
 */
import { isAsWanted, type ListedSchedule, listSchedules, settleSchedule } from '../../temporal/schedules.ts';
import type { ScheduleIntent } from '../../catalog/schedule-types.ts';
import type { Plane } from './plane.ts';

/** How many calls wait for Temporal at a time. */
const together = 8;

/**
 * @param attempt carries one out such that its failure does not keep the others from theirs
 * @returns how many were brought to what they should be
 */
export async function settleSchedules(
  { catalog, client, log }: Plane,
  attempt: (what: string, settle: () => Promise<void>) => Promise<void>,
): Promise<number> {
  const deploymentId = await catalog.deploymentId();
  // Temporal first: of every schedule found there the row was written before, and is seen in the catalog.
  const listed = await listSchedules(client, deploymentId);
  const intents = await catalog.listScheduleIntents();
  const known = new Set(intents.map(({ record }) => record.id));
  const differing = [
    ...intents
      .filter((intent) => differs(intent, listed.get(intent.record.id)))
      .map(({ record }) => record.id),
    ...[...listed.keys()].filter((id) => !known.has(id)),
  ];
  let settled = 0;
  for (let begin = 0; begin < differing.length; begin += together) {
    const batch = differing.slice(begin, begin + together);
    const settleOne = (id: number): Promise<void> =>
      attempt(`schedule ${id}`, async () => {
        await settleSchedule(client, catalog, id);
        settled += 1;
        log.info({ schedule: id }, 'The schedule in Temporal was brought to what the catalog says.');
      });
    await Promise.all(batch.map(settleOne));
  }
  return settled;
}

function differs({ record, settled, deleted }: ScheduleIntent, listed: ListedSchedule | undefined): boolean {
  if (!settled) return true;
  return deleted ? listed !== undefined : listed === undefined || !isAsWanted(listed, record);
}
