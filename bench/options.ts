/** What `npm run bench` can be told. */
import { Argument, Command, InvalidArgumentError, Option } from 'commander';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { faultsOf } from '../config/phrase.ts';
import { byteSize } from '../config/values.ts';
import { placeNames, type PlaceName } from './places.ts';

const subjects = [
  'backup',
  'incremental',
  'restore',
  'recover',
  'stores',
  'api',
  'binlog',
  'follow',
  'replay',
  'window',
] as const;

export interface BenchOptions {
  what: (typeof subjects)[number];
  /** Of the data, in bytes. 0: a server as it was made. */
  size: number;
  /** How often each way is measured. */
  runs: number;
  /** `api`: backups in the catalog. */
  rows: number;
  /** `window`: in the catalog, of the one service. */
  backups: number;
  segments: number;
  /** `api` and `window`: how often each is asked for. */
  requests: number;
  /** `replay` and `recover`: how many are replayed. */
  transactions: number;
  /** `follow`: how many are offered a second, and for how long. */
  rate: number;
  seconds: number;
  /** `stores`: the one that is measured; undefined: all. */
  only: PlaceName | undefined;
  /** `stores`: with age in both ways. */
  encrypted: boolean;
  json: boolean;
  /** The folder, on the file system to be measured, in which a temporary one is made. */
  folder: string;
}

/** @throws CommanderError after `--help` (exit code 0), and for what is not allowed; all was said by then */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const command = new Command('npm run bench --')
    .description(
      'Measures Tidemark against the same programs in a shell, in turns; and how long its lists take.',
    )
    .addArgument(new Argument('<what>', 'what to measure').choices(subjects))
    .addOption(
      new Option('--size <bytes>', 'of the data, such as 1G or 0').argParser(size).default(1024 ** 3, '1G'),
    )
    .addOption(new Option('--runs <n>', 'how often each way is measured').argParser(runs).default(3))
    .addOption(new Option('--rows <n>', 'api: backups in the catalog').argParser(count).default(1_000_000))
    .addOption(new Option('--backups <n>', 'window: backups of the service').argParser(count).default(10_000))
    .addOption(new Option('--segments <n>', 'window: archived segments').argParser(count).default(3_000_000))
    .addOption(
      new Option('--requests <n>', 'api and window: how often each is asked for')
        .argParser(count)
        .default(200),
    )
    .addOption(
      new Option('--transactions <n>', 'replay and recover: how many are replayed')
        .argParser(count)
        .default(200_000),
    )
    .addOption(
      new Option('--rate <n>', 'follow: transactions that are offered a second')
        .argParser(count)
        .default(20_000),
    )
    .addOption(new Option('--seconds <n>', 'follow: how long each run writes').argParser(count).default(30))
    .addOption(new Option('--only <store>', 'stores: measure this one alone').choices(placeNames))
    .option('--encrypted', 'stores: with age in both ways', false)
    .option('--json', 'print one closing line of JSON with every figure, and nothing else on stdout', false)
    .option('--folder <dir>', 'where data and backups are put', tmpdir())
    .exitOverride();
  command.parse([...args], { from: 'user' });
  const { folder, only, ...given } = command.opts<Omit<BenchOptions, 'what'>>();
  return { what: command.args[0] as BenchOptions['what'], ...given, only, folder: resolve(folder) };
}

function size(text: string): number {
  const result = byteSize.safeParse(text);
  if (!result.success) throw new InvalidArgumentError(`It has to be ${faultsOf(result.error)}.`);
  return result.data;
}

function count(text: string): number {
  if (!/^[1-9]\d{0,7}$/.test(text))
    throw new InvalidArgumentError('A whole number from 1 to 99999999 is allowed.');
  return Number(text);
}

function runs(text: string): number {
  if (!/^[1-9]\d?$/.test(text)) throw new InvalidArgumentError('A whole number from 1 to 99 is allowed.');
  return Number(text);
}
