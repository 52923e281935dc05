/** Manifests without a row are taken up as backups; rows without a manifest are looked into, so that nobody counts on them. */
import { randomBytes } from 'node:crypto';
import type { RetentionCandidate } from '../../domain/retention/facts.ts';
import { objectKeys, workflowIds } from '../../domain/ids.ts';
import { adoptBackups } from '../../rebuild/backups.ts';
import { noFindings } from '../../rebuild/findings.ts';
import { manifestExists } from '../../storage/sweep.ts';
import { startVerification } from '../../temporal/start.ts';
import { type Look, settled } from './object-looks.ts';
import type { Plane } from './plane.ts';

/** So many verifications are begun for a service in one look: where more is gone, somebody has to look anyway. */
const verifiedAtOnce = 10;

export async function compareBackups(look: Look): Promise<void> {
  const { plane, service, signal } = look;
  // The rows afterwards: a manifest that was listed has had its row before.
  const there = await foldersWithManifest(look);
  const { candidates } = await plane.catalog.retentionFacts(service.serviceId);
  const rows = new Map(candidates.map((row) => [objectKeys.backupFolder(row.id), row]));
  await adopt(
    look,
    [...there].filter((folder) => !rows.has(folder)),
  );
  let begun = 0;
  for (const [folder, row] of rows) {
    signal.throwIfAborted();
    if (there.has(folder) || row.status !== 'Succeeded' || row.damaged) continue;
    if (begun >= verifiedAtOnce) break;
    await settled(look, row.id, async () => {
      if (await lookInto(plane, row)) begun += 1;
    });
  }
}

async function foldersWithManifest({ plane, service, signal }: Look): Promise<Set<string>> {
  const prefix = `${objectKeys.backupsFolder(service.serviceId)}/`;
  const found = new Set<string>();
  for await (const { key } of plane.store.list(prefix, { signal }))
    if (key.endsWith('/manifest.json')) found.add(key.slice(0, key.lastIndexOf('/')));
  return found;
}

/** Those of this deployment. Where several use one place, each has its own. */
async function adopt({ plane, service, signal }: Look, folders: readonly string[]): Promise<void> {
  if (folders.length === 0) return;
  const { catalog, store, log } = plane;
  const own = await catalog.ownDeployments();
  const findings = noFindings();
  await adoptBackups({ catalog, store, service }, findings, {
    signal,
    folders: folders.map((folder) => folder.slice(folder.lastIndexOf('/') + 1)),
    wanted: ({ deploymentId }) => own.has(deploymentId),
  });
  const { serviceId } = service;
  if (findings.backups > 0) {
    log.warn(
      { service: serviceId, backups: findings.backups },
      'Backups without a row were found in the store, and are listed again.',
    );
  }
  for (const { key, reason } of findings.left)
    log.warn({ service: serviceId, key, reason }, 'A backup without a row cannot be taken up.');
}

/** A verification finds all that is missing, and from then on the backup counts as damaged. @returns whether one was begun */
async function lookInto(plane: Plane, { id }: RetentionCandidate): Promise<boolean> {
  const { catalog, store, client, log, timings } = plane;
  // Read again: it may be of a moment ago, or be removed now.
  const backup = await catalog.findBackup(id);
  if (backup?.status !== 'Succeeded' || (await manifestExists(store, id))) return false;
  log.error({ backup: id, service: backup.serviceId }, 'The manifest of a backup is gone from the store.');
  const { workflowId, serviceId } = await catalog.beginVerification({
    backup,
    workflowId: workflowIds.verification(id, randomBytes(4).toString('hex')),
    message: 'Its manifest was not found in the store: what else is missing is looked for.',
  });
  await startVerification(client, { workflowId, backupId: id, serviceId, timings });
  return true;
}
