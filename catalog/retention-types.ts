/** The parts of the catalog that retention works with: settings of services, removals, nightly schedules. */
import type { RetentionFacts, Verdict } from '../domain/retention/facts.ts';
import type { ServiceSettings, ServiceSettingsPatch } from '../domain/service-settings.ts';
import type { AuditEnd, AuditIntent } from './request-types.ts';
import type { ScheduleRecord } from './schedule-types.ts';
import type { ServiceRecord } from './types.ts';

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
  /** Where it was copied to, and is still to be removed: also what was never finished. */
  copies: string[];
  /** The customer's bucket that it lies in; left out for the managed storage. */
  bucketId?: string;
}

/** Which backups of a service are judged: those in the managed storage, or those in buckets of customers as well. */
export type RetentionScope = 'managed' | 'all';

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
  /**
   * What retention judges: every backup of a service, and the restores that are using some of them.
   *
   * @param scope default: managed
   */
  retentionFacts(serviceId: string, scope?: RetentionScope): Promise<RetentionFacts>;
  /**
   * Remembers which backups of a service are due, and since when: `time`, unless that is known already or is later
   * than `time`. What is not named is not due any more.
   */
  markDue(serviceId: string, backupIds: readonly string[], time: string): Promise<void>;
  /**
   * One transaction, alone on the service: judges anew, and moves what is not to be kept from the backups to the
   * removals, in the order of the verdicts.
   *
   * @param judge must not do anything else than judge; what it throws is thrown, and nothing was removed
   * @param scope default: managed
   */
  beginRemovals(
    serviceId: string,
    judge: (facts: RetentionFacts) => Verdict[],
    scope?: RetentionScope,
  ): Promise<RemovalRecord[]>;
  /** Everything whose removal began and is not finished, in the order in which it began. */
  listRemovals(): Promise<RemovalRecord[]>;
  /** Remembers in which locations its copies are still to be removed. */
  updateRemoval(backupId: string, copies: readonly string[]): Promise<void>;
  /**
   * The objects are gone: forgets the removal, and the one-time order that the backup was made for.
   *
   * @param told what the audit is to say of it, in the same transaction
   * @returns false when somebody else had finished it: then nothing is added to the audit
   */
  finishRemoval(backupId: string, told?: { entry: AuditIntent; end: AuditEnd }): Promise<boolean>;
}

/** The nightly schedule that a service was given. */
export interface NightlyRecord {
  /** Left out when it was deleted. */
  schedule?: ScheduleRecord;
}

export interface NightlyOrder {
  service: ServiceRecord;
  /** A cron expression in its normal form. */
  schedule: string;
  offsetSeconds: (id: number) => number;
}

export interface NightlyCatalog {
  /** Of services that were given a nightly schedule, also of those where it was deleted since. */
  findNightlies(serviceIds: readonly string[]): Promise<Map<string, NightlyRecord>>;
  /** Services that were never given one, a page of them in the order of their ids. @param after the last one seen */
  servicesWithoutNightly(after: string, limit: number): Promise<ServiceRecord[]>;
  /**
   * Makes the nightly schedule of a service that was never given one; undefined for any other. Of several who do so
   * at once, one does. Temporal has still to be told.
   */
  giveNightly(order: NightlyOrder): Promise<ScheduleRecord | undefined>;
  /** Changes when it runs, or makes it anew where it was deleted or never given. Temporal has still to be told. */
  setNightly(order: NightlyOrder): Promise<ScheduleRecord>;
}
