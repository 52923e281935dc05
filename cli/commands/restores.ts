/** `tidemark restores`: what restores there were, and what can be done with one. */
import { type Command, Option } from 'commander';
import type { Restore } from '../../client/answers.ts';
import type { Io } from '../io.ts';
import { showList } from '../list.ts';
import { type FilterFlags, filterOf, filterOptions, listOptions, statusOption } from '../options.ts';
import { type Column, table } from '../output/table.ts';
import { time } from '../output/values.ts';
import { apiCommand, commandGroup } from '../session.ts';

const columns: readonly Column<Restore>[] = [
  { title: 'id', value: ({ id }) => String(id), right: true },
  { title: 'service_id', value: ({ service_id: id }) => id },
  { title: 'type', value: ({ type }) => type },
  { title: 'mode', value: ({ mode }) => mode },
  { title: 'status', value: ({ status }) => status },
  { title: 'created_at', value: ({ created_at: at }) => time(at) },
  { title: 'finished_at', value: ({ finished_at: at }) => time(at) },
  { title: 'backup_id', value: ({ backup_id: id }) => id },
  { title: 'message', value: ({ message }) => message },
];

export function restoresCommand(io: Io): Command {
  return commandGroup(
    'restores',
    'Lists restores, shows and deletes one, and tells what can be restored where.',
    [listCommand(io), getCommand(io), deleteCommand(io), lookupCommand(io), pointInTimeCommand(io)],
  );
}

function listCommand(io: Io): Command {
  return apiCommand<FilterFlags>(io, {
    usage: 'list',
    description: 'List restores, the newest first.',
    examples: ['restores', 'restores --service-id sample-1 --status Failed'],
    options: [...filterOptions(['physical', 'logical']), statusOption(), ...listOptions()],
    work: async (session, flags) =>
      showList(session, flags, filterOf(flags), {
        noun: 'restores',
        fetch: async (query) => session.client.restores(query),
        items: ({ restores }) => restores,
        count: ({ restores_count: count }) => count,
        columns,
      }),
  });
}

function getCommand(io: Io): Command {
  return apiCommand(io, {
    usage: 'get <id>',
    description: 'Show one restore, with its progress while it runs.',
    examples: ['restores get 7'],
    work: async (session, _flags, id = '') => session.show(await session.client.restore(id)),
  });
}

function deleteCommand(io: Io): Command {
  return apiCommand(io, {
    usage: 'delete <id>',
    description: 'Remove a finished restore from the lists. One that is still Scheduled is cancelled first.',
    examples: ['restores delete 7'],
    async work(session, _flags, id = '') {
      session.answer(await session.client.deleteRestore(id), () => `Restore ${id} is deleted.`);
    },
  });
}

function lookupCommand(io: Io): Command {
  return apiCommand<{ serviceId?: string }>(io, {
    usage: 'lookup <backup_id>',
    description: 'Tell which services a backup can be restored to.',
    examples: ['restores lookup eda3b72460c8c0d9d61a7f01b6a22e32:sample-1:sample-1'],
    options: [new Option('--service-id <id>', 'the service that the backup was taken of')],
    async work(session, { serviceId }, backupId = '') {
      const answer = await session.client.lookupRestore(backupId, serviceId);
      session.answer(answer, (width) =>
        table(
          [
            { title: 'service_id', value: ({ service_id: id }) => id },
            { title: 'service_name', value: ({ service_name: name }) => name },
          ],
          answer.services,
          width,
        ),
      );
    },
  });
}

function pointInTimeCommand(io: Io): Command {
  return apiCommand(io, {
    usage: 'pointintime',
    description: 'Tell for each service between which points in time anything can be restored.',
    examples: ['restores pointintime'],
    async work(session) {
      const answer = await session.client.lookupPointsInTime();
      session.answer(answer, (width) =>
        table(
          [
            { title: 'service_id', value: ({ service_id: id }) => id },
            { title: 'service_name', value: ({ service_name: name }) => name },
            { title: 'start_time', value: ({ start_time: at }) => time(at) },
            { title: 'end_time', value: ({ end_time: at }) => time(at) },
          ],
          answer.services,
          width,
        ),
      );
    },
  });
}
