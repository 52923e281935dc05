/**
 * Retention in the catalog. A backup that is to be removed leaves `backups` for `removals` in one transaction, alone
 * among those that work on its service: from then on no list shows it and no restore can be ordered of it. A restore
 * is ordered alone on that service, too, so that whoever comes first is seen by the other.
 */
import type { Kysely, Transaction } from 'kysely';
import type { RetentionCandidate, RetentionFacts, Verdict } from '../domain/retention/facts.ts';
import { insertAuditEntry } from './audit.ts';
import { instant, now, present, prose } from './columns.ts';
import type { Database } from './database.ts';
import { pinsOfProofs } from './proofs.ts';
import type { RetentionCatalog, RetentionScope, RemovalRecord } from './retention-types.ts';
import type { BackupRow, RemovalRow, Tables } from './schema.ts';
import { unfinished } from './statuses.ts';

type RetentionQueries = Pick<
  RetentionCatalog,
  | 'mayHaveExpired'
  | 'retentionFacts'
  | 'markDue'
  | 'beginRemovals'
  | 'listRemovals'
  | 'updateRemoval'
  | 'finishRemoval'
>;

export function retentionIn(database: Database): RetentionQueries {
  return {
    async mayHaveExpired({ organization, serviceId }, time) {
      const { found } = await database.read(
        async (db) =>
          await db
            .selectNoFrom((eb) =>
              eb
                .or([
                  eb.exists(
                    eb
                      .selectFrom('backups')
                      .select('id')
                      .where('organization', '=', organization)
                      .where('service_id', '=', serviceId)
                      .where('created_at', '<', instant(time)),
                  ),
                  eb.exists(
                    eb
                      .selectFrom('backups')
                      .select('id')
                      .where('service_id', '=', serviceId)
                      .where('due_since', 'is not', null),
                  ),
                ])
                .as('found'),
            )
            .executeTakeFirstOrThrow(),
      );
      // SQLite has no truth values.
      return Number(found) === 1;
    },

    async retentionFacts(serviceId, scope = 'managed') {
      return await database.read(async (db) =>
        factsOf(await backupsOf(db, serviceId, scope), await pinsOf(db)),
      );
    },

    async markDue(serviceId, backupIds, time) {
      const due = new Set(backupIds);
      const since = instant(time);
      await database.write(async (db) => {
        for (const { id, due_since: known } of await backupsOf(db, serviceId, 'managed')) {
          const right = due.has(id) ? (known !== null && known <= since ? known : since) : null;
          if (right === known) continue;
          await db.updateTable('backups').set({ due_since: right }).where('id', '=', id).execute();
        }
      });
    },

    async beginRemovals(serviceId, judge, scope = 'managed') {
      return await database.writeAlone([serviceId], async (db) => {
        const rows = await backupsOf(db, serviceId, scope);
        const verdicts = judge(factsOf(rows, await pinsOf(db)));
        return await moveToRemovals(db, rows, verdicts);
      });
    },

    async listRemovals() {
      const rows = await database.read(
        async (db) => await db.selectFrom('removals').selectAll().orderBy('sequence').execute(),
      );
      return rows.map(recordOf);
    },

    async updateRemoval(backupId, copies) {
      await database.write(async (db) => {
        await db
          .updateTable('removals')
          .set({ copies: JSON.stringify(copies) })
          .where('backup_id', '=', backupId)
          .execute();
      });
    },

    async finishRemoval(backupId, told) {
      return await database.write(async (db) => {
        const removal = await db
          .deleteFrom('removals')
          .where('backup_id', '=', backupId)
          .returning('schedule_id')
          .executeTakeFirst();
        if (!removal) return false;
        await db
          .deleteFrom('schedules')
          .where('id', '=', removal.schedule_id)
          .where('schedule', '=', 'once')
          .where('backup_id', '=', backupId)
          .execute();
        if (told) await insertAuditEntry(db, told.entry, told.end);
        return true;
      });
    },
  };
}

export type CandidateRow = Pick<
  BackupRow,
  | 'id'
  | 'organization'
  | 'service_id'
  | 'schedule_id'
  | 'type'
  | 'status'
  | 'created_at'
  | 'ended_at'
  | 'parent_backup'
  | 'dump_whole'
  | 'stored_bytes'
  | 'due_since'
  | 'external_bucket_id'
