/** The tree of commands as completion needs it: for each command its words, its options, and what they take. */
import { type Command, Help, type Option } from 'commander';

interface Word {
  word: string;
  summary: string;
}

interface CompletedOption extends Word {
  takesValue: boolean;
  /** The values that there are, where they are few. */
  values: readonly string[];
  /** Whether its value is the name of a file. */
  file: boolean;
}

export interface CommandNode {
  /** The words that lead to it, without the program's name: `backups get`. */
  path: string;
  commands: Word[];
  options: CompletedOption[];
  /** Values of its first operand, where they are few. */
  operands: readonly string[];
}

/** Every command, the program itself first. */
export function commandTree(program: Command): CommandNode[] {
  return nodes(program, '');
}

function nodes(command: Command, path: string): CommandNode[] {
  const help = new Help();
  const inner = help.visibleCommands(command);
  // Without another word the standard command is meant, so its options may come next.
  const standard = inner.filter((one) => isStandard(command, one));
  const options = [command, ...standard].flatMap((one) => help.visibleOptions(one).map(completed));
  const node: CommandNode = {
    path,
    commands: inner.map((one) => ({ word: one.name(), summary: help.subcommandDescription(one) })),
    options: [...new Map(options.map((option) => [option.word, option])).values()],
    operands: command.registeredArguments[0]?.argChoices ?? [],
  };
  const named = inner.filter((one) => one.name() !== 'help');
  return [node, ...named.flatMap((one) => nodes(one, path === '' ? one.name() : `${path} ${one.name()}`))];
}

/** Commander knows the standard command of a group, and does not tell. */
function isStandard(group: Command, command: Command): boolean {
  return (group as Command & { _defaultCommandName?: string })._defaultCommandName === command.name();
}

function completed(option: Option): CompletedOption {
  return {
    word: option.long ?? option.flags,
    summary: option.description,
    takesValue: option.required || option.optional,
    values: option.argChoices ?? [],
    file: /<file>/.test(option.flags),
  };
}
