/** Where one restore works on its host, and what it is made of. */
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { dataDirectory, type Layout } from '../../domain/layout.ts';
import { writeDurably } from '../../mariadb/restore/files.ts';
import { type Staging, stagingFor } from '../../mariadb/restore/staging.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import type { BackupLink, HostRestoreInput } from './contract.ts';
import { type Host, operationFolder } from './host.ts';

/** What a restore is called on its host. */
export function operationOf({ restoreId }: { restoreId: number }): string {
  return `restore-${restoreId}`;
}

/** Where one restore works. */
export interface RestoreSite {
  layout: Layout;
  staging: Staging;
  /** The directory that the backup is unpacked into: the staging, or the data directory itself. */
  directory: string;
}

/**
 * The site of a restore. The layout is written down when work begins, because later there may be nothing left
 * to look at.
 */
export async function enterSite(host: Host, order: HostRestoreInput): Promise<RestoreSite> {
  const folder = operationFolder(host.settings.state_directory, operationOf(order));
  const file = path.join(folder, 'layout.json');
  let layout: Layout;
  try {
    layout = JSON.parse(await readFile(file, 'utf8')) as Layout;
  } catch (error) {
    // Not there yet, or cut short by a crash of the machine before anything was done with it.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && !(error instanceof SyntaxError)) throw error;
    layout = await inspectLayout(host.settings.server);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeDurably(file, JSON.stringify(layout));
  }
  const staging = stagingFor(layout, order.restoreId);
  return { layout, staging, directory: order.mode === 'in-place' ? dataDirectory(layout) : staging.data };
}

/** The backup and all that it builds on, from the full on. */
export function linksOf({
  chain = [],
  backupId,
  manifestSha256,
}: HostRestoreInput): [BackupLink, ...BackupLink[]] {
  const [first, ...others] = chain;
  const own = { backupId, manifestSha256 };
  return first ? [first, ...others, own] : [own];
}
