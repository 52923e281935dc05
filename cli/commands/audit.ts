/** `tidemark audit`: who asked what. */
import { type Command, Option } from 'commander';
import type { AuditEntry } from '../../client/answers.ts';
import type { Io } from '../io.ts';
import { showList } from '../list.ts';
import { type ListFlags, listOptions } from '../options.ts';
import type { Column } from '../output/table.ts';
import { time } from '../output/values.ts';
import { apiCommand } from '../session.ts';

const columns: readonly Column<AuditEntry>[] = [
  { title: 'created_at', value: ({ created_at: at }) => time(at) },
  { title: 'subject', value: ({ subject }) => subject },
  { title: 'address', value: ({ address }) => address },
  { title: 'operation', value: ({ operation }) => operation },
  {
    title: 'outcome',
    value: ({ outcome, error }) => (error === undefined ? outcome : `${outcome}: ${error}`),
  },
  { title: 'service_ids', value: ({ service_ids: ids }) => ids.join(' ') },
  { title: 'record_ids', value: ({ record_ids: ids }) => ids.join(' ') },
];

export function auditCommand(io: Io): Command {
  return apiCommand<ListFlags & { operation?: string; subject?: string; outcome?: string }>(io, {
    usage: 'audit',
    description:
      'List who asked to change something, and who was refused for lack of rights, the newest first.',
    examples: ['audit', 'audit --operation createRestore --outcome succeeded'],
    options: [
      new Option('--operation <name>', 'only this operation, by its operationId'),
      new Option('--subject <name>', 'only what this one asked'),
      new Option('--outcome <outcome>', 'only what ended so').choices([
        'succeeded',
        'refused',
        'failed',
        'unfinished',
      ]),
      ...listOptions(),
    ],
    work: async (session, flags) =>
      showList(
        session,
        flags,
        { operation: flags.operation, subject: flags.subject, outcome: flags.outcome },
        {
          noun: 'entries',
          fetch: async (query) => session.client.audit(query),
          items: ({ entries }) => entries,
          count: ({ entries_count: count }) => count,
          columns,
        },
      ),
  });
}
