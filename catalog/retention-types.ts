/** The part of the catalog that retention works with, and the settings of services. */
import type { RetentionFacts, Verdict } from '../domain/retention.ts';
import type { ServiceSettings, ServiceSettingsPatch } from '../domain/service-settings.ts';

/** A backup whose objects are being removed. No list has it any more, and nothing can be ordered of it. */
export interface RemovalRecord {
  backupId: string;
  organization: string;
  serviceId: string;
  /** The order that it was made for. */
  scheduleId: number;
  /** Whether it succeeded: there is a manifest to remove. Of one that did not there may be parts. */
  whole: boolean;
  storedBytes: number;
  /** Why, a sentence. */
  reason: string;
  beganAt: string;
}

export interface RetentionCatalog {
  /** Empty for one that nothing was set of. */
  findServiceSettings(serviceIds: readonly string[]): Promise<Map<string, ServiceSettings>>;
  /**
   * Changes what the patch names and leaves the rest, also when two do so at once.
   *
   * @throws service_not_found
   */
  updateServiceSettings(serviceId: string, patch: ServiceSettingsPatch): Promise<ServiceSettings>;
  /** The services of all organizations, a page of them in the order of their ids. @param after the last one seen */
  serviceIdsAfter(after: string, limit: number): Promise<{ serviceId: string; organization: string }[]>;

  /** Whether the service has a backup that was created before `time`, or one that was due before: a look into indexes. */
  mayHaveExpired(service: { organization: string; serviceId: string }, time: string): Promise<boolean>;
  /** What retention judges: every backup of a service, and the restores that are using some of them. */
  retentionFacts(serviceId: string): Promise<RetentionFacts>;
  /**
   * Remembers which backups of a service are due, and since when: `time`, unless that is known already or is later
   * than `time`. What is not named is not due any more.
   */
  markDue(serviceId: string, backupIds: readonly string[], time: string): Promise<void>;
  /**
   * One transaction, alone on the service: judges anew, and moves what is not to be kept from the backups to the
   * removals, in the order of the verdicts.
   *
   * @param judge must not do anything else than judge
   */
  beginRemovals(serviceId: string, judge: (facts: RetentionFacts) => Verdict[]): Promise<RemovalRecord[]>;
  /** Everything whose removal began and is not finished, in the order in which it began. */
  listRemovals(): Promise<RemovalRecord[]>;
  /** The objects are gone: forgets the removal, and the one-time order that the backup was made for. */
  finishRemoval(backupId: string): Promise<void>;
}
