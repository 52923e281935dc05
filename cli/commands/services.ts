/** `tidemark services`: what is managed. */
import type { Command } from 'commander';
import type { Service } from '../../client/answers.ts';
import type { Io } from '../io.ts';
import { showList } from '../list.ts';
import { type ListFlags, listOptions } from '../options.ts';
import type { Column } from '../output/table.ts';
import { time } from '../output/values.ts';
import { apiCommand, commandGroup } from '../session.ts';

const columns: readonly Column<Service>[] = [
  { title: 'service_id', value: ({ service_id: id }) => id },
  { title: 'service_name', value: ({ service_name: name }) => name },
  { title: 'server_version', value: ({ server_version: version }) => version },
  { title: 'server', value: ({ server_running: running }) => (running ? 'running' : 'stopped') },
  { title: 'agent', value: ({ agent }) => (agent.alive ? 'alive' : 'silent') },
  { title: 'last_seen_at', value: ({ agent }) => time(agent.last_seen_at) },
  { title: 'hostname', value: ({ agent }) => agent.hostname },
];

export function servicesCommand(io: Io): Command {
  return commandGroup('services', 'List the services, and show one.', [listCommand(io), getCommand(io)]);
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
