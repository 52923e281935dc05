/** `tidemark restore`: brings a backup back. */
import { type Command, Option } from 'commander';
import { restoreModes } from '../../domain/operations.ts';
import { follow } from '../follow.ts';
import type { Io, Outcome } from '../io.ts';
import { inBase64, readSecret, withoutUndefined } from '../order-options.ts';
import { apiCommand } from '../session.ts';

interface Flags {
  mode?: string;
  pointInTime?: string;
  gtid?: string;
  beforeGtid?: string;
  latest?: true;
  timeline?: string;
  include?: string[];
  as?: string;
  sourceBucket?: string;
  sourceMethod?: string;
  sourceCredentials?: string;
  encryptionKeyFile?: string;
  dryRun?: true;
  wait?: true;
}

export function restoreCommand(io: Io, outcome: Outcome): Command {
  return apiCommand<Flags>(io, {
    usage: 'restore <id> <service_id>',
    description:
      'Restore a backup to a service. The whole server of the service is replaced, users included; side by side, the old data is kept and comes back if the restore fails.',
    examples: [
      'restore eda3b72460c8c0d9d61a7f01b6a22e32:sample-1:sample-1 sample-1 --wait',
      'restore sample-1 sample-1 --point-in-time "2024-03-26 17:18:21"',
      'restore /old/full.tar.gz sample-1 --source-bucket s3://mine --source-method mariabackup --source-credentials FILE',
    ],
    options: options(),
    async work(session, flags, id = '', serviceId = '') {
      const { client } = session;
      const order = await client.orderRestore(id, serviceId, fields(flags), { dry_run: flags.dryRun });
      if (flags.wait && !flags.dryRun)
        return follow(session, outcome, `watch ${order.id}`, () => client.restore(order.id));
      session.show(order);
      if (!flags.dryRun) session.hint(`To watch it: tidemark watch ${order.id}`);
    },
  });
}

function options(): Option[] {
  const point = [
    new Option('--point-in-time <time>', 'up to this instant: YYYY-MM-DD hh:mm:ss in UTC, or RFC 3339'),
    new Option('--gtid <position>', 'up to just after this transaction'),
    new Option('--before-gtid <gtid>', 'up to just before this transaction'),
    new Option('--latest', 'up to the newest that is there'),
    new Option('--timeline <id>', 'on this timeline, where there are several'),
  ];
  const part = [
    new Option(
      '--include <name>',
      'only this database or table (db or db.table), into the running server; may be repeated',
    ).argParser((name: string, before: string[] = []) => [...before, name]),
    new Option('--as <database>', 'under this new name'),
  ];
  const source = [
    new Option('--source-bucket <name>', 'the bucket that holds it; the id is then its path in it'),
    new Option('--source-method <method>', 'what made it').choices(['mariabackup', 'mysqldump']),
    new Option(
      '--source-credentials <file>',
      'an AWS credentials file, or the JSON key of a service account',
    ),
    new Option('--encryption-key-file <file>', 'a file that holds the key that it is encrypted with'),
  ];
  return [
    new Option(
      '--mode <mode>',
      'side-by-side unless said; in-place needs less room and cannot be taken back',
    ).choices([...restoreModes]),
    new Option('--dry-run', 'start nothing, and show the plan'),
    new Option('--wait', 'follow it to its end; the exit code is 1 when it fails'),
    ...point.map((option) => option.helpGroup('A point in time:')),
    ...part.map((option) => option.helpGroup('Part of a service:')),
    ...source.map((option) => option.helpGroup('A backup in a bucket of your own (external_source):')),
  ];
}

/** The API's fields of what was said; what does not fit together is for the API to say. */
function fields(flags: Flags): object {
  const { sourceBucket: bucket, sourceMethod: method, sourceCredentials, encryptionKeyFile } = flags;
  const credentials = sourceCredentials === undefined ? undefined : inBase64(sourceCredentials);
  const source = withoutUndefined({ bucket, method, credentials });
  return withoutUndefined({
    mode: flags.mode,
    point_in_time: flags.pointInTime,
    gtid: flags.gtid,
    before_gtid: flags.beforeGtid,
    latest: flags.latest,
    timeline: flags.timeline,
    include: flags.include,
    as: flags.as,
    external_source: Object.keys(source).length > 0 ? source : undefined,
    encryption_key:
      encryptionKeyFile === undefined ? undefined : readSecret(encryptionKeyFile).toString().trim(),
  });
}
