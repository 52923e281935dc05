/** The tree of commands. Only those that a command line names are loaded: the rest are known by their summaries. */
import { Command } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import { exitCodeMeanings } from './exit-codes.ts';
import type { Io, Outcome } from './io.ts';
import { connectionOptions } from './options.ts';

interface Entry {
  summary: string;
  group: string;
  load: (io: Io, outcome: Outcome) => Promise<Command>;
}

const ordering = 'Order and follow:';
const looking = 'Look:';
const host = "On the deployment's host:";
const files = 'On files:';
const shell = 'For the shell:';

/** Every command by its name, in the order of the help. */
const commands: Record<string, Entry> = {
  backup: {
    summary: 'take a backup now',
    group: ordering,
    load: async (io, outcome) => (await import('./commands/backup.ts')).backupCommand(io, outcome),
  },
  restore: {
    summary: 'bring a backup back',
    group: ordering,
    load: async (io, outcome) => (await import('./commands/restore.ts')).restoreCommand(io, outcome),
  },
  schedules: {
    summary: 'backups that repeat: list, get, create, update, delete',
    group: ordering,
    load: async (io) => (await import('./commands/schedules.ts')).schedulesCommand(io),
  },
  watch: {
    summary: 'follow a backup or a restore to its end',
    group: ordering,
    load: async (io, outcome) => (await import('./commands/watch.ts')).watchCommand(io, outcome),
  },
  backups: {
    summary: 'list backups, show one, or read one back',
    group: looking,
    load: async (io, outcome) => (await import('./commands/backups.ts')).backupsCommand(io, outcome),
  },
  restores: {
    summary: 'list restores, show, cancel, undo or delete one, and look up what can be restored',
    group: looking,
    load: async (io, outcome) => (await import('./commands/restores.ts')).restoresCommand(io, outcome),
  },
  services: {
    summary: 'list the services, show one, or change what it is set to',
    group: looking,
    load: async (io, outcome) => (await import('./commands/services.ts')).servicesCommand(io, outcome),
  },
  agents: {
    summary: 'list agents, let one in, or turn one out',
    group: looking,
    load: async (io) => {
      const { enrollCommand } = await import('./agents.ts');
      return (await import('./commands/agents.ts')).agentsCommand(io, [enrollCommand(io)]);
    },
  },
  audit: {
    summary: 'list who asked what',
    group: looking,
    load: async (io) => (await import('./commands/audit.ts')).auditCommand(io),
  },
  whoami: {
    summary: 'show whose token this is, and what it may do',
    group: looking,
    load: async (io) => (await import('./commands/whoami.ts')).whoamiCommand(io),
  },
  keys: {
    summary: 'make, list and end API keys',
    group: host,
    load: async (io) => (await import('./keys.ts')).keysCommand(io),
  },
  'sealing-key': {
    summary: 'make or replace the key that secrets are sealed with',
    group: host,
    load: async (io) => (await import('./commands/sealing-key.ts')).sealingKeyCommand(io),
  },
  catalog: {
    summary: 'make the catalog again from what lies in the store',
    group: host,
    load: async (io) => (await import('./commands/catalog.ts')).catalogCommand(io),
  },
  binlog: {
    summary: 'look into binlog files',
    group: files,
    load: async (io, outcome) => (await import('./commands/binlog.ts')).binlogCommand(io, outcome),
  },
  completion: {
    summary: 'print the completion of words for bash or zsh',
    group: shell,
    load: async (io) => {
      const { completionCommand } = await import('./commands/completion.ts');
      return completionCommand(io, async () => buildProgram(io, { exitCode: 0 }, allNames()));
    },
  },
};

/** The names of commands among the words; an option's value that looks like one does no harm. */
export function namesIn(words: readonly string[]): Set<string> {
  return new Set(words.filter((word) => Object.hasOwn(commands, word)));
}

export const allNames = (): Set<string> => new Set(Object.keys(commands));

/**
 * @param loaded the names of the commands that may be called; of the others only the summary is there
 */
export async function buildProgram(io: Io, outcome: Outcome, loaded: ReadonlySet<string>): Promise<Command> {
  const program = new Command('tidemark')
    .description(
      'The command line of Tidemark, which backs MariaDB servers up and brings them back. All but the commands of the host and of files are requests to the REST API.',
    )
    .version(packageJson.version, '--version', 'print the version')
    .helpCommand('help [command]', 'print help for a command')
    .addHelpText('after', footer());
  for (const [name, { summary, group, load }] of Object.entries(commands)) {
    const command = loaded.has(name) ? await load(io, outcome) : new Command(name);
    program.addCommand(command.summary(summary).helpGroup(group));
  }
  connectionOptions(program);
  prepare(program, io);
  return program;
}

/** What holds for every command of the tree, those of other rooms included. */
function prepare(command: Command, io: Io): void {
  command
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    .showHelpAfterError('(add --help for the options and examples)')
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      getOutHelpWidth: () => Math.min(io.stdout.columns ?? 100, 100),
      getErrHelpWidth: () => Math.min(io.stderr.columns ?? 100, 100),
    });
  for (const inner of command.commands) prepare(inner.helpCommand(false), io);
}

function footer(): string {
  const codes = exitCodeMeanings.map(([code, meaning]) => `  ${String(code).padEnd(4)} ${meaning}`);
  return `\nExit codes:\n${codes.join('\n')}`;
}
