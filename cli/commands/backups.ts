/** `tidemark backups`: what backups there are. */
import type { Command } from 'commander';
import type { Backup } from '../../client/answers.ts';
import { backupTypes } from '../../domain/operations.ts';
import type { Io } from '../io.ts';
import { showList } from '../list.ts';
import { type FilterFlags, filterOf, filterOptions, listOptions, statusOption } from '../options.ts';
import type { Column } from '../output/table.ts';
import { size, time } from '../output/values.ts';
import { apiCommand, commandGroup } from '../session.ts';

export const backupColumns: readonly Column<Backup>[] = [
  { title: 'id', value: ({ id }) => id },
  { title: 'type', value: ({ type }) => type },
  { title: 'status', value: ({ status }) => status },
  { title: 'start_time', value: ({ start_time: start }) => time(start) },
  { title: 'point_in_time', value: ({ point_in_time: point }) => point ?? '' },
  { title: 'storage', value: ({ storage_bytes: bytes }) => size(bytes), right: true },
  { title: 'message', value: ({ message }) => message },
];

export function backupsCommand(io: Io): Command {
  return commandGroup('backups', 'List backups, and show one.', [listCommand(io), getCommand(io)]);
}

function listCommand(io: Io): Command {
  return apiCommand<FilterFlags>(io, {
    usage: 'list',
    description: 'List backups, the newest first.',
    examples: [
      'backups',
      'backups --service-id sample-1 --status Succeeded',
      "backups --all --json | jq -r '.backups[].id'",
    ],
    options: [...filterOptions(backupTypes), statusOption(), ...listOptions()],
    work: async (session, flags) =>
      showList(session, flags, filterOf(flags), {
        noun: 'backups',
        fetch: async (query) => session.client.backups(query),
        items: ({ backups }) => backups,
        count: ({ backups_count: count }) => count,
        columns: backupColumns,
      }),
  });
}

function getCommand(io: Io): Command {
  return apiCommand(io, {
    usage: 'get <id>',
    description: 'Show one backup, with its progress while it runs.',
    examples: ['backups get eda3b72460c8c0d9d61a7f01b6a22e32:sample-1:sample-1'],
    work: async (session, _flags, id = '') => session.show(await session.client.backup(id)),
  });
}
