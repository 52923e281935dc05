/** `tidemark completion`: prints a script for the shell, made from the tree of commands. */
import { Argument, Command } from 'commander';
import { bashCompletion } from '../completion/bash.ts';
import { commandTree } from '../completion/tree.ts';
import { zshCompletion } from '../completion/zsh.ts';
import type { Io } from '../io.ts';

const scripts = { bash: bashCompletion, zsh: zshCompletion };
type Shell = keyof typeof scripts;

/** @param whole the program with all of its commands */
export function completionCommand(io: Io, whole: () => Promise<Command>): Command {
  return new Command('completion')
    .description('Print the completion of words for a shell.')
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(scripts)))
    .addHelpText(
      'after',
      '\nExamples:\n  $ tidemark completion zsh > ~/.zsh/completions/_tidemark\n  $ source <(tidemark completion bash)',
    )
    .action(async (shell: Shell) => {
      io.stdout.write(scripts[shell](commandTree(await whole())));
    });
}
