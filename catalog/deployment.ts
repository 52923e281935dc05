/** The deployment: its id, and where its backups are. */
import type { Database } from './database.ts';
import type { DeploymentCatalog } from './deployment-types.ts';

export function deploymentIn(database: Database): DeploymentCatalog {
  return {
    async deploymentId() {
      const { id } = await database.read(
        async (db) => await db.selectFrom('deployment').select('id').executeTakeFirstOrThrow(),
      );
      return id;
    },

    async managedStorage() {
      const { storage } = await database.read(
        async (db) => await db.selectFrom('deployment').select('storage').executeTakeFirstOrThrow(),
      );
      return storage;
    },

    async noteManagedStorage(location) {
      await database.write(async (db) => {
        await db.updateTable('deployment').set({ storage: location }).execute();
      });
    },

    async storedBackups(limit) {
      return await database.read(
        async (db) =>
          await db
            .selectFrom('backups')
            .select(['id', 'service_id as serviceId'])
            .where('status', '=', 'Succeeded')
            .where('method', '=', 'skybucket')
            .orderBy('created_at', 'desc')
            .limit(limit)
            .execute(),
      );
    },
  };
}
