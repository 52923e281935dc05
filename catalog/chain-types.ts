/** The part of the catalog that chains of backups are made with. */
import type { ChainFacts } from '../domain/chain.ts';

/** What a backup builds on. */
export interface BaseChoice {
  parent: string;
  /** The full that the chain begins with. */
  full: string;
}

export interface ChainCatalog {
  /**
   * What an incremental of a service could build on: in a customer's bucket, or, without a location, in the managed
   * storage.
   */
  chainFacts(serviceId: string, externalLocation?: string): Promise<ChainFacts>;
  /** Whether the order that a backup was made for repeats, as far as is known. */
  isOfRepeating(backupId: string): Promise<boolean>;
  /**
   * Writes down what a backup that is being taken builds on: from then on that is not removed. False when its parent is
   * not there any more.
   */
  setBase(backupId: string, base: BaseChoice): Promise<boolean>;
  /** A backup that was to be an incremental is taken as a full. */
  becomeFull(backupId: string, message: string): Promise<void>;
}
