/** DELETE /backups/{id}: removes one backup, unless another one depends on it. */
import { z } from '@hono/zod-openapi';
import { TidemarkError } from '../../domain/errors.ts';
import { judgeDeletion } from '../../domain/retention/deletion.ts';
import type { RetentionFacts, Verdict } from '../../domain/retention/facts.ts';
import type { Catalog } from '../../catalog/types.ts';
import type { Parts } from '../context.ts';
import { findBackup } from '../find.ts';
import { operation } from '../operation.ts';
import { backupId, removedBackups } from '../schemas/backup.ts';
import { flag } from '../schemas/common.ts';

export const deleteBackup = operation({
  name: 'deleteBackup',
  method: 'delete',
  path: '/backups/{id}',
  summary: 'Delete a backup',
  description:
    'Removes a backup, its copies, and what is stored of it, also from a bucket of your own. No list shows it any more as soon as this is answered; its objects are removed right after. Refused while another backup depends on it, while it is under way, and while a restore or a copy uses it.',
  role: 'administrator',
  params: backupId,
  query: z.strictObject({
    cascade: flag.openapi({ description: 'Also removes the backups that depend on it' }),
    dry_run: flag.openapi({ description: 'Only tells what would be removed, or what is in the way' }),
  }),
  answer: removedBackups,
  errors: ['backup_not_found', 'backup_needed', 'backup_in_use', 'catalog_unconfirmed'],
  async handle({ params: { id }, query, caller: { organization, subject } }, parts) {
    const { catalog, orders } = parts;
    const { serviceId } = await findBackup(catalog, id, organization);
    const judge = (facts: RetentionFacts): Verdict[] =>
      judgeDeletion(facts, id, { cascade: query.cascade, by: subject });
    const facts = await catalog.retentionFacts(serviceId, 'all');
    const planned = judge(facts).map((verdict) => verdict.id);
    await refuseCopying(planned, parts);
    const bytesOf = new Map(facts.candidates.map((backup) => [backup.id, backup.storedBytes]));
    if (query.dry_run) {
      return {
        removed: planned,
        storage_bytes: planned.reduce((sum, one) => sum + (bytesOf.get(one) ?? 0), 0),
      };
    }
    await refuseUnconfirmed(catalog);
    const removals = await catalog.beginRemovals(serviceId, judge, 'all');
    await orders.removals();
    return {
      removed: removals.map((removal) => removal.backupId),
      storage_bytes: removals.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
    };
  },
});

/** @throws catalog_unconfirmed */
async function refuseUnconfirmed(catalog: Catalog): Promise<void> {
  const since = await catalog.unconfirmedSince();
  if (since === undefined) return;
  throw new TidemarkError(
    'catalog_unconfirmed',
    `The catalog was filled from a store at ${since}, and nobody has said yet that it is right: nothing is deleted ` +
      'until "tidemark catalog confirm" was run on the host of the deployment.',
  );
}

/** @throws backup_in_use while one of these is being copied */
async function refuseCopying(ids: readonly string[], { catalog, defaults }: Parts): Promise<void> {
  for (const copies of (await catalog.findCopies(ids)).values()) {
    // Nobody copies to a location that the settings do not name any more.
    const copying = copies.find(
      ({ status, location }) => status === 'Running' && defaults.copyLocations.includes(location),
    );
    if (!copying) continue;
    throw new TidemarkError(
      'backup_in_use',
      `The backup ${copying.backupId} is being copied to ${copying.location}: wait until that has ended, and delete it ` +
        'then. Nothing was removed.',
    );
  }
}
