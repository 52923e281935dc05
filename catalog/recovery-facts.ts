/** All that the recovery window of a service is computed of, in one look. Few rows of its millions of segments are. */
import type { Kysely } from 'kysely';
import type { ArchivedBackup } from '../domain/archive/backups.ts';
import type { FollowState } from '../domain/archive/facts.ts';
import type { RecoveryFacts } from '../domain/archive/reach.ts';
import { archiveFactsOf } from './archive.ts';
import type { Database } from './database.ts';
import type { Tables } from './schema.ts';

export interface RecoveryCatalog {
  /** What is known of whatever a service can be brought back to; nothing of one that there is not. Not to be changed. */
  recoveryFacts(serviceId: string): Promise<RecoveryFacts>;
}

/** How many backups a process keeps, of all services together: some 50 MB. */
const keptAtMost = 50_000;

export function recoveryIn(database: Database): RecoveryCatalog {
  const kept = new KeptBackups();
  return {
    async recoveryFacts(serviceId) {
      return await database.snapshot(async (db) => {
        const state = await db
          .selectFrom('follow_states')
          .select('state')
          .where('service_id', '=', serviceId)
          .executeTakeFirst();
        const marked = await db
          .selectFrom('recovery_marks')
          .select('mark')
          .where('service_id', '=', serviceId)
          .executeTakeFirst();
        let backups = kept.find(serviceId, marked?.mark);
        if (!backups) {
          backups = await backupsOf(db, serviceId);
          kept.keep(serviceId, marked?.mark, backups);
        }
        return {
          backups,
          ...(await archiveFactsOf(db, serviceId)),
          ...(state && { state: JSON.parse(state.state) as FollowState }),
        };
      });
    },
  };
}

/** The backups of services that were asked for last, each with the mark that the catalog had for them. */
class KeptBackups {
  /** Those that were not asked for the longest come first. */
  readonly #services = new Map<string, { mark: string; backups: readonly ArchivedBackup[] }>();
  #count = 0;

  find(serviceId: string, mark: string | undefined): readonly ArchivedBackup[] | undefined {
    const known = this.#services.get(serviceId);
    if (!known || known.mark !== mark) return undefined;
    this.#services.delete(serviceId);
    this.#services.set(serviceId, known);
    return known.backups;
  }

  /** @param mark left out for a service that never had any */
  keep(serviceId: string, mark: string | undefined, backups: readonly ArchivedBackup[]): void {
    this.#forget(serviceId);
    if (mark === undefined) return;
    this.#services.set(serviceId, { mark, backups });
    // A service without any takes room, too.
    this.#count += backups.length + 1;
    for (const oldest of this.#services.keys()) {
      if (this.#count <= keptAtMost) break;
      this.#forget(oldest);
    }
  }

  #forget(serviceId: string): void {
    const known = this.#services.get(serviceId);
    if (!known) return;
    this.#services.delete(serviceId);
    this.#count -= known.backups.length + 1;
  }
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
      'backups.dump_loose',
      'backups.timeline',
      'backups.uncompressed_bytes',
      'backups.stored_bytes',
      'verifications.known_damaged',
    ])
    .where('services.service_id', '=', serviceId)
    .where('backups.status', '=', 'Succeeded')
    // A dump of some databases brings back no server.
    .where((eb) => eb.or([eb('backups.type', '<>', 'dump'), eb('backups.dump_whole', '=', 1)]))
    .execute();
  const backups: ArchivedBackup[] = [];
  for (const row of rows) {
    if (row.type === 'binarylog' || row.point_in_time === null) continue;
    const { binlog_file: file, binlog_position: position } = row;
    const backup: ArchivedBackup = {
      id: row.id,
      type: row.type,
      parent: row.parent_backup,
      pointInTime: row.point_in_time,
      uncompressedBytes: row.uncompressed_bytes,
      storedBytes: row.stored_bytes,
      damaged: row.known_damaged === 1,
    };
    // A dump whose tables are not of one instant restores to its own alone.
    const goesOn = row.dump_loose !== 1;
    if (goesOn && file !== null && position !== null)
      backup.binlog = { file, position, gtid: row.binlog_gtid ?? '' };
    if (row.timeline !== null) backup.timeline = row.timeline;
    backups.push(backup);
  }
  return backups;
}
