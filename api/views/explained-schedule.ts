/** What `explain=true` says of a schedule that is not made. */
import type { ServiceRecord } from '../../catalog/types.ts';
import { parseCron } from '../../domain/cron.ts';
import { nextRuns } from '../../domain/cron-runs.ts';
import type { BackupType } from '../../domain/operations.ts';
import type { ExplainedSchedule } from '../schemas/schedule.ts';
import { given, wholeSeconds } from './format.ts';

/** How many runs are told. */
const told = 3;

/** @param now milliseconds since 1970 */
export function explain(
  order: { service: ServiceRecord; type: BackupType; schedule: string },
  spreadMs: number,
  now: number,
): ExplainedSchedule {
  const { service, type, schedule } = order;
  const cron = parseCron(schedule);
  const runs = ('wrong' in cron ? [now] : nextRuns(cron, 0, now, told)).map((time) =>
    wholeSeconds(new Date(time).toISOString()),
  );
  const spread =
    spreadMs < 1000
      ? ''
      : ` Each run begins later than that by less than ${Math.floor(spreadMs / 1000)} s, always the same, fixed when the schedule is made.`;
  return {
    service_id: service.serviceId,
    service_name: service.serviceName,
    schedule,
    type,
    status: 'Scheduled',
    message:
      'wrong' in cron
        ? 'Nothing was made. A backup would begin now, as soon as the service is free.'
        : `Nothing was made. It would run at the times in "next_runs".${spread}`,
    suspended: false,
    labels: {},
    ...given('cloud_provider', service.cloudProvider),
    ...given('scheduled_at', runs[0]),
    next_runs: runs,
  };
}
