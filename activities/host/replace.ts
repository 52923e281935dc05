/** Bringing a dump of some databases back into the running server. */
import { rm } from 'node:fs/promises';
import { bytesWrittenBy } from '../../mariadb/backup/estimate.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { replaceDatabases } from '../../mariadb/dump/replace.ts';
import { removeStaging } from '../../mariadb/restore/staging.ts';
import { findServerProcess } from '../../mariadb/server/lifecycle.ts';
import { attempt } from './attempt.ts';
import type { HostBulkActivities, HostRestoreInput } from './contract.ts';
import { feed, identityOf } from './fetch.ts';
import { replaceByForeign } from './foreign-dump.ts';
import type { Host } from './host.ts';
import { manifestOf } from './kept-manifest.ts';
import { enterSite, operationOf } from './site.ts';
import { sourcesFor } from './sources.ts';

export function replaceActivities(host: Host): Pick<HostBulkActivities, 'replaceDatabases'> {
  return {
    async replaceDatabases(order) {
      await attempt(host, { operation: operationOf(order), phase: 'cutting_over' }, async (trial) => {
        if (order.foreign) await replaceByForeign(host, order, trial);
        else await replaceByDump(host, order, trial);
        // Of a trial on a private server.
        await removeStaging((await enterSite(host, order)).staging);
        await rm(trial.folder, { recursive: true, force: true });
      });
    },
  };
}

async function replaceByDump(host: Host, order: HostRestoreInput, trial: Attempt): Promise<void> {
  const { server } = host.settings;
  const manifest = await manifestOf(host, order, trial.folder);
  const { from } = await sourcesFor(host, order);
  const identity = await identityOf(host, manifest, trial);
  const { databases = [] } = manifest.dump ?? {};
  const pid = await findServerProcess(server);
  await replaceDatabases({ server, databases, identity, attempt: trial }, (load) =>
    feed(
      host,
      { manifest, from, attempt: trial, phase: 'cutting_over' },
      load,
      () => bytesWrittenBy(pid) ?? 0,
    ),
  );
}
