/** `tidemark services update`: what a service is set to. */
import { type Command, Option } from 'commander';
import type { Io } from '../io.ts';
import { withoutUndefined } from '../order-options.ts';
import { apiCommand } from '../session.ts';

export interface UpdateFlags {
  retentionDays?: number | string;
  keep?: string[];
  minFulls?: number | string;
  nightlyHour?: number | string;
  nightlyMinute?: number | string;
  recipient?: string[];
  copy?: string[];
  incrementalBase?: string;
  maxChain?: number | string;
  maxShare?: number | string;
  binlogArchive?: string;
  binlogInterval?: string;
  fullAfterHole?: string;
  dumpInclude?: string[];
  dumpExclude?: string[];
  keepPrevious?: string;
  drill?: string;
}

export function updateCommand(io: Io): Command {
  return apiCommand<UpdateFlags>(io, {
    usage: 'update <service_id>',
    description: 'Change what a service is set to; "default" makes it follow the deployment again.',
    examples: [
      'services update sample-1 --retention-days 30',
      'services update sample-1 --retention-days 7 --keep weekly=5 monthly=12 --min-fulls 2',
      'services update sample-1 --nightly-hour 3 --nightly-minute 15',
      'services update sample-1 --copy gs://backups-elsewhere/production',
      'services update sample-1 --binlog-interval 30s',
      'services update sample-1 --drill "0 5 * * 0"',
      'services update sample-1 --recipient age10vnyg8t84pqgcf5u2j3yee5nkcwtqek0wk3y40l4m4asslxu05kqews0rl',
    ],
    options: [
      ...retentionOptions(),
      ...backupOptions(),
      ...binlogOptions(),
      new Option(
        '--keep-previous <duration>',
        'how long what a restore replaces is kept, so that it can be undone: 10m, 24h, 7d',
      ),
      new Option(
        '--drill <cron>',
        'when it is brought back elsewhere and checked, five fields in UTC; off: only when asked for',
      ),
    ],
    async work(session, flags, id = '') {
      session.show(await session.client.updateService(id, changeOf(flags)));
    },
  });
}

function retentionOptions(): Option[] {
  return [
    new Option('--retention-days <days>', 'how many days a backup is kept').argParser(numberOrWord),
    new Option(
      '--keep <period=count...>',
      'of how many days, weeks, months and years the newest backup is kept: daily=7, weekly=5, monthly=12, yearly=3',
    ),
    new Option(
      '--min-fulls <count>',
      'how many of the newest full backups are kept whatever their age',
    ).argParser(numberOrWord),
  ];
}

function backupOptions(): Option[] {
  return [
    new Option('--nightly-hour <hour>', 'when the nightly full backup begins, in UTC').argParser(
      numberOrWord,
    ),
    new Option('--nightly-minute <minute>', 'the minute of that hour').argParser(numberOrWord),
    new Option(
      '--recipient <key...>',
      'age public keys that new backups are encrypted for, in place of those there are; none: for nobody',
    ),
    new Option(
      '--copy <location...>',
      'where its backups are copied to, in place of where they are now: locations that the deployment knows; none: nowhere',
    ),
    new Option(
      '--incremental-base <backup>',
      'what an incremental builds on: last, the newest backup of the chain, or full',
    ),
    new Option('--max-chain <count>', 'how many incrementals a restore has to apply at most').argParser(
      numberOrWord,
    ),
    new Option('--max-share <percent>', 'how much they may have together, in percent of the full').argParser(
      numberOrWord,
    ),
    new Option('--dump-include <database...>', 'which databases a dump holds; default: all'),
    new Option('--dump-exclude <database...>', 'which of them it leaves out; default: none'),
  ];
}

function binlogOptions(): Option[] {
  return [
    new Option('--binlog-archive <on>', 'whether its binlogs are archived: true or false'),
    new Option(
      '--binlog-interval <duration>',
      'how long what is new waits at most until it is shipped: 10s, 5m',
    ),
    new Option(
      '--full-after-hole <on>',
      'whether a full is taken at once where archived binlogs break off: true or false',
    ),
  ];
}

/** The body of the request. What is no value of a field is for the API to refuse. */
export function changeOf(flags: UpdateFlags): object {
  const { keep, recipient, copy, dumpInclude, dumpExclude } = flags;
  return withoutUndefined({
    retention: partOf({ days: flags.retentionDays, keep: keep && countsOf(keep), min_fulls: flags.minFulls }),
    nightly: partOf({ hour: flags.nightlyHour, minute: flags.nightlyMinute }),
    encryption: recipient && { recipients: listOrWord(recipient) },
    copies: copy && listOrWord(copy),
    chain: partOf({
      incremental_base: flags.incrementalBase,
      max_chain: flags.maxChain,
      max_share: flags.maxShare,
    }),
    binlog: partOf({
      archive: switchOf(flags.binlogArchive),
      interval: flags.binlogInterval,
      full_after_hole: switchOf(flags.fullAfterHole),
    }),
    dump: partOf({
      include: dumpInclude && listOrWord(dumpInclude),
      exclude: dumpExclude && listOrWord(dumpExclude),
    }),
    keep_previous: flags.keepPrevious,
    drill: flags.drill,
  });
}

/** Undefined where nothing of it was named. */
function partOf(fields: Record<string, unknown>): object | undefined {
  const part = withoutUndefined(fields);
  return Object.keys(part).length === 0 ? undefined : part;
}

/** `default`, or `none` for an empty list. */
function listOrWord(names: string[]): string[] | 'default' {
  const [only, ...others] = names;
  if (others.length > 0) return names;
  return only === 'default' ? only : only === 'none' ? [] : names;
}

/** `weekly=5` as a field. */
function countsOf(pairs: readonly string[]): Record<string, number | string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [period = '', count = ''] = pair.split('=');
      return [period, numberOrWord(count)];
    }),
  );
}

function numberOrWord(text: string): number | string {
  return /^\d{1,9}$/.test(text) ? Number(text) : text;
}

function switchOf(text: string | undefined): boolean | string | undefined {
  return text === 'true' ? true : text === 'false' ? false : text;
}
