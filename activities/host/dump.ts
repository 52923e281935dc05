/** Bringing a dump back into the data of a fresh server, which is checked and served like any other copy. */
import { TidemarkError } from '../../domain/errors.ts';
import { dataDirectory, type Layout } from '../../domain/layout.ts';
import { bytesWrittenBy } from '../../mariadb/backup/estimate.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { loadFresh } from '../../mariadb/dump/fresh.ts';
import { requireForReplacing } from '../../mariadb/dump/replace.ts';
import { syncFileSystem } from '../../mariadb/restore/commands.ts';
import { isMissing } from '../../mariadb/restore/files.ts';
import { workingMemory } from '../../mariadb/restore/memory.ts';
import type { Owner } from '../../mariadb/restore/staging.ts';
import { loadedMark } from '../../mariadb/restore/tool-files.ts';
import { markSynced } from '../../mariadb/restore/unpacked.ts';
import { serverOwner } from '../../mariadb/server/owner.ts';
import { feed, type FetchOptions, identityOf } from './fetch.ts';
import type { Host } from './host.ts';

/** What a private server that loads has even for a small dump. */
const leastMemoryBytes = 128 * 1024 ** 2;

/**
 * Loads a dump into the data of a fresh server in `directory`. What is to be loaded into the running server later is
 * tried that way: a statement that fails then costs nothing.
 *
 * @returns what a person should know of what was loaded, each a sentence
 * @throws privilege_missing when the databases could not be replaced afterwards
 */
export async function loadInto(
  host: Host,
  { directory, layout, ...options }: FetchOptions & { directory: string; layout: Layout },
): Promise<string[]> {
  const { server } = host.settings;
  if (options.manifest.dump?.whole === false) await requireForReplacing(server);
  const owner = await serverOwner(server, dataDirectory(layout));
  return await loadFrom(host, { ...options, directory, layout, owner });
}

/** The same, whatever becomes of the copy. */
export async function loadFrom(
  host: Host,
  {
    directory,
    layout,
    owner,
    ...options
  }: FetchOptions & { directory: string; layout: Layout; owner: Owner },
): Promise<string[]> {
  const { server, restore } = host.settings;
  const { manifest, attempt: trial } = options;
  const content = manifest.dump;
  if (!content) throw new Error('a dump that does not say what it holds');
  const useful = leastMemoryBytes + manifest.dataBytes;
  return await loadFresh(
    {
      server,
      layout,
      directory,
      owner,
      content,
      identity: await identityOf(host, manifest, trial),
      memoryBytes: await workingMemory(restore.memory_share, useful),
      attempt: trial,
    },
    (load, pid) => feed(host, options, load, () => bytesWrittenBy(pid) ?? 0),
  );
}

/** The private server has written all of it when it stopped; now it survives a power cut. */
export async function syncLoaded(directory: string, trial: Attempt): Promise<void> {
  if (await isMissing(`${directory}/${loadedMark}`)) {
    throw new TidemarkError('load_failed', `There is no loaded dump in ${directory}: restore it again.`);
  }
  await syncFileSystem(directory, trial);
  await markSynced(trial.folder);
}
