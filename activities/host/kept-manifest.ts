/**
 * The manifest of what is restored, kept beside the operation once it was read and found right. In place, the server has
 * no data from then on: what only needs to know of the backup must not wait for a store that has gone away, or whose
 * credentials have run out, since its parts were fetched.
 */
import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Manifest } from '../../domain/manifest.ts';
import { makeDirectory, writeDurably } from '../../mariadb/restore/files.ts';
import { readManifest } from '../../storage/manifest.ts';
import { manifestSchema } from '../../storage/manifest-schema.ts';
import { firstOf } from '../../storage/replicas.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import type { HostRestoreInput } from './contract.ts';
import { foreignManifest } from './foreign-manifest.ts';
import type { Host } from './host.ts';
import { storesFor } from './sources.ts';

/**
 * @param folder of the operation
 * @param link which backup; default: the one that is restored
 * @throws what opening a store and reading a manifest do, when it is not kept yet
 */
export async function manifestOf(
  host: Host,
  order: HostRestoreInput,
  folder: string,
  link: { backupId: string; manifestSha256: string } = order,
): Promise<Manifest> {
  const file = fileOf(folder, link.manifestSha256);
  const kept = await readKept(file, link.backupId);
  if (kept) return kept;
  const { facts } = order.foreign ?? {};
  if (facts) return foreignManifest(order, facts, await inspectLayout(host.settings.server));
  const { answer } = await firstOf(
    await storesFor(host, order),
    `The manifest of the backup ${link.backupId}`,
    (store, signal) => readManifest(store, link.backupId, link.manifestSha256, signal),
  );
  await keep(file, answer.manifest);
  return answer.manifest;
}

/** Keeps what stands for the manifest of a backup that has none. @param sha256 as the order has it */
export async function keepManifest(folder: string, sha256: string, manifest: Manifest): Promise<void> {
  await keep(fileOf(folder, sha256), manifest);
}

const fileOf = (folder: string, sha256: string): string => path.join(folder, `manifest-${sha256}.json`);

/** With a digest of its own before it: as written by us it need not be the very bytes that the store has. */
async function keep(file: string, manifest: Manifest): Promise<void> {
  const body = JSON.stringify(manifest);
  await makeDirectory(path.dirname(file), 0o700);
  await writeDurably(file, `${hash('sha256', body)}\n${body}`);
}

/** Undefined where there is none that is whole, and that this version understands: then the store is asked. */
async function readKept(file: string, backupId: string): Promise<Manifest | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const end = text.indexOf('\n');
  const body = text.slice(end + 1);
  if (hash('sha256', body) !== text.slice(0, end)) return undefined;
  const { success, data } = manifestSchema.safeParse(JSON.parse(body));
  return success && data.backupId === backupId ? data : undefined;
}
