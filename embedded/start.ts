/** `npm start`: the whole of Tidemark on this machine, until Ctrl-C. */
import { CommanderError } from 'commander';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import { announcementLine, announcementText } from './announce.ts';
import { parseStartOptions } from './options.ts';
import { aborted, Interrupted, interruption } from './signals.ts';
import { startStack } from './stack.ts';

const say = (message: string): void => void process.stderr.write(`${message}\n`);

/** @returns the exit code: 0 after Ctrl-C, 1 when something did not start, 2 for options and settings that are wrong */
async function main(args: string[]): Promise<number> {
  const interrupted = interruption();
  try {
    const options = parseStartOptions(args);
    say(`Starting Tidemark in ${options.data} …`);
    const stack = await startStack(options, say, interrupted);
    process.stdout.write(options.json ? `${announcementLine(stack)}\n` : `\n${announcementText(stack)}`);
    await aborted(interrupted);
    say('Stopping …');
    await stack.stop();
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof Interrupted) return 0;
    say(messageOf(error));
    return error instanceof TidemarkError && /^(invalid_setting|lock_forbidden)$/.test(error.code) ? 2 : 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
