/** `tidemark services`: what is managed. */
import type { Command } from 'commander';
import type { RetentionPlan, Service, Verdict } from '../../client/answers.ts';
import type { Io, Outcome } from '../io.ts';
import { showList } from '../list.ts';
import { type ListFlags, listOptions } from '../options.ts';
import { proofsCommand, proveCommand } from './proofs.ts';
import { windowForPeople, windowLegend } from '../output/recovery-window.ts';
import { type Column, table } from '../output/table.ts';
import { duration, size, time } from '../output/values.ts';
import { apiCommand, commandGroup } from '../session.ts';
import { transactionsCommand } from './transactions.ts';
import { updateCommand } from './update-service.ts';

const columns: readonly Column<Service>[] = [
  { title: 'service_id', value: ({ service_id: id }) => id },
  { title: 'service_name', value: ({ service_name: name }) => name },
  { title: 'server_version', value: ({ server_version: version }) => version },
  { title: 'server', value: ({ server_running: running }) => (running ? 'running' : 'stopped') },
  { title: 'agent', value: ({ agent }) => (agent.alive ? 'alive' : 'silent') },
  { title: 'last_seen_at', value: ({ agent }) => time(agent.last_seen_at) },
  { title: 'hostname', value: ({ agent }) => agent.hostname },
  { title: 'last_proven', value: provenText },
];

export function servicesCommand(io: Io, outcome: Outcome): Command {
  return commandGroup(
    'services',
    'List the services, show one, change what it is set to, and prove that it can be brought back.',
    [
      listCommand(io),
      getCommand(io),
      updateCommand(io),
      retentionCommand(io),
      windowCommand(io),
      transactionsCommand(io),
      proveCommand(io, outcome),
      proofsCommand(io),
    ],
  );
}

/** `2024-03-26 17:19:41Z in 42 s`, and whether the last drill failed since. */
function provenText({ last_proven: proven, last_proof: last }: Service): string {
  const text = proven ? `${time(proven.finished_at)} in ${duration(proven.seconds ?? 0)}` : '';
  if (last?.status !== 'Failed') return text;
  return text === '' ? 'failed' : `${text}, failed since`;
}

function listCommand(io: Io): Command {
  return apiCommand<ListFlags>(io, {
    usage: 'list',
    description: 'List the services, the newest first, with their agents.',
    examples: ['services', "services --json | jq -r '.services[].service_id'"],
    options: listOptions(),
    work: async (session, flags) =>
      showList(
        session,
        flags,
        {},
        {
          noun: 'services',
          fetch: async (query) => session.client.services(query),
          items: ({ services }) => services,
          count: ({ services_count: count }) => count,
          columns,
        },
      ),
  });
}

function getCommand(io: Io): Command {
  return apiCommand(io, {
    usage: 'get <service_id>',
    description: 'Show one service: its server, its agent, its newest backups, and what would be lost now.',
    examples: ['services get sample-1'],
    work: async (session, _flags, id = '') => session.show(await session.client.service(id)),
  });
}

const verdictColumns: readonly Column<Verdict & { verdict: string }>[] = [
  { title: 'verdict', value: ({ verdict }) => verdict },
  { title: 'id', value: ({ id }) => id },
  { title: 'type', value: ({ type }) => type },
  { title: 'created_at', value: ({ created_at: at }) => time(at) },
  { title: 'storage', value: ({ storage_bytes: bytes }) => size(bytes), right: true },
  { title: 'reason', value: ({ reason }) => reason },
];

function retentionCommand(io: Io): Command {
  return apiCommand(io, {
    usage: 'retention <service_id>',
    description: 'Tell which backups of a service its retention would remove now, which it keeps, and why.',
    examples: ['services retention sample-1'],
    async work(session, _flags, id = '') {
      const plan = await session.client.retention(id);
      const rows = [
        ...plan.remove.map((one) => ({ ...one, verdict: 'remove' })),
        ...plan.keep.map((one) => ({ ...one, verdict: 'keep' })),
      ];
      session.answer(plan, (width) => (rows.length === 0 ? '' : table(verdictColumns, rows, width)));
      session.hint(`${policyText(plan.policy)}; ${size(plan.remove_bytes)} can go.`);
    },
  });
}

/** `Backups are kept for 7 days, and the newest of 5 weekly, as the service says` */
function policyText({ days, keep, origin }: RetentionPlan['policy']): string {
  const counts = Object.entries(keep ?? {}).map(([period, count]) => `${count} ${period}`);
  const rules = [
    ...(days === undefined ? [] : [`Backups are kept for ${days} ${days === 1 ? 'day' : 'days'}`]),
    ...(counts.length === 0 ? [] : [`the newest of ${counts.join(', ')} stay`]),
  ];
  return `${rules.join(', and ')}, as the ${origin} says`;
}

function windowCommand(io: Io): Command {
  return apiCommand(io, {
    usage: 'window <service_id>',
    description:
      'Draw the time that a service can be brought back to, with its holes, and tell what each part of it takes.',
    examples: ['services window sample-1', "services window sample-1 --json | jq '.holes'"],
    async work(session, _flags, id = '') {
      const window = await session.client.recoveryWindow(id);
      session.answer(window, (width) => windowForPeople(window, width));
      session.hint(
        window.intervals.length === 0 ? 'There is no backup to bring it back from yet.' : windowLegend,
      );
    },
  });
}
