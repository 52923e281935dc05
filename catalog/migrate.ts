/** Brings the schema up to date. The migrations are listed here in the order in which they are applied. */
import type { Kysely } from 'kysely';
import { Migrator, type Migration } from 'kysely/migration';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import { up as first } from './migrations/0001-first.ts';
import { up as apiKeys } from './migrations/0002-api-keys.ts';
import { up as guard } from './migrations/0003-guard.ts';
import { up as schedules } from './migrations/0004-schedules.ts';
import { up as agents } from './migrations/0005-agents.ts';
import { up as retention } from './migrations/0006-retention.ts';
import { up as backupCounts } from './migrations/0007-backup-counts.ts';
import { up as auditAge } from './migrations/0008-audit-age.ts';
import { up as serviceEncryption } from './migrations/0009-service-encryption.ts';
import { up as verifications } from './migrations/0011-verifications.ts';
import { up as externalBuckets } from './migrations/0012-external-buckets.ts';
import { up as copies } from './migrations/0013-copies.ts';
import { up as chains } from './migrations/0015-chains.ts';
import { up as archive } from './migrations/0016-archive.ts';
import { up as followings } from './migrations/0017-followings.ts';
import { up as keeping } from './migrations/0019-keeping.ts';
import { up as deploymentStorage } from './migrations/0020-deployment-storage.ts';
import { up as archiveBreaks } from './migrations/0022-archive-breaks.ts';
import { up as recovery } from './migrations/0023-recovery.ts';
import { up as restoreRecovery } from './migrations/0024-restore-recovery.ts';
import { up as undo } from './migrations/0026-undo.ts';
import { up as restoreSources } from './migrations/0027-restore-sources.ts';
import { up as proofs } from './migrations/0029-proofs.ts';
import { up as restorePart } from './migrations/0030-restore-part.ts';
import { up as looseDumps } from './migrations/0032-loose-dumps.ts';
import { up as stretchEnds } from './migrations/0033-stretch-ends.ts';
import { up as measurements } from './migrations/0034-measurements.ts';
import { up as objectLooks } from './migrations/0035-object-looks.ts';
import type { Tables } from './schema.ts';

/** A name, once released, never changes, and neither does what is behind it: databases remember it. */
const migrations: Record<string, Migration> = {
  '0001-first': { up: first },
  '0002-api-keys': { up: apiKeys },
  '0003-guard': { up: guard },
  '0004-schedules': { up: schedules },
  '0005-agents': { up: agents },
  '0006-retention': { up: retention },
  '0007-backup-counts': { up: backupCounts },
  '0008-audit-age': { up: auditAge },
  '0009-service-encryption': { up: serviceEncryption },
  '0011-verifications': { up: verifications },
  '0012-external-buckets': { up: externalBuckets },
  '0013-copies': { up: copies },
  '0015-chains': { up: chains },
  '0016-archive': { up: archive },
  '0017-followings': { up: followings },
  '0019-keeping': { up: keeping },
  '0020-deployment-storage': { up: deploymentStorage },
  '0022-archive-breaks': { up: archiveBreaks },
  '0023-recovery': { up: recovery },
  '0024-restore-recovery': { up: restoreRecovery },
  '0026-undo': { up: undo },
  '0027-restore-sources': { up: restoreSources },
  '0029-proofs': { up: proofs },
  '0030-restore-part': { up: restorePart },
  '0032-loose-dumps': { up: looseDumps },
  '0033-stretch-ends': { up: stretchEnds },
  '0034-measurements': { up: measurements },
  '0035-object-looks': { up: objectLooks },
};

/**
 * Applies what is missing, in one transaction. Several processes may do so at once: PostgreSQL takes an advisory
 * lock, and on SQLite the transaction takes the file's only write lock before it looks what is missing.
 *
 * @throws catalog_incompatible when the schema is newer than this program
 */
export async function migrateToLatest(kysely: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({ db: kysely, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  if (/^corrupted migrations/.test(messageOf(error))) {
    throw new TidemarkError(
      'catalog_incompatible',
      'The schema of the catalog is not one that this version of Tidemark knows: ' +
        `${messageOf(error).replace(/^corrupted migrations: /, '')}. Run the version that made it, or a newer one.`,
      { cause: error },
    );
  }
  throw error as Error;
}
