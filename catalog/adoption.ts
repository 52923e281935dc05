/** Taking up what lies in a store: backups without a row, and the deployments that wrote them. */
import type { AdoptionCatalog } from './adoption-types.ts';
import { instant, now, prose } from './columns.ts';
import type { Database } from './database.ts';

export function adoptionIn(database: Database): AdoptionCatalog {
  return {
    async adoptBackup(backup) {
      return await database.writeAlone([backup.serviceId], async (db) => {
        const removal = await db
          .selectFrom('removals')
          .select('backup_id')
          .where('backup_id', '=', backup.id)
          .executeTakeFirst();
        if (removal) return false;
        const inserted = await db
          .insertInto('backups')
          .values({
            id: backup.id,
            organization: backup.organization,
            service_id: backup.serviceId,
            service_name: backup.serviceName,
            server_name: backup.serverName,
            schedule_id: backup.scheduleId,
            type: backup.type,
            method: backup.method,
            cloud_provider: backup.cloudProvider,
            status: backup.status,
            message: prose(backup.message),
            created_at: instant(backup.createdAt),
            updated_at: now(),
            started_at: timeOf(backup.startedAt),
            ended_at: timeOf(backup.endedAt),
            point_in_time: timeOf(backup.pointInTime),
            reference_full_backup: backup.referenceFullBackup,
            parent_backup: backup.parentBackup,
            binlog_file: backup.binlog?.file ?? null,
            binlog_position: backup.binlog?.position ?? null,
            binlog_gtid: backup.binlog?.gtid ?? null,
            timeline: backup.timeline ?? null,
            dump_whole: backup.dumpWhole === undefined ? null : Number(backup.dumpWhole),
            dump_loose: backup.dumpLoose ? 1 : null,
            stored_bytes: backup.storedBytes,
            uncompressed_bytes: backup.uncompressedBytes,
            manifest_sha256: backup.manifestSha256,
            progress: null,
            due_since: null,
            external_bucket_id: null,
          })
          .onConflict((conflict) => conflict.column('id').doNothing())
          .returning('id')
          .executeTakeFirst();
        return inserted !== undefined;
      });
    },

    async beginConfirmation() {
      await database.write(async (db) => {
        await db
          .updateTable('deployment')
          .set({ unconfirmed_since: now() })
          .where('unconfirmed_since', 'is', null)
          .execute();
      });
    },

    async unconfirmedSince() {
      const row = await database.read(
        async (db) => await db.selectFrom('deployment').select('unconfirmed_since').executeTakeFirst(),
      );
      return row?.unconfirmed_since ?? undefined;
    },

    async confirm(takeOver) {
      return await database.write(async (db) => {
        for (const id of takeOver) {
          await db
            .insertInto('taken_over')
            .values({ deployment_id: id, taken_over_at: now() })
            .onConflict((conflict) => conflict.column('deployment_id').doNothing())
            .execute();
        }
        const confirmed = await db
          .updateTable('deployment')
          .set({ unconfirmed_since: null })
          .where('unconfirmed_since', 'is not', null)
          .returning('id')
          .executeTakeFirst();
        return confirmed !== undefined;
      });
    },

    async ownDeployments() {
      return await database.read(async (db) => {
        const own = await db.selectFrom('deployment').select('id').executeTakeFirstOrThrow();
        const others = await db.selectFrom('taken_over').select('deployment_id').execute();
        return new Set([own.id, ...others.map(({ deployment_id: id }) => id)]);
      });
    },
  };
}

function timeOf(time: string | undefined): string | null {
  return time === undefined ? null : instant(time);
}
