/** `tidemark services transactions`: what archived binlogs hold. */
import { type Command, Option } from 'commander';
import type { Transactions } from '../../client/answers.ts';
import type { Io } from '../io.ts';
import { type Column, table } from '../output/table.ts';
import { size } from '../output/values.ts';
import { apiCommand } from '../session.ts';

interface Flags {
  from?: string;
  to?: string;
  table?: string;
  timeline?: string;
  pageSize?: string;
  after?: string;
  all?: true;
}

type Transaction = Transactions['transactions'][number];

const columns: readonly Column<Transaction>[] = [
  { title: 'gtid', value: ({ gtid }) => gtid },
  { title: 'time', value: told },
  { title: 'kind', value: ({ kind }) => kind },
  { title: 'statements', value: ({ statements }) => statements.join(', ') },
  { title: 'size', value: ({ size_bytes: bytes }) => size(bytes), right: true },
  {
    title: 'tables',
    value: ({ tables, tables_known: known }) => [...tables, ...(known ? [] : ['…'])].join(', '),
  },
];

export function transactionsCommand(io: Io): Command {
  return apiCommand<Flags>(io, {
    usage: 'transactions <service_id>',
    description:
      'List the transactions of the archived binlogs, the oldest first: so one finds the one to restore to just before, with "tidemark restore --before-gtid".',
    examples: [
      'services transactions sample-1 --from 2026-03-26T17:00:00Z --to 2026-03-26T17:30:00Z --table shop.orders',
      'services transactions sample-1 --from 2026-03-26T17:00:00Z --all --json | jq -r \'.transactions[] | select(.kind == "DDL")\'',
    ],
    options: [
      new Option('--from <time>', 'leave out what was written before'),
      new Option('--to <time>', 'leave out what was written after'),
      new Option('--table <database.table>', 'only those that touch it, or of which nobody can tell'),
      new Option('--timeline <id>', 'another one than the server is on'),
      new Option('--page-size <number>', 'how many at most: 100 unless said, 1000 at most'),
      new Option('--after <next>', 'go on where the list before ended'),
      new Option('--all', 'every page'),
    ],
    async work(session, flags, id = '') {
      const { from, to, timeline, pageSize } = flags;
      const filter = { from, to, timeline, table: flags.table, page_size: pageSize ?? (flags.all && 1_000) };
      const answers: Transactions[] = [];
      // A page may be empty when much was read for it: there is more as long as it says so.
      for (let after = flags.after; ;) {
        const answer = await session.client.transactions(id, { ...filter, after });
        answers.push(answer);
        after = answer.next;
        if (after === undefined || (!flags.all && answer.transactions.length > 0)) break;
      }
      const rows = answers.flatMap(({ transactions }) => transactions);
      session.answers(answers, (width) => (rows.length === 0 ? '' : table(columns, rows, width)));
      const next = answers.at(-1)?.next;
      if (rows.length === 0) session.hint('There are no archived transactions to show.');
      else if (next !== undefined) session.hint(`There are more: --after ${next}, or --all.`);
    },
  });
}

/** `2024-03-26 17:18:57.25Z`; with a sign where nobody sampled the clock. */
function told({ time, resolution }: Transaction): string {
  return `${resolution === 'event_time' ? '~' : ''}${time.replace('T', ' ')}`;
}
