/** From the words of a command line to its exit code. Whatever goes wrong is said in sentences, never as a stack. */
import { CommanderError } from 'commander';
import { ApiRefusal, ApiUnreachable } from '../client/errors.ts';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import { exitCodes } from './exit-codes.ts';
import { Interrupted, type Io } from './io.ts';
import { printable } from './output/printable.ts';
import { buildProgram, namesIn } from './program.ts';

/** @param words without the program's name */
export async function run(words: readonly string[], io: Io): Promise<number> {
  const outcome = { exitCode: exitCodes.done as number };
  try {
    const program = await buildProgram(io, outcome, namesIn(words));
    await program.parseAsync(words, { from: 'user' });
    return outcome.exitCode;
  } catch (error) {
    return explain(error, io);
  }
}

function explain(error: unknown, { stderr }: Io): number {
  const say = (message: string): void => void stderr.write(`${printable(message)}\n`);
  // Commander has said it by then.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  if (error instanceof ApiRefusal) {
    for (const { message } of error.items) say(message);
    const names = [...new Set(error.items.map(({ error: name }) => name))].join(', ');
    say(`(${names}${error.requestId === '' ? '' : `; request ${error.requestId}`})`);
    return error.status < 500 ? exitCodes.refused : exitCodes.unreachable;
  }
  say(messageOf(error));
  if (error instanceof Interrupted) return error.exitCode;
  if (error instanceof ApiUnreachable) return exitCodes.unreachable;
  return error instanceof TidemarkError && error.code === 'invalid_setting'
    ? exitCodes.usage
    : exitCodes.failed;
}
