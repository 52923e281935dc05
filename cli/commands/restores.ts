/** `tidemark restores`: what restores there were, and what can be done with one. */
import { type Command, Option } from 'commander';
import type { Restore } from '../../client/answers.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { follow } from '../follow.ts';
import type { Io, Outcome } from '../io.ts';
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

export function restoresCommand(io: Io, outcome: Outcome): Command {
  return commandGroup(
    'restores',
    'Lists restores, shows, cancels, undoes and deletes one, and tells what can be restored where.',
    [
      listCommand(io),
      getCommand(io),
      cancelCommand(io, outcome),
      undoCommand(io, outcome),
      deleteCommand(io),
      lookupCommand(io),
      pointInTimeCommand(io),
    ],
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

const waiting = (): Option =>
  new Option('--wait', 'follow it to its end; the exit code is 1 when it does not come to a good one');

function cancelCommand(io: Io, outcome: Outcome): Command {
  return apiCommand<{ wait?: true }>(io, {
    usage: 'cancel <id>',
    description: 'Stop a restore that has not ended, and have its server put back as it was.',
    examples: ['restores cancel 7', 'restores cancel 7 --wait'],
    options: [waiting()],
    async work(session, { wait }, id = '') {
      const { client } = session;
      const cancelled = await client.cancelRestore(id);
      if (!wait) {
        session.show(cancelled);
        session.hint(`To watch it: tidemark watch ${id}`);
        return;
      }
      await follow(session, outcome, `watch ${id}`, async () => client.restore(id), 'Cancelled');
    },
  });
}

function undoCommand(io: Io, outcome: Outcome): Command {
  return apiCommand<{ force?: true; wait?: true }>(io, {
    usage: 'undo <id>',
    description:
      'Put back the data that a restore replaced, as long as it is kept. The server is stopped for some seconds, and what the restore had put there is removed.',
    examples: ['restores undo 7 --wait', 'restores undo 7 --force'],
    options: [new Option('--force', 'also when something was written since, which then goes'), waiting()],
    async work(session, { force, wait }, id = '') {
      const { client } = session;
      const ordered = await client.undoRestore(id, { force });
      if (!wait) {
        session.show(ordered);
        session.hint(`To see how far it is: tidemark restores get ${id}`);
        return;
      }
      await follow(session, outcome, `restores get ${id}`, async () => undoOf(await client.restore(id)));
    },
  });
}

/** Its undo, followed as an operation of its own. */
function undoOf({ undo, id }: Restore): NonNullable<Restore['undo']> {
  if (undo) return undo;
  throw new TidemarkError('operation_lost', `Nothing is known of an undo of restore ${id}.`);
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
