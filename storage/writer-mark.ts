/**
 * The mark beside the parts that says who writes them. Parts alone tell of no deployment; where a manifest never came
 * to be, the mark is what tells ours from another's in the same place.
 */
import { hash } from 'node:crypto';
import { z } from 'zod';
import { TidemarkError } from '../domain/errors.ts';
import { objectKeys, parseBackupId, workflowIds } from '../domain/ids.ts';
import { putOnce } from './put-once.ts';
import { readBounded } from './read-bounded.ts';
import type { ObjectStore } from './store.ts';

export interface WriterMark {
  backupId: string;
  deploymentId: string;
  workflowId: string;
}

/** Longer than any mark; what else may lie there is not read into memory. */
const mostBytes = 4096;

const schema = z.object({
  format: z.literal(1),
  backupId: z.string(),
  deploymentId: z.string(),
  workflowId: z.string(),
});

/**
 * Before the first part. A later attempt of the same workflow writes the same.
 *
 * @throws object_exists when another workflow writes this backup
 */
export async function markWriter(
  store: ObjectStore,
  { backupId, deploymentId, workflowId }: WriterMark,
  signal?: AbortSignal,
): Promise<void> {
  const mark = { format: 1, backupId, deploymentId, workflowId };
  const body = Buffer.from(`${JSON.stringify(mark)}\n`);
  await putOnce(store, objectKeys.writer(backupId), body, hash('sha256', body), signal);
}

/**
 * @param folder of the backup, as listed: `<service_id>/backups/<hex>`
 * @returns undefined where there is none, or one that cannot be of this folder: then nobody knows who wrote it
 * @throws storage_unavailable
 */
export async function readWriterMark(store: ObjectStore, folder: string): Promise<WriterMark | undefined> {
  let body: Buffer | undefined;
  try {
    body = await readBounded(store, `${folder}/writer.json`, mostBytes);
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'object_missing') return undefined;
    throw error;
  }
  const { success, data: mark } = schema.safeParse(body && parse(body));
  if (!success || !parseBackupId(mark.backupId)) return undefined;
  const { backupId, deploymentId, workflowId } = mark;
  if (objectKeys.backupFolder(backupId) !== folder || !workflowIds.isBackup(workflowId, backupId))
    return undefined;
  return { backupId, deploymentId, workflowId };
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
