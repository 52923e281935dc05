/** `tidemark services prove` and `proofs`: whether a service can be brought back. */
import { type Command, Option } from 'commander';
import type { Proof } from '../../client/answers.ts';
import { follow } from '../follow.ts';
import type { Io, Outcome } from '../io.ts';
import { showList } from '../list.ts';
import { type ListFlags, listOptions } from '../options.ts';
import type { Column } from '../output/table.ts';
import { duration, time } from '../output/values.ts';
import { apiCommand } from '../session.ts';

const columns: readonly Column<Proof>[] = [
  { title: 'id', value: ({ id }) => String(id), right: true },
  { title: 'status', value: ({ status }) => status },
  { title: 'started_at', value: ({ started_at: start }) => time(start) },
  { title: 'point_in_time', value: ({ point_in_time: point }) => time(point) },
  { title: 'took', value: ({ seconds }) => (seconds ? duration(seconds.total) : ''), right: true },
  { title: 'prover', value: ({ prover }) => prover?.hostname ?? '' },
  { title: 'tables', value: ({ tables }) => (tables === undefined ? '' : String(tables)), right: true },
  { title: 'message', value: ({ message }) => message },
];

export function proveCommand(io: Io, outcome: Outcome): Command {
  return apiCommand<{ wait?: true }>(io, {
    usage: 'prove <service_id>',
    description:
      'Bring a service back elsewhere, to a random instant of its recovery window, check every table there, and remove the copy. Nothing of the service is touched.',
    examples: [
      'services prove sample-1 --wait',
      "services prove sample-1 --wait --json | jq '.seconds.total'",
    ],
    options: [
      new Option('--wait', 'follow it to its end; the exit code is 1 when the service was not proven'),
    ],
    async work(session, { wait }, id = '') {
      const { client } = session;
      const begun = await client.prove(id);
      const again = `services proofs ${id}`;
      if (wait) {
        await follow(session, outcome, again, async () => {
          const { proofs } = await client.proofs(id);
          return proofs.find((proof) => proof.id === begun.id) ?? begun;
        });
        return;
      }
      session.show(begun);
      session.hint(`To see what came of it: tidemark ${again}`);
    },
  });
}

export function proofsCommand(io: Io): Command {
  return apiCommand<ListFlags>(io, {
    usage: 'proofs <service_id>',
    description:
      'List the drills of a service, the newest first: to when it was brought back, and how long it took.',
    examples: ['services proofs sample-1'],
    options: listOptions(),
    work: async (session, flags, id = '') =>
      showList(
        session,
        flags,
        {},
        {
          noun: 'proofs',
          fetch: async (query) => session.client.proofs(id, query),
          items: ({ proofs }) => proofs,
          count: ({ proofs_count: count }) => count,
          columns,
        },
      ),
  });
}
