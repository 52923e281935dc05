/** `tidemark backup`: orders one backup, now. */
import { type Command, Option } from 'commander';
import { follow } from '../follow.ts';
import type { Io, Outcome } from '../io.ts';
import { backupTypeOption, storageFields, type StorageFlags, storageOptions } from '../order-options.ts';
import { apiCommand } from '../session.ts';

interface Flags extends StorageFlags {
  backupType: string;
  wait?: true;
}

export function backupCommand(io: Io, outcome: Outcome): Command {
  return apiCommand<Flags>(io, {
    usage: 'backup <service_id>',
    description: 'Take a backup of a service as soon as the service is free and its agent is there.',
    examples: ['backup sample-1', 'backup sample-1 --wait', 'backup sample-1 --json | jq -r .backup_id'],
    options: [
      backupTypeOption().default('full'),
      new Option('--wait', 'follow it to its end; the exit code is 1 when it fails'),
      ...storageOptions(),
    ],
    async work(session, { backupType, wait, ...flags }, serviceId = '') {
      const { client } = session;
      const order = await client.createSchedule({
        backup_type: backupType,
        schedule: 'once',
        service_id: serviceId,
        ...storageFields(flags),
      });
      const { backup_id: backupId } = order;
      if (wait && backupId !== undefined)
        return follow(session, outcome, `watch ${backupId}`, () => client.backup(backupId));
      session.show(order);
      if (backupId !== undefined) session.hint(`To watch it: tidemark watch ${backupId}`);
    },
  });
}
