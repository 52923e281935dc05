/** Proofs: what came of bringing a service back elsewhere. */
import type { Kysely } from 'kysely';
import { instant, now, present, prose } from './columns.ts';
import type { Database } from './database.ts';
import { keepReceipt } from './idempotency.ts';
import { pageOf } from './pages.ts';
import type { LatestProofs, ProofCatalog, ProofPatch, ProofRecord } from './proof-types.ts';
import { refuseRemovedBackup } from './restores.ts';
import type { ProofRow, Tables } from './schema.ts';
import { unfinished } from './statuses.ts';

type ProofQueries = Pick<
  ProofCatalog,
  | 'beginProof'
  | 'findProof'
  | 'listProofs'
  | 'aimProof'
  | 'updateProof'
  | 'findEarlierProof'
  | 'findLatestProofs'
> & {
  /** Oldest first. */ unfinishedProofs: () => Promise<ProofRecord[]>;
};

export function proofsIn(database: Database): ProofQueries {
  return {
    async beginProof({ service, workflowId, message, receipt }) {
      const { serviceId, organization } = service;
      return await database.writeAlone(serviceId, async (db) => {
        const own = await find(db, workflowId);
        const row = own ?? (await openOf(db, serviceId)) ?? (await insert());
        const made = recordOf(row);
        await keepReceipt(db, receipt, made);
        return made;

        async function insert(): Promise<ProofRow> {
          const createdAt = now();
          return await db
            .insertInto('proofs')
            .values({
              organization,
              service_id: serviceId,
              workflow_id: workflowId,
              status: 'Scheduled',
              message: prose(message),
              created_at: createdAt,
              updated_at: createdAt,
            })
            .returningAll()
            .executeTakeFirstOrThrow();
        }
      });
    },

    async findProof(workflowId) {
      const row = await database.read(async (db) => await find(db, workflowId));
      return row && recordOf(row);
    },

    async listProofs(serviceId, page) {
      return await pageOf(database, page, {
        matching: (db) => db.selectFrom('proofs').where('service_id', '=', serviceId),
        rows: (matching) => matching.selectAll(),
        recordOf,
      });
    },

    async aimProof(workflowId, { serviceId, backupId, pointInTime }) {
      // What removes backups of the service sees this proof, or this the removal.
      await database.writeAlone(serviceId, async (db) => {
        await refuseRemovedBackup(db, backupId);
        await db
          .updateTable('proofs')
          .set({ backup_id: backupId, point_in_time: pointInTime, updated_at: now() })
          .where('workflow_id', '=', workflowId)
          .where(unfinished)
          .execute();
      });
    },

    async updateProof(workflowId, patch) {
      const changes = changesOf(patch);
      const updated = await database.write(
        async (db) =>
          await db
            .updateTable('proofs')
            .set(changes)
            .set('updated_at', now())
            .where('workflow_id', '=', workflowId)
            // Part of the statement, so that of two ends only the first is written.
            .where(unfinished)
            .returning('id')
            .executeTakeFirst(),
      );
      return updated !== undefined;
    },

    async findEarlierProof({ id, serviceId, backupId, pointInTime }) {
      if (backupId === undefined || pointInTime === undefined) return undefined;
      const row = await database.read(
        async (db) =>
          await db
            .selectFrom('proofs')
            .select(['id', 'digest'])
            .where('service_id', '=', serviceId)
            .where('status', '=', 'Succeeded')
            .where('backup_id', '=', backupId)
            .where('point_in_time', '=', pointInTime)
            .where('id', '!=', id)
            .orderBy('id', 'desc')
            .limit(1)
            .executeTakeFirst(),
      );
      return row?.digest ? { id: row.id, digest: row.digest } : undefined;
    },

    async findLatestProofs(serviceIds) {
      const found = new Map<string, LatestProofs>();
      if (serviceIds.length === 0) return found;
      await database.snapshot(async (db) => {
        for (const [name, statuses] of [
          ['last', ['Succeeded', 'Failed']],
          ['succeeded', ['Succeeded']],
        ] as const) {
          for (const row of await newestOf(db, serviceIds, statuses)) {
            const record = recordOf(row);
            found.set(record.serviceId, { ...found.get(record.serviceId), [name]: record });
          }
        }
      });
      return found;
    },

    async unfinishedProofs() {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('proofs')
            .selectAll()
            .where(unfinished)
            .orderBy('created_at')
            .orderBy('id')
            .execute(),
      );
      return rows.map(recordOf);
    },
  };
}

async function find(db: Kysely<Tables>, workflowId: string): Promise<ProofRow | undefined> {
  return await db.selectFrom('proofs').selectAll().where('workflow_id', '=', workflowId).executeTakeFirst();
}

async function openOf(db: Kysely<Tables>, serviceId: string): Promise<ProofRow | undefined> {
  return await db
    .selectFrom('proofs')
    .selectAll()
    .where('service_id', '=', serviceId)
    .where(unfinished)
    .orderBy('id')
    .limit(1)
    .executeTakeFirst();
}

/** Of each service the newest proof that ended so. */
async function newestOf(
  db: Kysely<Tables>,
  serviceIds: readonly string[],
  statuses: readonly ProofRecord['status'][],
): Promise<ProofRow[]> {
  return await db
    .selectFrom('proofs')
    .selectAll()
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('proofs')
        .select(({ fn }) => fn.max('id').as('id'))
        .where('service_id', 'in', [...serviceIds])
        .where('status', 'in', [...statuses])
        .groupBy('service_id'),
    )
    .execute();
}

function changesOf(patch: ProofPatch): Partial<ProofRow> {
  const { status, message, code, finishedAt, prover, report, progress } = patch;
  return present({
    status,
    code,
    message: message === undefined ? undefined : prose(message),
    finished_at: finishedAt === undefined ? undefined : instant(finishedAt),
    prover: prover && JSON.stringify(prover),
    report: report && JSON.stringify(report),
    digest: report?.digest,
    progress: progress && JSON.stringify(progress),
  });
}

/** Whose backups drills are using. */
export async function pinsOfProofs(db: Kysely<Tables>): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom('proofs')
    .select(['id', 'backup_id', 'status'])
    .where(unfinished)
    .where('backup_id', 'is not', null)
    .execute();
  return new Map(
    rows.map(({ id, backup_id: backupId, status }) => [
      backupId ?? '',
      `Proof ${id}, which is ${status}, needs it.`,
    ]),
  );
}

function recordOf(row: ProofRow): ProofRecord {
  return {
    id: row.id,
    organization: row.organization,
    serviceId: row.service_id,
    workflowId: row.workflow_id,
    status: row.status,
    message: row.message,
    createdAt: row.created_at,
    ...present({
      finishedAt: row.finished_at,
      code: row.code as ProofRecord['code'],
      backupId: row.backup_id,
      pointInTime: row.point_in_time,
      prover: parsed<ProofRecord['prover']>(row.prover),
      report: parsed<ProofRecord['report']>(row.report),
      progress: parsed<ProofRecord['progress']>(row.progress),
    }),
  };
}

function parsed<T>(text: string | null): T | undefined {
  return text === null ? undefined : (JSON.parse(text) as T);
}
