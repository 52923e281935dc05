/**
 * Places: who has a service for itself, and who waits for it. A row is a wish until `held` is 1; wishes are met
 * in the order of their sequence. A place belongs to its workflow and ends with it.
 */
import type { Transaction } from 'kysely';
import { TidemarkError } from '../domain/errors.ts';
import { now } from './columns.ts';
import type { Database } from './database.ts';
import type { PlaceRow, Tables } from './schema.ts';
import type { Catalog, PlaceRecord } from './types.ts';

type PlaceQueries = Pick<Catalog, 'takePlace' | 'releasePlace' | 'listPlaces'>;

export function placesIn(database: Database): PlaceQueries {
  return {
    async takePlace(request) {
      return await database.writeAlone(request.serviceId, async (db) => {
        const own = await db
          .selectFrom('places')
          .selectAll()
          .where('workflow_id', '=', request.workflowId)
          .executeTakeFirst();
        if (own?.held === 1) return undefined;
        const sequence = own?.sequence ?? (await insertPlace(db, { ...request, held: false }));
        const first = await firstPlace(db, request.serviceId);
        if (first !== undefined && first.sequence !== sequence) return first;
        await db.updateTable('places').set({ held: 1 }).where('sequence', '=', sequence).execute();
        return undefined;
      });
    },

    async releasePlace(workflowId) {
      await database.write(
        async (db) => await db.deleteFrom('places').where('workflow_id', '=', workflowId).execute(),
      );
    },

    async listPlaces() {
      const rows = await database.read(
        async (db) => await db.selectFrom('places').selectAll().orderBy('sequence').execute(),
      );
      return rows.map(recordOf);
    },
  };
}

/** Inserts a place and answers its sequence. The transaction has to be alone on the service. */
export async function insertPlace(
  transaction: Transaction<Tables>,
  place: { serviceId: string; workflowId: string; operation: string; held: boolean },
): Promise<number> {
  const { sequence } = await transaction
    .insertInto('places')
    .values({
      service_id: place.serviceId,
      workflow_id: place.workflowId,
      operation: place.operation,
      held: place.held ? 1 : 0,
      requested_at: now(),
    })
    .returning('sequence')
    .executeTakeFirstOrThrow();
  return sequence;
}

/**
 * Refuses a service that anybody has or waits for: who waits is served as soon as the holder is gone, so an
 * operation that does not wait would overtake it.
 *
 * @param yielding the workflows that make way, and refuse nothing
 * @throws service_busy, naming the operation
 */
export async function refuseBusyService(
  transaction: Transaction<Tables>,
  serviceId: string,
  yielding: ReadonlySet<string>,
): Promise<void> {
  const places = await placesOf(transaction, serviceId);
  const first = places.find(({ workflowId }) => !yielding.has(workflowId));
  if (!first) return;
  const state = first.held ? 'is running' : 'waits for its turn';
  throw new TidemarkError(
    'service_busy',
    `The service is busy: ${first.operation} of service ${serviceId} ${state}. Ask again when it has ended.`,
  );
}

/**
 * Gives the place to an operation for which everybody else there makes way: it has the place, or comes next when one of
 * them has it; those that only wait go behind it. The transaction has to be alone on the service.
 */
export async function insertPlaceBefore(
  transaction: Transaction<Tables>,
  place: { serviceId: string; workflowId: string; operation: string },
): Promise<void> {
  const { serviceId } = place;
  const there = await placesOf(transaction, serviceId);
  const waiting = there.filter(({ held }) => !held);
  await insertPlace(transaction, { ...place, held: waiting.length === there.length });
  for (const { sequence, workflowId, operation } of waiting) {
    await transaction.deleteFrom('places').where('sequence', '=', sequence).execute();
    await insertPlace(transaction, { serviceId, workflowId, operation, held: false });
  }
}

/** Who has the service, or else who is next. */
async function firstPlace(
  transaction: Transaction<Tables>,
  serviceId: string,
): Promise<PlaceRecord | undefined> {
  return (await placesOf(transaction, serviceId)).at(0);
}

/** Who has the service, and who waits for it, in their order. */
async function placesOf(transaction: Transaction<Tables>, serviceId: string): Promise<PlaceRecord[]> {
  const rows = await transaction
    .selectFrom('places')
    .selectAll()
    .where('service_id', '=', serviceId)
    .orderBy('held', 'desc')
    .orderBy('sequence')
    .execute();
  return rows.map(recordOf);
}

function recordOf(row: PlaceRow): PlaceRecord {
  return {
    serviceId: row.service_id,
    workflowId: row.workflow_id,
    operation: row.operation,
    sequence: row.sequence,
    held: row.held === 1,
    requestedAt: row.requested_at,
  };
}
