/** What the activities of the control plane work with. */
import type { Client } from '@temporalio/client';
import type { RestoreRates } from '../../domain/archive/estimate.ts';
import type { Catalog } from '../../catalog/types.ts';
import type { Log } from '../../domain/log.ts';
import type { OperationTimings } from '../../domain/operations.ts';
import type { ServiceDefaults } from '../../domain/service-settings.ts';
import type { StorageOptions } from '../../config/storage.ts';
import type { KeyRing } from '../../sealing/key-ring.ts';
import type { ObjectStore } from '../../storage/store.ts';

/** Counts copies for whoever watches the deployment. */
export interface CopyMeter {
  /** @param failed of those that are missing: how many were tried in vain */
  missing(location: string, counts: { missing: number; failed: number }): void;
}

/** Says how far the archive of each service is, likewise. */
export interface ArchiveMeter {
  /**
   * @param figures what would be lost now with the host (`rpoSeconds`, left out while there is nothing to restore); how
   *   many holes are known, whatever their age; whether something keeps it from going on; and whether it breaks off, with
   *   no full after that
   */
  archive(
    serviceId: string,
    figures: {
      lagBytes: number;
      lagSeconds: number;
      rpoSeconds?: number;
      holes: number;
      trouble: boolean;
      alarm: boolean;
    },
  ): void;
}

/** Says what was proven, likewise. */
export interface ProofMeter {
  /**
   * @param figures whether the last proof failed; how long ago the last one that succeeded was (seconds, left out before the
   *   first), and how long that one took
   */
  proof(serviceId: string, figures: { failed: boolean; ageSeconds?: number; seconds?: number }): void;
}

export interface Plane {
  catalog: Catalog;
  /** The managed storage. */
  store: ObjectStore;
  /** The further storages, by the locations that the settings know them by. */
  copies: ReadonlyMap<string, ObjectStore>;
  /** How often it is looked what lacks a copy. */
  copyIntervalMs: number;
  /** Told what is missing; left out where no metrics are served. */
  copyMeter?: CopyMeter | undefined;
  /** Told how far archives are; likewise. */
  archiveMeter?: ArchiveMeter | undefined;
  /** Told what was proven; likewise. */
  proofMeter?: ProofMeter | undefined;
  /** How fast restores are, by which the chain is chosen that a drill begins with. */
  restoreRates: RestoreRates;
  /** How stores are used. */
  storageOptions: StorageOptions;
  /** Opens what the api sealed; left out where the process has no keys. */
  keyRing?: KeyRing | undefined;
  /** Hosts that credentials of customers may name as their endpoint. */
  externalEndpoints: readonly string[];
  client: Client;
  /** For the workflows that the reconciler starts. */
  timings: OperationTimings;
  /** How often the catalog is compared with Temporal. */
  reconcileIntervalMs: number;
  /** What holds for a service that is not set otherwise. */
  defaults: ServiceDefaults;
  /** Over how long the runs of schedules are spread. */
  scheduleSpreadMs: number;
  retention: {
    /** How often expired backups are looked for. */
    intervalMs: number;
    /** How long one stays that was found. */
    graceMs: number;
  };
  /** How often what lies in the store is held against the catalog. */
  objectsIntervalMs: number;
  /** How many days an entry of the audit is kept; 0: for ever. */
  auditDays: number;
  log: Log;
}
