/** `tidemark schedules`: backups that repeat. */
import { type Command, Option } from 'commander';
import type { Schedule } from '../../client/answers.ts';
import { backupTypes } from '../../domain/operations.ts';
import type { Io } from '../io.ts';
import { showList } from '../list.ts';
import { type FilterFlags, filterOf, filterOptions, listOptions } from '../options.ts';
import {
  backupTypeOption,
  storageFields,
  type StorageFlags,
  storageOptions,
  withoutUndefined,
} from '../order-options.ts';
import type { Column } from '../output/table.ts';
import { time } from '../output/values.ts';
import { apiCommand, commandGroup } from '../session.ts';

const columns: readonly Column<Schedule>[] = [
  { title: 'id', value: ({ id }) => String(id), right: true },
  { title: 'service_id', value: ({ service_id: id }) => id },
  { title: 'schedule', value: ({ schedule }) => schedule },
  { title: 'type', value: ({ type }) => type },
  { title: 'status', value: ({ status }) => status },
  { title: 'scheduled_at', value: ({ scheduled_at: at }) => time(at) },
  { title: 'message', value: ({ message }) => message },
];

const cron = 'a cron expression of five fields, read in UTC, such as "0 3 * * *"';

export function schedulesCommand(io: Io): Command {
  return commandGroup('schedules', 'List schedules, and make, change and delete them.', [
    listCommand(io),
    getCommand(io),
    createCommand(io),
    updateCommand(io),
    deleteCommand(io),
  ]);
}

function listCommand(io: Io): Command {
  return apiCommand<FilterFlags>(io, {
    usage: 'list',
    description: 'List schedules, the newest first; backups that were ordered once are among them.',
    examples: ['schedules', 'schedules --service-id sample-1 --type full'],
    options: [...filterOptions(backupTypes), ...listOptions()],
    work: async (session, flags) =>
      showList(session, flags, filterOf(flags), {
        noun: 'schedules',
        fetch: async (query) => session.client.schedules(query),
        items: ({ schedules }) => schedules,
        count: ({ schedules_count: count }) => count,
        columns,
      }),
  });
}

function getCommand(io: Io): Command {
  return apiCommand(io, {
    usage: 'get <id>',
    description: 'Show one schedule.',
    examples: ['schedules get 253'],
    work: async (session, _flags, id = '') => session.show(await session.client.schedule(id)),
  });
}

function createCommand(io: Io): Command {
  return apiCommand<StorageFlags & { schedule: string; backupType: string; explain?: true }>(io, {
    usage: 'create <service_id>',
    description: 'Make a schedule that takes a backup again and again.',
    examples: [
      'schedules create sample-1 --schedule "0 3 * * *"',
      'schedules create sample-1 --schedule "0 */6 * * mon-fri" --explain',
    ],
    options: [
      new Option('--schedule <cron>', `${cron}, or once`).makeOptionMandatory(),
      backupTypeOption().default('full'),
      new Option('--explain', 'make nothing, and show when it would run next'),
      ...storageOptions(),
    ],
    async work(session, { schedule, backupType, explain, ...flags }, serviceId = '') {
      const body = {
        backup_type: backupType,
        schedule,
        service_id: serviceId,
        ...storageFields(flags),
      };
      session.show(await session.client.createSchedule(body, { explain }));
    },
  });
}

function updateCommand(io: Io): Command {
  return apiCommand<{ schedule?: string; backupType?: string; suspended?: 'true' | 'false' }>(io, {
    usage: 'update <id>',
    description: 'Change a schedule: when it runs, what it takes, whether it runs at all.',
    examples: ['schedules update 253 --schedule "30 4 * * *"', 'schedules update 253 --suspended true'],
    options: [
      new Option('--schedule <cron>', cron),
      backupTypeOption(),
      new Option('--suspended <answer>', 'true stops its runs, false lets it run again').choices([
        'true',
        'false',
      ]),
    ],
    async work(session, { schedule, backupType, suspended }, id = '') {
      const change = withoutUndefined({
        schedule,
        backup_type: backupType,
        suspended: suspended === undefined ? undefined : suspended === 'true',
      });
      session.show(await session.client.updateSchedule(id, change));
    },
  });
}

function deleteCommand(io: Io): Command {
  return apiCommand(io, {
    usage: 'delete <id>',
    description: 'Delete a schedule. Its backups stay, and one that runs is finished.',
    examples: ['schedules delete 253'],
    async work(session, _flags, id = '') {
      session.answer(await session.client.deleteSchedule(id), () => `Schedule ${id} is deleted.`);
    },
  });
}
