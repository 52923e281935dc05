/** `tidemark watch`: follows what was ordered before. */
import type { Command } from 'commander';
import { follow } from '../follow.ts';
import type { Io, Outcome } from '../io.ts';
import { apiCommand } from '../session.ts';

export function watchCommand(io: Io, outcome: Outcome): Command {
  return apiCommand(io, {
    usage: 'watch <id>',
    description:
      'Follow a backup, by its id, or a restore, by its number, to its end. The exit code is 1 when it fails. Ctrl-C ends the watching and not the operation.',
    examples: ['watch eda3b72460c8c0d9d61a7f01b6a22e32:sample-1:sample-1', 'watch 7'],
    async work(session, _flags, id = '') {
      const { client } = session;
      const isRestore = /^\d+$/.test(id);
      if (isRestore) await follow(session, outcome, `watch ${id}`, async () => client.restore(id));
      else await follow(session, outcome, `watch ${id}`, async () => client.backup(id));
    },
  });
}