> & { known_damaged: number | null };

/** The backups of a service as they are judged. */
export async function backupsOf(
  db: Kysely<Tables>,
  serviceId: string,
  scope: RetentionScope,
): Promise<CandidateRow[]> {
  return await db
    .selectFrom('services')
    // The index begins with the organization.
    .innerJoin('backups', (join) =>
      join
        .onRef('backups.organization', '=', 'services.organization')
        .onRef('backups.service_id', '=', 'services.service_id'),
    )
    .leftJoin('verifications', 'verifications.backup_id', 'backups.id')
    .select([
      'verifications.known_damaged',
      'backups.id',
      'backups.organization',
      'backups.service_id',
      'backups.schedule_id',
      'backups.type',
      'backups.status',
      'backups.created_at',
      'backups.ended_at',
      'backups.parent_backup',
      'backups.dump_whole',
      'backups.stored_bytes',
      'backups.due_since',
      'backups.external_bucket_id',
    ])
    .where('services.service_id', '=', serviceId)
    // What lies in a customer's bucket is the customer's: it is removed on instruction alone, and nothing for its sake.
    .where((eb) => (scope === 'all' ? eb.and([]) : eb('backups.external_bucket_id', 'is', null)))
    .execute();
}

/** Who uses which backup: few restores are under way at a time, and an index holds those alone. */
async function pinsOf(db: Kysely<Tables>): Promise<Map<string, string>> {
  const restores = await db
    .selectFrom('restores')
    .select(['id', 'backup_id', 'status'])
    .where(unfinished)
    .execute();
  return new Map([
    ...(await pinsOfProofs(db)),
    ...restores.map(({ id, backup_id: backupId, status }): [string, string] => [
      backupId,
      `Restore ${id}, which is ${status}, needs it.`,
    ]),
  ]);
}

function factsOf(rows: readonly CandidateRow[], pins: ReadonlyMap<string, string>): RetentionFacts {
  const candidates = rows.map((row): RetentionCandidate => ({
    id: row.id,
    type: row.type,
    status: row.status,
    createdAt: row.created_at,
    dependsOn: row.parent_backup === '' ? [] : [row.parent_backup],
    storedBytes: row.stored_bytes,
    ...(row.type === 'dump' && row.dump_whole !== 1 && { partial: true as const }),
    ...(row.known_damaged === 1 && { damaged: true as const }),
    ...present({ endedAt: row.ended_at, dueSince: row.due_since }),
  }));
  return { candidates, pins };
}

/** Takes what is not to be kept out of the backups; the transaction has to be alone on the service. */
export async function moveToRemovals(
  db: Transaction<Tables>,
  rows: readonly CandidateRow[],
  verdicts: readonly Verdict[],
): Promise<RemovalRecord[]> {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const removals: RemovalRecord[] = [];
  for (const { id, reason } of verdicts.filter(({ keep }) => !keep)) {
    const row = byId.get(id);
    if (!row) continue;
    // The rows of the copies go with the backup's.
    const copies = await db.selectFrom('copies').select('location').where('backup_id', '=', id).execute();
    await db.deleteFrom('backups').where('id', '=', id).execute();
    const removal = await db
      .insertInto('removals')
      .values({
        backup_id: id,
        organization: row.organization,
        service_id: row.service_id,
        schedule_id: row.schedule_id,
        whole: row.status === 'Succeeded' ? 1 : 0,
        stored_bytes: row.stored_bytes,
        reason: prose(reason),
        began_at: now(),
        copies: JSON.stringify(copies.map(({ location }) => location)),
        external_bucket_id: row.external_bucket_id,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    removals.push(recordOf(removal));
  }
  return removals;
}

function recordOf(row: RemovalRow): RemovalRecord {
  return {
    backupId: row.backup_id,
    organization: row.organization,
    serviceId: row.service_id,
    scheduleId: row.schedule_id,
    whole: row.whole === 1,
    storedBytes: row.stored_bytes,
    reason: row.reason,
    beganAt: row.began_at,
    copies: JSON.parse(row.copies) as string[],
    ...present({ bucketId: row.external_bucket_id }),
  };
}
