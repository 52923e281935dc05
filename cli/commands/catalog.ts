/** `tidemark catalog`: makes the catalog again from what lies in the store, on the deployment's host. */
import { Command, Option } from 'commander';
import { rebuildHostSettings } from '../../config/rebuild.ts';
import { loadFromEnvironment } from '../../config/load.ts';
import { lostWithCatalog, rebuildCatalog } from '../../rebuild/rebuild.ts';
import { openStore } from '../../storage/open.ts';
import { type CatalogFlags, catalogOptions, withCatalog } from '../catalog.ts';
import type { Io } from '../io.ts';
import { printable } from '../output/printable.ts';

interface RebuildFlags extends CatalogFlags {
  from: string;
  json?: true;
}

interface ConfirmFlags extends CatalogFlags {
  takeOver?: string[];
}

export function catalogCommand(io: Io): Command {
  return new Command('catalog')
    .description(
      'Make the catalog again from what lies in the store. Run it on a host of the deployment: it works on the catalog and the store, not through the API.',
    )
    .addCommand(catalogOptions(rebuildCommand(io)))
    .addCommand(catalogOptions(confirmCommand(io)));
}

function rebuildCommand(io: Io): Command {
  const say = (text: string): void => void io.stderr.write(`${printable(text)}\n`);
  return new Command('rebuild')
    .summary('fill the catalog from a store')
    .description(
      'Take up every service, backup, timeline and archived binlog that lies in a store and is not in the catalog. The catalog may be new, or of a deployment that works; what is known stays as it is. Afterwards nothing is deleted until `tidemark catalog confirm`.',
    )
    .addOption(
      new Option(
        '--from <location>',
        'the store: file:///path, s3://bucket/prefix or gs://bucket/prefix, used as TIDEMARK_STORAGE_OPTIONS says',
      ).makeOptionMandatory(),
    )
    .option('--json', 'print what was found as JSON')
    .addHelpText('after', '\nExamples:\n  $ tidemark catalog rebuild --from s3://backups/production')
    .action(async ({ from, json, ...flags }: RebuildFlags) => {
      const { storage_options: options } = loadFromEnvironment(rebuildHostSettings, io.env, 'ignore');
      const store = await openStore(from, { options });
      const found = await withCatalog(
        flags,
        io.env,
        async (catalog) =>
          await rebuildCatalog({
            catalog,
            store,
            signal: io.interrupted,
            tell: (serviceId) => say(`Reading ${serviceId} …`),
          }),
        { mayCreate: true },
      );
      const { services, backups, timelines, segments, deployments, left } = found;
      say(
        `Taken up: ${services} services, ${backups} backups; read: ${timelines} timelines of binlogs with ${segments} segments.`,
      );
      for (const { key, reason } of left) say(`Left: ${key}: ${reason}`);
      say('What cannot come back this way:');
      for (const line of lostWithCatalog) say(`- ${line}`);
      say('Nothing is deleted until somebody has looked: run "tidemark catalog confirm" then.');
      if (deployments.size > 0) {
        const ids = [...deployments].toSorted().join(' ');
        say(
          `The backups were written by the deployments ${ids}. Retention leaves what another deployment wrote alone; where one is no more, take it over: "tidemark catalog confirm --take-over ${ids}".`,
        );
      }
      if (json)
        io.stdout.write(`${JSON.stringify({ ...found, deployments: [...deployments].toSorted() })}\n`);
    });
}

function confirmCommand(io: Io): Command {
  const say = (text: string): void => void io.stderr.write(`${text}\n`);
  return new Command('confirm')
    .summary('let backups be deleted again after a rebuild')
    .description(
      'Say that the catalog is right: retention goes on, and backups can be deleted again. Look at the lists of services and backups before.',
    )
    .option(
      '--take-over <deployment...>',
      'deployments that are no more: what they wrote is removed by this one when it has expired',
    )
    .addHelpText('after', '\nExamples:\n  $ tidemark catalog confirm')
    .action(async ({ takeOver = [], ...flags }: ConfirmFlags) => {
      const confirmed = await withCatalog(flags, io.env, async (catalog) => await catalog.confirm(takeOver));
      say(
        confirmed ? 'Confirmed: what has expired goes with the next sweep.' : 'There was nothing to confirm.',
      );
      for (const id of takeOver) say(`What the deployment ${id} wrote is this one's from now on.`);
    });
}
