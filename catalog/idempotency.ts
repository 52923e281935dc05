/**
 * Idempotency keys: who carries a request out, and what was answered. A row is a claim until its answer is there.
 * The answer is written in the transaction of the order, and only while the claim still holds: whatever is killed,
 * stalls or is overtaken in between, an order is there once with its answer, or not at all.
 */
import type { Transaction } from 'kysely';
import { TidemarkError } from '../domain/errors.ts';
import { now } from './columns.ts';
import type { Database } from './database.ts';
import type { Tables } from './schema.ts';
import type { Receipt } from './request-types.ts';
import type { Catalog } from './types.ts';

type KeyQueries = Pick<
  Catalog,
  'lastExpiryOf' | 'claimKey' | 'renewKey' | 'keepAnswer' | 'releaseKey' | 'removeExpiredKeys'
>;

/** In one transaction, so that a day's keys do not hold the catalog for long. */
const removedAtOnce = 1000;

export function idempotencyIn(database: Database): KeyQueries {
  return {
    async lastExpiryOf(prefix) {
      const row = await database.read(
        async (db) =>
          await db
            .selectFrom('idempotency_keys')
            .select((eb) => eb.fn.max('expires_at').as('last'))
            .where('fingerprint', 'like', `${prefix}%`)
            .where('expires_at', '>', now())
            .executeTakeFirst(),
      );
      return row?.last ?? undefined;
    },

    async claimKey({ id, fingerprint, claim, leaseMs, keepMs }) {
      return await database.write(async (db) => {
        const time = now();
        const row = {
          fingerprint,
          claim,
          claimed_until: later(leaseMs),
          answer: null,
          expires_at: later(keepMs),
        };
        const own = await db
          .insertInto('idempotency_keys')
          .values({ id, ...row })
          .onConflict((conflict) =>
            conflict
              .column('id')
              .doUpdateSet(row)
              .where((eb) =>
                eb.or([
                  eb('idempotency_keys.expires_at', '<=', time),
                  eb.and([
                    eb('idempotency_keys.answer', 'is', null),
                    eb('idempotency_keys.claimed_until', '<=', time),
                  ]),
                ]),
              ),
          )
          .returning('id')
          .executeTakeFirst();
        if (own) return undefined;
        // It is there: PostgreSQL locks the row that is in the way, and SQLite has one writer.
        const other = await db
          .selectFrom('idempotency_keys')
          .select(['fingerprint', 'answer'])
          .where('id', '=', id)
          .executeTakeFirstOrThrow();
        return { fingerprint: other.fingerprint, ...(other.answer === null ? {} : { answer: other.answer }) };
      });
    },

    async renewKey({ id, claim, leaseMs }) {
      await database.write(
        async (db) =>
          await db
            .updateTable('idempotency_keys')
            .set({ claimed_until: later(leaseMs) })
            .where('id', '=', id)
            .where('claim', '=', claim)
            .where('answer', 'is', null)
            .execute(),
      );
    },

    async keepAnswer(receipt) {
      await database.write(async (db) => {
        await keepReceipt(db, receipt, undefined);
      });
    },

    async releaseKey({ id, claim }) {
      await database.write(
        async (db) =>
          await db
            .deleteFrom('idempotency_keys')
            .where('id', '=', id)
            .where('claim', '=', claim)
            .where('answer', 'is', null)
            .execute(),
      );
    },

    async removeExpiredKeys() {
      const removed = await database.write(
        async (db) =>
          await db
            .deleteFrom('idempotency_keys')
            .where('id', 'in', (eb) =>
              eb
                .selectFrom('idempotency_keys')
                .select('id')
                .where('expires_at', '<=', now())
                .orderBy('expires_at')
                .limit(removedAtOnce),
            )
            .returning('id')
            .execute(),
      );
      return removed.length;
    },
  };
}

/**
 * Keeps the answer to what a transaction made, as its last step. Without a receipt nothing is to be kept.
 *
 * @throws request_in_progress when the claim went to another process meanwhile; the transaction must not be
 */
export async function keepReceipt<T>(
  transaction: Transaction<Tables>,
  receipt: Receipt<T> | undefined,
  made: T,
): Promise<void> {
  if (!receipt) return;
  const kept = await transaction
    .updateTable('idempotency_keys')
    .set({ answer: receipt.answerOf(made) })
    .where('id', '=', receipt.keyId)
    .where('claim', '=', receipt.claim)
    .where('answer', 'is', null)
    .returning('id')
    .executeTakeFirst();
  if (kept) return;
  throw new TidemarkError(
    'request_in_progress',
    'The same request was taken over by another process, because this one was silent for too long. Nothing was carried out here: ask again with the same Idempotency-Key.',
    { retryAfterSeconds: 1 },
  );
}

function later(milliseconds: number): string {
  return new Date(Date.now() + milliseconds).toISOString();
}
