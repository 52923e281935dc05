/** Runs of schedules that repeat: what the catalog has to know of them. */
import { createHash } from 'node:crypto';
import type { RunRefusal, ScheduleRecord } from '../../catalog/schedule-types.ts';
import { parseCron } from '../../domain/cron.ts';
import { nextRun } from '../../domain/cron-runs.ts';
import { formatBackupId, workflowIds } from '../../domain/ids.ts';
import { isFinal } from '../../domain/operations.ts';
import type { ControlActivities } from './contract.ts';
import type { Plane } from './plane.ts';

const refusals: Record<RunRefusal, string> = {
  deleted: 'The schedule was deleted: no backup was taken.',
  suspended: 'The schedule is suspended: no backup was taken.',
  running: 'The last backup of the schedule has not ended: this run was skipped.',
  covered: 'A later run has taken its backup since this one was due: none was taken.',
};

export function runActivities(plane: Plane): Pick<ControlActivities, 'beginRun' | 'skipRun' | 'isRunOver'> {
  const { catalog } = plane;
  return {
    async beginRun({ deploymentId, scheduleId, runId, dueAt }) {
      // Its number may be another schedule's in a catalog that replaced a lost one.
      if (deploymentId !== (await catalog.deploymentId())) return { message: refusals.deleted };
      const hex = createHash('sha256').update(`${deploymentId}/${runId}`).digest('hex').slice(0, 32);
      const begun = await catalog.beginScheduledBackup({
        scheduleId,
        dueAt,
        backupId: ({ serviceId, serverName }) => formatBackupId({ hex, serviceId, serverName }),
        workflowId: (backupId) => workflowIds.backup(backupId, scheduleId),
      });
      if ('refused' in begun) return { message: refusals[begun.refused] };
      const { id: backupId, serviceId, organization, type, method } = begun.backup;
      const intent = await catalog.findScheduleIntent(scheduleId);
      if (!intent) return { message: refusals.deleted };
      return {
        backup: {
          backupId,
          scheduleId,
          serviceId,
          organization,
          type,
          ...(method === 'external' && { external: true }),
          timings: plane.timings,
        },
        nextDueAt: nextAfter(intent.record, Date.now()),
      };
    },

    async skipRun({ scheduleId, dueAt }) {
      const schedule = await catalog.skipScheduledBackup(scheduleId, dueAt);
      return schedule ? { nextDueAt: nextAfter(schedule, Math.max(Date.now(), Date.parse(dueAt))) } : {};
    },

    async isRunOver({ backupId }) {
      const backup = await catalog.findBackup(backupId);
      return !backup || isFinal(backup.status);
    },
  };
}

function nextAfter({ schedule, offsetSeconds }: ScheduleRecord, after: number): string {
  const cron = parseCron(schedule);
  if ('wrong' in cron) throw new RangeError(`the catalog has no cron expression: ${cron.wrong}`);
  return new Date(nextRun(cron, offsetSeconds, after)).toISOString();
}
