/** Restoring what Tidemark did not make: unpacked or loaded; from then on it is a copy like any other. */
import { readdir } from 'node:fs/promises';
import { requireKeys } from '../../domain/at-rest.ts';
import { TidemarkError } from '../../domain/errors.ts';
import type { ForeignFiles } from '../../domain/foreign.ts';
import { dataDirectory, type Layout } from '../../domain/layout.ts';
import { refuseUnfit, workingRoom } from '../../domain/restore-plan.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { requireForReplacing } from '../../mariadb/dump/replace.ts';
import { findFiles, settleFiles } from '../../mariadb/foreign/files.ts';
import { Unpacked } from '../../mariadb/foreign/unpacked.ts';
import { programVersion } from '../../mariadb/programs.ts';
import { forgetApplied } from '../../mariadb/restore/applied.ts';
import { emptyDirectory } from '../../mariadb/restore/extract.ts';
import { freeBytes, usedBytes } from '../../mariadb/restore/room.ts';
import { createStaging, type Staging } from '../../mariadb/restore/staging.ts';
import { markUnpacked } from '../../mariadb/restore/unpacked.ts';
import { inspectKeys } from '../../mariadb/server/keys.ts';
import { readServerOptions } from '../../mariadb/server/options.ts';
import { serverOwner } from '../../mariadb/server/owner.ts';
import type { FetchReport, HostRestoreInput } from './contract.ts';
import { loadForeign } from './foreign-dump.ts';
import { foreignManifest } from './foreign-manifest.ts';
import { foreignOf, openKnownPlace, unpackPlace } from './foreign-source.ts';
import type { Host } from './host.ts';
import { keepManifest } from './kept-manifest.ts';

/** How much may be written. In place, where the data is has its room too. */
export async function limitsOf(
  host: Host,
  { mode }: HostRestoreInput,
  layout: Layout,
): Promise<{ mostBytes: number; keepFree: number }> {
  const { server, restore } = host.settings;
  const directory = dataDirectory(layout);
  const redoBytes = Number((await readServerOptions(server)).get('innodb_log_file_size') ?? 0);
  const keepFree = redoBytes + workingRoom;
  const used = mode === 'in-place' ? await usedBytes(directory) : 0;
  const room = Math.max(0, (await freeBytes(directory)) + used - keepFree);
  return { mostBytes: Math.min(room, restore.foreign_size ?? Infinity), keepFree };
}

/** Unpacks, or loads, the backup into its place; what an earlier try left there goes first. */
export async function unpackForeign(
  host: Host,
  order: HostRestoreInput,
  { directory, staging, layout }: { directory: string; staging: Staging; layout: Layout },
  trial: Attempt,
): Promise<FetchReport> {
  await forgetApplied(trial.folder);
  const { server } = host.settings;
  const place = await openKnownPlace(host, order, trial.signal);
  const report = { readFrom: [place.source.location], refusals: [] };
  if (order.mode === 'side-by-side') {
    await createStaging(staging, await serverOwner(server, dataDirectory(layout)));
  }
  if (place.source.method === 'mysqldump') {
    const warnings = await loadForeign(host, { order, place, directory, layout, trial });
    await markUnpacked(trial.folder);
    return { ...report, ...(warnings.length > 0 && { warnings }) };
  }
  await emptyDirectory(server, directory);
  const staying = await readdir(directory);
  const into = new Unpacked({ ...(await limitsOf(host, order, layout)), directory });
  const form = await unpackPlace(host, place, { trial, into, phase: 'fetching' });
  const { files, root } = findFiles(into);
  await requireFitting(host, order, files, layout);
  await settleFiles(directory, { root, notes: into.notes, staying });
  const { storedBytes } = place;
  const facts = { form, storedBytes, unpackedBytes: into.bytes, files, warnings: [] };
  await keepManifest(trial.folder, order.manifestSha256, foreignManifest(order, facts, layout));
  await markUnpacked(trial.folder);
  host.log.info(
    { backup: order.backupId, storage: place.source.location, form },
    'A foreign backup was unpacked.',
  );
  return report;
}

/** @throws tool_version_mismatch, layout_unsupported, server_keys_missing */
export async function requireFitting(
  host: Host,
  { mode }: Pick<HostRestoreInput, 'mode'>,
  files: ForeignFiles,
  layout: Layout,
): Promise<void> {
  const { server } = host.settings;
  if (files.serverVersion === '') {
    throw new TidemarkError(
      'source_no_backup',
      'The backup does not say of which version of MariaDB it is: xtrabackup_info has no server_version.',
    );
  }
  const backup = { serverVersion: files.serverVersion, layout: layoutOf(files, layout) };
  const target = {
    serverVersion: await programVersion(server, 'mariadbd'),
    layout,
    tools: { mariadbBackup: await programVersion(server, 'mariadb-backup') },
  };
  refuseUnfit(backup, target);
  // Whether anything is encrypted it does not say: beside the running server that is tried.
  const { keyPlugin: plugin } = files;
  if (plugin !== undefined && mode === 'in-place')
    requireKeys({ plugin, settings: [], keyIds: [] }, await inspectKeys(server));
}

/** What the backup says of its layout, and for the rest what the target has. */
function layoutOf({ innodbPageSize, innodbDataFiles }: ForeignFiles, target: Layout): Layout {
  return {
    ...target,
    ...(innodbPageSize !== undefined && { innodbPageSize }),
    ...(innodbDataFiles && { innodbDataFiles }),
  };
}

/** Sees once more that it is there, and as it was: before a restore in place stops the server, or drops databases of it. */
export async function verifyForeign(host: Host, order: HostRestoreInput, trial: Attempt): Promise<void> {
  await openKnownPlace(host, order, trial.signal);
  const { facts } = foreignOf(order);
  if (facts?.dump?.whole === false) await requireForReplacing(host.settings.server);
}
