/** What `npm run demo` can be told. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { faultsOf } from '../../config/phrase.ts';
import { byteSize, storageLocation } from '../../config/values.ts';

export interface DemoOptions {
  keep: boolean;
  /** Whether the backup is encrypted, with an identity of the demo's own. */
  encrypted: boolean;
  /** `local`, `s3`, `gcs`, or a location. */
  storage: string;
  /** Of the sample data, in bytes. */
  size: number;
  /** How long the writers write before the backup is asked for. */
  warmUpMs: number;
}

/** @throws CommanderError after `--help` (exit code 0), and for what is not allowed; all was said by then */
export function parseDemoOptions(args: readonly string[]): DemoOptions {
  const command = new Command('npm run demo --')
    .description(
      'Backs a busy MariaDB server up, drops a table, brings the server back to just before that, undoes it, destroys the server, brings it back to the second, and compares what is there.',
    )
    .option('--keep', 'leave everything running at the end, until Ctrl-C', false)
    .option('--encrypted', 'encrypt the backup with age before it leaves the host', false)
    .addOption(
      new Option(
        '--storage <place>',
        'where the backup goes: local, s3 (a server is started unless AWS_ENDPOINT_URL_S3 is set), gcs (a server is started unless STORAGE_EMULATOR_HOST is set), or a location',
      )
        .argParser(place)
        .default('local'),
    )
    .option('--fast', 'less data and less waiting', false)
    .addOption(new Option('--size <bytes>', 'of the sample data, such as 100M').argParser(size))
    .exitOverride();
  command.parse([...args], { from: 'user' });
  const given = command.opts<{
    keep: boolean;
    encrypted: boolean;
    fast: boolean;
    size?: number;
    storage: string;
  }>();
  const { keep, encrypted, storage, fast, size: bytes } = given;
  return {
    keep,
    encrypted,
    storage,
    size: bytes ?? size(fast ? '10M' : '100M'),
    warmUpMs: fast ? 500 : 2_000,
  };
}

function place(text: string): string {
  if (['local', 's3', 'gcs'].includes(text)) return text;
  const result = storageLocation.safeParse(text);
  if (!result.success) {
    throw new InvalidArgumentError(`It has to be local, s3, gcs, or ${faultsOf(result.error)}.`);
  }
  return result.data;
}

function size(text: string): number {
  const result = byteSize.safeParse(text);
  if (!result.success) throw new InvalidArgumentError(`It has to be ${faultsOf(result.error)}.`);
  return result.data;
}
