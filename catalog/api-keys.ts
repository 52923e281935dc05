/** API keys: who has one, until when, and when it was used last. */
import type { Updateable } from 'kysely';
import { TidemarkError } from '../domain/errors.ts';
import { instant, isCountedId, now, present } from './columns.ts';
import type { Database } from './database.ts';
import type { ApiKeyRow, Tables } from './schema.ts';
import type { ApiKeyRecord } from './api-key-types.ts';
import type { Catalog } from './types.ts';

type ApiKeyQueries = Pick<
  Catalog,
  'createApiKey' | 'findApiKey' | 'listApiKeys' | 'revokeApiKey' | 'expireApiKey' | 'touchApiKey'
>;

export function apiKeysIn(database: Database): ApiKeyQueries {
  /** Changes a key that is not revoked; undefined when there is none. */
  async function change(id: number, values: Updateable<Tables['api_keys']>): Promise<ApiKeyRow | undefined> {
    return await database.write(
      async (db) =>
        await db
          .updateTable('api_keys')
          .set(values)
          .where('id', '=', id)
          .where('revoked_at', 'is', null)
          .returningAll()
          .executeTakeFirst(),
    );
  }

  async function existing(id: number): Promise<ApiKeyRow> {
    const row = isCountedId(id)
      ? await database.read(
          async (db) => await db.selectFrom('api_keys').selectAll().where('id', '=', id).executeTakeFirst(),
        )
      : undefined;
    if (!row) throw new TidemarkError('api_key_not_found', `There is no API key ${id}.`);
    return row;
  }

  return {
    async createApiKey({ organization, role, name, shown, digest, expiresAt }) {
      const row = await database.write(
        async (db) =>
          await db
            .insertInto('api_keys')
            .values({
              organization,
              role,
              name,
              shown,
              digest,
              created_at: now(),
              expires_at: expiresAt === undefined ? null : instant(expiresAt),
              revoked_at: null,
              last_used_at: null,
            })
            .returningAll()
            .executeTakeFirstOrThrow(),
      );
      return recordOf(row);
    },

    async findApiKey(digest) {
      const row = await database.read(
        async (db) =>
          await db.selectFrom('api_keys').selectAll().where('digest', '=', digest).executeTakeFirst(),
      );
      return row && recordOf(row);
    },

    async listApiKeys(organization) {
      const rows = await database.read(
        async (db) =>
          await db
            .selectFrom('api_keys')
            .selectAll()
            .where((eb) => eb.and(present({ organization })))
            .orderBy('id')
            .execute(),
      );
      return rows.map(recordOf);
    },

    async revokeApiKey(id) {
      await existing(id);
      return recordOf((await change(id, { revoked_at: now() })) ?? (await existing(id)));
    },

    async expireApiKey(id, expiresAt) {
      const before = await existing(id);
      const row = await change(id, { expires_at: expiresAt === undefined ? null : instant(expiresAt) });
      if (row) return recordOf(row);
      throw new TidemarkError(
        'api_key_revoked',
        `The API key ${id} (${before.shown}…) was revoked, which is for good: make another one.`,
      );
    },

    async touchApiKey(id, at, before) {
      await database.write(
        async (db) =>
          await db
            .updateTable('api_keys')
            .set({ last_used_at: instant(at) })
            .where('id', '=', id)
            .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', instant(before))]))
            .execute(),
      );
    },
  };
}

function recordOf(row: ApiKeyRow): ApiKeyRecord {
  return {
    id: row.id,
    organization: row.organization,
    role: row.role,
    name: row.name,
    shown: row.shown,
    createdAt: row.created_at,
    ...present({
      expiresAt: row.expires_at,
      revokedAt: row.revoked_at,
      lastUsedAt: row.last_used_at,
    }),
  };
}
