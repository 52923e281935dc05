/**
 * Parts without a manifest: what a backup left that died. They are no backup, nobody sees them, and they take room.
 * They are removed once it is known that they are this deployment's, and that the workflow which had them written has
 * ended; whatever is in doubt stays where it is.
 */
import type { RetentionCandidate } from '../../domain/retention/facts.ts';
import { objectKeys, workflowIds } from '../../domain/ids.ts';
import { isFinal } from '../../domain/operations.ts';
import { removeParts } from '../../storage/sweep.ts';
import type { ObjectStore } from '../../storage/store.ts';
import { readWriterMark, type WriterMark } from '../../storage/writer-mark.ts';
import { lookAtWorkflow } from './places.ts';
import type { Plane } from './plane.ts';

/**
 * @param now Unix milliseconds
 * @throws storage_unavailable, catalog_unavailable
 */
export async function sweepLeftParts(
  plane: Plane,
  serviceId: string,
  now: number,
  signal: AbortSignal,
): Promise<void> {
  await sweepPlace(plane, plane.store, serviceId, signal, (mark) => obstacleTo(plane, mark, now));
}

/**
 * The same in a further location, where parts without a manifest are a copy that is being made, or that broke off: they
 * stay as long as there is a backup to copy, or a copy's workflow.
 *
 * @throws storage_unavailable, catalog_unavailable
 */
export async function sweepLeftCopies(
  plane: Plane,
  store: ObjectStore,
  serviceId: string,
  now: number,
  signal: AbortSignal,
): Promise<void> {
  await sweepPlace(plane, store, serviceId, signal, (mark) => obstacleToCopy(plane, mark, now));
}

async function sweepPlace(
  plane: Plane,
  store: ObjectStore,
  serviceId: string,
  signal: AbortSignal,
  obstacleOf: (mark: WriterMark) => Promise<string | undefined>,
): Promise<void> {
  for (const folder of await foldersWithoutManifest(store, serviceId, signal)) {
    signal.throwIfAborted();
    const mark = await ownMark(plane, store, serviceId, folder);
    if (!mark) continue;
    const { backupId } = mark;
    const obstacle = await obstacleOf(mark);
    if (obstacle !== undefined) {
      plane.log.info(
        { backup: backupId, reason: obstacle },
        'Parts without a manifest are left where they are.',
      );
      continue;
    }
    const { removed } = await removeParts(store, backupId);
    plane.log.info({ backup: backupId, parts: removed }, 'Parts that a backup had left were removed.');
  }
}

async function foldersWithoutManifest(
  store: ObjectStore,
  serviceId: string,
  signal: AbortSignal,
): Promise<string[]> {
  const prefix = `${objectKeys.backupsFolder(serviceId)}/`;
  const found = new Set<string>();
  let whole = '';
  for await (const { key } of store.list(prefix, { signal })) {
    const folder = key.slice(0, key.lastIndexOf('/'));
    // In the order of the names a manifest comes before every part.
    if (key === `${folder}/manifest.json`) whole = folder;
    else if (folder !== whole && /^[0-9a-f]{32}$/.test(folder.slice(prefix.length))) found.add(folder);
  }
  return [...found];
}

/** Who wrote it, when it was this deployment. */
async function ownMark(
  plane: Plane,
  store: ObjectStore,
  serviceId: string,
  folder: string,
): Promise<WriterMark | undefined> {
  const mark = await readWriterMark(store, folder);
  if (mark) return (await plane.catalog.ownDeployments()).has(mark.deploymentId) ? mark : undefined;
  // Written by an earlier version, which left no mark: the catalog knows those that it ordered itself.
  const { candidates } = await plane.catalog.retentionFacts(serviceId);
  const row = candidates.find(({ id }) => objectKeys.backupFolder(id) === folder);
  return row && (await markOf(plane, row));
}

async function markOf({ catalog }: Plane, { id }: RetentionCandidate): Promise<WriterMark | undefined> {
  const backup = await catalog.findBackup(id);
  if (!backup) return undefined;
  const workflowId = workflowIds.backup(id, backup.scheduleId);
  return { backupId: id, deploymentId: await catalog.deploymentId(), workflowId };
}

async function obstacleToCopy(
  plane: Plane,
  { backupId }: WriterMark,
  now: number,
): Promise<string | undefined> {
  if (await plane.catalog.findBackup(backupId))
    return 'The backup is there, and its copy is made or removed with it.';
  const workflowId = workflowIds.copy(backupId);
  const copying = await lookAtWorkflow(plane, workflowId);
  if (copying.state === 'open') return `The workflow ${workflowId} has not ended.`;
  const ripe = (copying.closedAt?.getTime() ?? 0) + plane.retention.graceMs;
  return ripe > now ? `They are removed after ${new Date(ripe).toISOString()}.` : undefined;
}

/** Why parts have to stay, a sentence. */
async function obstacleTo(
  plane: Plane,
  { backupId, workflowId }: WriterMark,
  now: number,
): Promise<string | undefined> {
  const { catalog, retention } = plane;
  const backup = await catalog.findBackup(backupId);
  if (backup && !isFinal(backup.status)) return `The backup is ${backup.status}.`;
  if (backup?.status === 'Succeeded') return 'The backup succeeded: what is gone is its manifest.';
  const writer = await lookAtWorkflow(plane, workflowId);
  const cleanUp = workflowIds.cleanUp(workflowId);
  const tidying = await lookAtWorkflow(plane, cleanUp);
  if (writer.state === 'open') return `The workflow ${workflowId} has not ended.`;
  if (tidying.state === 'open') {
    return (
      `The workflow ${cleanUp} waits for the agent, which may still be writing. ` +
      "When its host is gone for good, terminate that workflow in Temporal's web UI."
    );
  }
  // Temporal forgets what is long over. The catalog then has to know that it has ended.
  const ended = writer.closedAt ?? (backup?.endedAt === undefined ? undefined : new Date(backup.endedAt));
  if (ended === undefined) return `Whether the workflow ${workflowId} has ended is not known.`;
  // An agent that was cut off needs some time to learn that nobody waits for it any more.
  const ripe = Math.max(ended.getTime(), tidying.closedAt?.getTime() ?? 0) + retention.graceMs;
  return ripe > now ? `They are removed after ${new Date(ripe).toISOString()}.` : undefined;
}
