/** `tidemark backups`: what backups there are, and whether they are whole. */
import { type Command, Option } from 'commander';
import type { Backup } from '../../client/answers.ts';
import { backupTypes } from '../../domain/operations.ts';
import { follow } from '../follow.ts';
import type { Io, Outcome } from '../io.ts';
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
  { title: 'copies', value: ({ copies }) => copiesOf(copies) },
  { title: 'message', value: ({ message }) => message },
];

/** `1 of 2`; empty for a backup that is to be nowhere else. */
function copiesOf(copies: Backup['copies'] = []): string {
  const whole = copies.filter(({ status }) => status === 'Succeeded').length;
  return copies.length === 0 ? '' : `${whole} of ${copies.length}`;
}

export function backupsCommand(io: Io, outcome: Outcome): Command {
  return commandGroup('backups', 'List backups, show one, read one back, and delete one.', [
    listCommand(io),
    getCommand(io),
    verifyCommand(io, outcome),
    verificationCommand(io, outcome),
    deleteCommand(io),
  ]);
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

function verifyCommand(io: Io, outcome: Outcome): Command {
  return apiCommand<{ wait?: true }>(io, {
    usage: 'verify <id>',
    description:
      'Read everything that is stored of a backup back and compare it with its digests. Nothing is changed, and no restore has to wait.',
    examples: [
      'backups verify eda3b72460c8c0d9d61a7f01b6a22e32:sample-1:sample-1 --wait',
      "backups verify eda3b72460c8c0d9d61a7f01b6a22e32:sample-1:sample-1 --wait --json | jq '.damaged'",
    ],
    options: [
      new Option(
        '--wait',
        'follow it to its end; the exit code is 1 when the backup is damaged, or could not be read',
      ),
    ],
    async work(session, { wait }, id = '') {
      const { client } = session;
      const again = `backups verification ${id} --wait`;
      const order = await client.verifyBackup(id);
      if (wait) return follow(session, outcome, again, () => client.verification(id));
      session.show(order);
      session.hint(`To watch it: tidemark ${again}`);
    },
  });
}

function verificationCommand(io: Io, outcome: Outcome): Command {
  return apiCommand<{ wait?: true }>(io, {
    usage: 'verification <id>',
    description: 'Show what came of the latest verification of a backup, or how far it is.',
    examples: ['backups verification eda3b72460c8c0d9d61a7f01b6a22e32:sample-1:sample-1'],
    options: [
      new Option('--wait', 'follow it to its end; the exit code is 1 when it did not find the backup whole'),
    ],
    async work(session, { wait }, id = '') {
      const { client } = session;
      const look = (): ReturnType<typeof client.verification> => client.verification(id);
      if (wait) await follow(session, outcome, `backups verification ${id} --wait`, look);
      else session.show(await look());
    },
  });
}

interface DeleteFlags {
  cascade?: true;
  dryRun?: true;
}

function deleteCommand(io: Io): Command {
  return apiCommand<DeleteFlags>(io, {
    usage: 'delete <id>',
    description:
      'Delete a backup and everything that is stored of it, its copies and what lies in a bucket of your own included. It cannot be taken back.',
    examples: [
      'backups delete eda3b72460c8c0d9d61a7f01b6a22e32:sample-1:sample-1 --dry-run',
      'backups delete eda3b72460c8c0d9d61a7f01b6a22e32:sample-1:sample-1 --cascade',
    ],
    options: [
      new Option('--cascade', 'delete the backups that depend on it, too'),
      new Option('--dry-run', 'only tell what would be deleted, or what is in the way'),
    ],
    async work(session, { cascade, dryRun }, id = '') {
      const answer = await session.client.deleteBackup(id, { cascade, dry_run: dryRun });
      session.answer(answer, () => (answer ? answer.removed.join('\n') : `Backup ${id} is deleted.`));
      if (!answer) return;
      const { removed, storage_bytes: bytes } = answer;
      const count = removed.length === 1 ? '1 backup' : `${removed.length} backups`;
      session.hint(
        dryRun ? `${count} would be deleted: ${size(bytes)}.` : `${count} deleted: ${size(bytes)}.`,
      );
    },
  });
}
