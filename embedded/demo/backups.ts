/** The demo's backups, one of each type, and what they are good for together. */
import { windowForPeople } from '../../cli/output/recovery-window.ts';
import type { Backup } from '../../client/answers.ts';
import type { BackupType } from '../../domain/operations.ts';
import type { StackService } from '../services.ts';
import type { Stack } from '../stack.ts';
import { followed } from './follow.ts';
import { megabytes, type Show } from './show.ts';

/** What a line of the recovery window may have, within what the demo indents by. */
const windowWidth = 90;

/** Takes them while others write. @returns the incremental, which needs the full as well */
export async function takeBackups(stack: Stack, service: StackService, show: Show): Promise<Backup> {
  await takeBackup(stack, service, 'full', 'Take a full backup', show);
  const incremental = await takeBackup(
    stack,
    service,
    'incremental',
    'Take an incremental: what was changed since the full',
    show,
  );
  await takeBackup(stack, service, 'dump', 'Take a dump: the same as SQL, for any version of MariaDB', show);
  return incremental;
}

export async function shipBinlogs(stack: Stack, service: StackService, show: Show): Promise<void> {
  await takeBackup(
    stack,
    service,
    'binarylog',
    'Ship the binlogs up to this moment; since the full they are shipped as they are written',
    show,
  );
}

function takeBackup(
  stack: Stack,
  service: StackService,
  type: BackupType,
  title: string,
  show: Show,
): Promise<Backup> {
  return show.step(
    title,
    async () => {
      const body = { backup_type: type, schedule: 'once', service_id: service.service_id };
      const order = await stack.client.createSchedule(body);
      show.call('POST', '/backups/schedules', body, order);
      const id = order.backup_id ?? '';
      const { encryption } = await stack.client.service(service.service_id);
      if (encryption.recipients.length > 0) show.line(`encrypted for ${encryption.recipients.join(', ')}`);
      return followed(() => stack.client.backup(id), show);
    },
    (backup) =>
      `${backup.status}: ${backup.id}, ${megabytes(backup.storage_bytes ?? 0)} stored, GTID ${backup.binlog_gtid_position}`,
  );
}

/** To which instants the service can be brought back now. */
export async function showWindow(stack: Stack, service: StackService, show: Show): Promise<void> {
  await show.step(
    'Ask to which instants the service can be brought back',
    async () => {
      const window = await stack.client.recoveryWindow(service.service_id);
      for (const line of windowForPeople(window, windowWidth).trimEnd().split('\n')) show.line(line);
      return window;
    },
    ({ intervals, holes }) => {
      const last = intervals.at(-1);
      return last
        ? `from ${intervals[0]?.start_time ?? ''} to ${last.end_time}, with ${holes.length} holes`
        : 'there is none';
    },
  );
}
