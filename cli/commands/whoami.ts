/** `tidemark whoami`. */
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { apiCommand } from '../session.ts';

export function whoamiCommand(io: Io): Command {
  return apiCommand(io, {
    usage: 'whoami',
    description: 'Show whose token this is: organization, role and subject.',
    examples: ['whoami', 'whoami --profile production'],
    work: async (session) => session.show(await session.client.whoami()),
  });
}
