/** How every process begins: `--help`, its settings, and a message instead of a stack when it cannot start. */
import { parseArgs } from 'node:util';
import { messageOf, TidemarkError } from '../domain/errors.ts';

/**
 * Runs a process that takes no argument but `--help`. What is wrong goes to standard error as sentences; the exit
 * code is 2 for a wrong setting or argument, 1 for everything else.
 */
export async function runProcess(help: string, start: () => Promise<void>): Promise<void> {
  await exitWithMessage(async () => {
    if (wantsHelp()) process.stdout.write(`${help}\n`);
    else await start();
  });
}

/** Awaits `main`; its failure becomes a message and an exit code. */
export async function exitWithMessage(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    process.exit(error instanceof TidemarkError && error.code === 'invalid_setting' ? 2 : 1);
  }
}

function wantsHelp(): boolean {
  try {
    const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } });
    return values.help === true;
  } catch (error) {
    throw new TidemarkError('invalid_setting', `${messageOf(error)} Only --help is taken.`, { cause: error });
  }
}
