/** Verifications: one a backup, the latest. */
import type { Kysely } from 'kysely';
import { instant, now, present, prose } from './columns.ts';
import type { Database } from './database.ts';
import { keepReceipt } from './idempotency.ts';
import { refuseRemovedBackup } from './restores.ts';
import type { Tables, VerificationRow } from './schema.ts';
import { unfinished } from './statuses.ts';
import type { VerificationCatalog, VerificationPatch, VerificationRecord } from './verification-types.ts';
import { isFinal } from '../domain/operations.ts';

type Row = VerificationRow & { service_id: string };

export function verificationsIn(database: Database): VerificationCatalog & {
  /** Oldest first. */ unfinishedVerifications: () => Promise<VerificationRecord[]>;
} {
  return {
    async beginVerification({ backup, workflowId, message, receipt }) {
      return await database.writeAlone(backup.serviceId, async (db) => {
        await refuseRemovedBackup(db, backup.id);
        const before = await find(db, backup.id);
        const running = before !== undefined && !isFinal(before.status);
        if (!running) {
          const createdAt = now();
          const fresh = {
            workflow_id: workflowId,
            status: 'Scheduled' as const,
            message: prose(message),
            created_at: createdAt,
            updated_at: createdAt,
            finished_at: null,
            objects_count: 0,
            bytes_read: 0,
            damaged: '[]',
            damaged_count: 0,
            progress: null,
          };
          await db
            .insertInto('verifications')
            .values({ backup_id: backup.id, known_damaged: 0, ...fresh })
            .onConflict((conflict) => conflict.column('backup_id').doUpdateSet(fresh))
            .execute();
        }
        const row = running ? before : await find(db, backup.id);
        if (!row) throw new RangeError(`the verification of ${backup.id} was not written`);
        const made = recordOf(row);
        await keepReceipt(db, receipt, made);
        return made;
      });
    },

    async findVerification(backupId) {
      const row = await database.read(async (db) => await find(db, backupId));
      return row && recordOf(row);
    },

    async updateVerification(workflowId, patch) {
      const changes = changesOf(patch);
      const updated = await database.write(
        async (db) =>
          await db
            .updateTable('verifications')
            .set(changes)
            .set('updated_at', now())
            .where('workflow_id', '=', workflowId)
            // Part of the statement, so that of two ends only the first is written.
            .where(unfinished)
            .returning('backup_id')
            .executeTakeFirst(),
      );
      return updated !== undefined;
    },

    async unfinishedVerifications() {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('verifications')
            .innerJoin('backups', 'backups.id', 'verifications.backup_id')
            .selectAll('verifications')
            .select('backups.service_id')
            .where('verifications.status', 'in', ['Scheduled', 'Running'])
            .orderBy('verifications.created_at')
            .execute(),
      );
      return rows.map(recordOf);
    },
  };
}

async function find(db: Kysely<Tables>, backupId: string): Promise<Row | undefined> {
  return await db
    .selectFrom('verifications')
    .innerJoin('backups', 'backups.id', 'verifications.backup_id')
    .selectAll('verifications')
    .select('backups.service_id')
    .where('verifications.backup_id', '=', backupId)
    .executeTakeFirst();
}

function changesOf({
  status,
  message,
  finishedAt,
  progress,
  examination,
}: VerificationPatch): Partial<VerificationRow> {
  return present({
    status,
    message: message === undefined ? undefined : prose(message),
    finished_at: finishedAt === undefined ? undefined : instant(finishedAt),
    progress: progress === undefined ? undefined : JSON.stringify(progress),
    objects_count: examination?.objectsCount,
    bytes_read: examination?.bytesRead,
    damaged: examination && JSON.stringify(examination.damaged),
    damaged_count: examination?.damagedCount,
    // A damaged copy is no damage of the backup.
    known_damaged: examination && Number((examination.places?.[0] ?? examination).damagedCount > 0),
  });
}

function recordOf(row: Row): VerificationRecord {
  return {
    backupId: row.backup_id,
    serviceId: row.service_id,
    workflowId: row.workflow_id,
    status: row.status,
    message: row.message,
    createdAt: row.created_at,
    objectsCount: row.objects_count,
    bytesRead: row.bytes_read,
    damaged: JSON.parse(row.damaged) as VerificationRecord['damaged'],
    damagedCount: row.damaged_count,
    ...present({
      finishedAt: row.finished_at,
      progress:
        row.progress === null ? undefined : (JSON.parse(row.progress) as VerificationRecord['progress']),
    }),
  };
}
