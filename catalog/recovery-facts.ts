/** All that the recovery window of a service is computed of, in one look. Few rows of its millions of segments are. */
import type { Kysely } from 'kysely';
import type { ArchivedBackup } from '../domain/archive/backups.ts';
import type { FollowState } from '../domain/archive/facts.ts';
import type { RecoveryFacts } from '../domain/archive/reach.ts';
import { archiveFactsOf } from './archive.ts';
import type { Database } from './database.ts';
import type { Tables } from './schema.ts';

export interface RecoveryCatalog {
  /** What is known of whatever a service can be brought back to; nothing of one that there is not. */
  recoveryFacts(serviceId: string): Promise<RecoveryFacts>;
}

export function recoveryIn(database: Database): RecoveryCatalog {
  return {
    async recoveryFacts(serviceId) {
      return await database.snapshot(async (db) => {
        const state = await db
          .selectFrom('follow_states')
          .select('state')
          .where('service_id', '=', serviceId)
          .executeTakeFirst();
        return {
          backups: await backupsOf(db, serviceId),
          ...(await archiveFactsOf(db, serviceId)),
          ...(state && { state: JSON.parse(state.state) as FollowState }),
        };
      });
    },
  };
}

async function backupsOf(db: Kysely<Tables>, serviceId: string): Promise<ArchivedBackup[]> {
  const rows = await db
    .selectFrom('services')
    // The index begins with the organization.
    .innerJoin('backups', (join) =>
      join
        .onRef('backups.organization', '=', 'services.organization')
        .onRef('backups.service_id', '=', 'services.service_id'),
    )
    .leftJoin('verifications', 'verifications.backup_id', 'backups.id')
    .select([
      'backups.id',
      'backups.type',
      'backups.parent_backup',
      'backups.point_in_time',
      'backups.binlog_file',
      'backups.binlog_position',
      'backups.binlog_gtid',
      'backups.timeline',
      'backups.uncompressed_bytes',
      'verifications.known_damaged',
    ])
    .where('services.service_id', '=', serviceId)
    .where('backups.status', '=', 'Succeeded')
    .execute();
  return rows.flatMap((row): ArchivedBackup[] => {
    if (row.type === 'binarylog' || row.point_in_time === null) return [];
    const { binlog_file: file, binlog_position: position } = row;
    return [
      {
        id: row.id,
        type: row.type,
        parent: row.parent_backup,
        pointInTime: row.point_in_time,
        ...(file !== null &&
          position !== null && { binlog: { file, position, gtid: row.binlog_gtid ?? '' } }),
        ...(row.timeline !== null && { timeline: row.timeline }),
        uncompressedBytes: row.uncompressed_bytes,
        damaged: row.known_damaged === 1,
      },
    ];
  });
}
