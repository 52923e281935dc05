/** The rows of stretches: few, and kept together with their segments. */
import type { Kysely, Transaction } from 'kysely';
import type { StretchFacts } from '../domain/archive/stretches.ts';
import { inOrder, stretchRow } from './archive-rows.ts';
import type { Tables } from './schema.ts';

/** Of one timeline, in their order. */
export async function stretchesOf(
  db: Kysely<Tables>,
  serviceId: string,
  timeline: string,
): Promise<StretchFacts[]> {
  const rows = await db
    .selectFrom('stretches')
    .selectAll()
    .where('service_id', '=', serviceId)
    .where('timeline', '=', timeline)
    .execute();
  return inOrder(rows);
}

/** Writes those that changed. */
export async function replaceStretches(
  db: Transaction<Tables>,
  serviceId: string,
  before: readonly StretchFacts[],
  after: readonly StretchFacts[],
): Promise<void> {
  for (const { timeline, fromFile, fromPosition } of before.filter((one) => !after.includes(one))) {
    await db
      .deleteFrom('stretches')
      .where('service_id', '=', serviceId)
      .where('timeline', '=', timeline)
      .where('from_file', '=', fromFile)
      .where('from_position', '=', fromPosition)
      .execute();
  }
  for (const stretch of after.filter((one) => !before.includes(one))) {
    await db.insertInto('stretches').values(stretchRow(serviceId, stretch)).execute();
  }
}
