/** What `npm run demo` can be told. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { byteSize } from '../../config/values.ts';

export interface DemoOptions {
  keep: boolean;
  /** Of the sample data, in bytes. */
  size: number;
  /** How long the writers write before the backup is asked for. */
  warmUpMs: number;
}

/** @throws CommanderError after `--help` (exit code 0), and for what is not allowed; all was said by then */
export function parseDemoOptions(args: readonly string[]): DemoOptions {
  const command = new Command('npm run demo --')
    .description('Backs a busy MariaDB server up, destroys it, brings it back and compares every table.')
    .option('--keep', 'leave everything running at the end, until Ctrl-C', false)
    .option('--fast', 'less data and less waiting', false)
    .addOption(new Option('--size <bytes>', 'of the sample data, such as 100M').argParser(size))
    .exitOverride();
  command.parse([...args], { from: 'user' });
  const { keep, fast, size: bytes } = command.opts<{ keep: boolean; fast: boolean; size?: number }>();
  return { keep, size: bytes ?? size(fast ? '10M' : '100M'), warmUpMs: fast ? 500 : 2_000 };
}

function size(text: string): number {
  const result = byteSize.safeParse(text);
  if (!result.success) throw new InvalidArgumentError(z.prettifyError(result.error));
  return result.data;
}
