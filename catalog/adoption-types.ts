/** The part of the catalog that takes up what lies in a store and is not known. */
import type { BackupRecord } from './types.ts';

export interface AdoptionCatalog {
  /**
   * Writes down a backup that lies in the managed storage, as Succeeded.
   *
   * @returns false when it is known, or is being removed
   * @throws service_not_found
   */
  adoptBackup(backup: BackupRecord): Promise<boolean>;
  /** From now on nothing is deleted until somebody confirms. */
  beginConfirmation(): Promise<void>;
  /** Since when nothing is deleted; undefined when that is confirmed. */
  unconfirmedSince(): Promise<string | undefined>;
  /**
   * Lets deletions begin again.
   *
   * @param takeOver deployments that are no more: what they wrote is this one's from now on
   * @returns false when there was nothing to confirm; what is taken over is taken over all the same
   */
  confirm(takeOver: readonly string[]): Promise<boolean>;
  /** This deployment, and those that it has taken over. */
  ownDeployments(): Promise<ReadonlySet<string>>;
}
