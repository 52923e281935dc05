/** `tidemark agents`: which agents may speak for which services. */
import { type Command, Option } from 'commander';
import type { Agent } from '../../client/answers.ts';
import type { Io } from '../io.ts';
import { showList } from '../list.ts';
import { type ListFlags, listOptions, serviceOption } from '../options.ts';
import type { Column } from '../output/table.ts';
import { time } from '../output/values.ts';
import { apiCommand, commandGroup } from '../session.ts';

const columns: readonly Column<Agent>[] = [
  { title: 'id', value: ({ id }) => id },
  { title: 'service_id', value: ({ service_id: id }) => id },
  { title: 'state', value: ({ state }) => state },
  { title: 'alive', value: ({ alive }) => (alive ? 'yes' : 'no') },
  { title: 'hostname', value: ({ hostname }) => hostname },
  { title: 'last_seen_at', value: ({ last_seen_at: at }) => time(at) },
  { title: 'message', value: ({ message }) => message },
];

/** @param hostCommands those that work on the catalog, on the deployment's host */
export function agentsCommand(io: Io, hostCommands: readonly Command[]): Command {
  const group = commandGroup('agents', 'List agents, let one in, and turn one out.', [
    listCommand(io),
    revokeCommand(io),
  ]);
  for (const command of hostCommands) group.addCommand(command);
  return group;
}

function listCommand(io: Io): Command {
  return apiCommand<ListFlags & { serviceId?: string; state?: string }>(io, {
    usage: 'list',
    description: 'List the agents and the enrolments that wait for theirs, the newest first.',
    examples: ['agents', 'agents --state enrolled'],
    options: [
      serviceOption(),
      new Option('--state <state>', 'only those in this state').choices(['pending', 'enrolled', 'revoked']),
      ...listOptions(),
    ],
    work: async (session, flags) =>
      showList(
        session,
        flags,
        { service_id: flags.serviceId, state: flags.state },
        {
          noun: 'agents',
          fetch: async (query) => session.client.agents(query),
          items: ({ agents }) => agents,
          count: ({ agents_count: count }) => count,
          columns,
        },
      ),
  });
}

function revokeCommand(io: Io): Command {
  return apiCommand(io, {
    usage: 'revoke <id>',
    description: "Turn an agent out, by its id or its enrolment's: its orders stop.",
    examples: ['agents revoke 3f9a02c1'],
    work: async (session, _flags, id = '') =>
      session.answer(await session.client.revokeAgent(id), () => `Agent ${id} is revoked.`),
  });
}
