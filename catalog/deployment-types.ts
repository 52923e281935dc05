/** What the catalog knows of the deployment itself. */

export interface DeploymentCatalog {
  /** Random, made at the first migration, the same ever after. */
  deploymentId(): Promise<string>;
  /** Where its backups are, as the store has its location; empty until that was noted. */
  managedStorage(): Promise<string>;
  noteManagedStorage(location: string): Promise<void>;
  /** Backups that succeeded and are in the managed storage, the newest first. */
  storedBackups(limit: number): Promise<{ id: string; serviceId: string }[]>;
}
