/** What the activities of the control plane work with. */
import type { Client } from '@temporalio/client';
import type { Catalog } from '../../catalog/types.ts';
import type { Log } from '../../domain/log.ts';
import type { OperationTimings } from '../../domain/operations.ts';
import type { ServiceDefaults } from '../../domain/service-settings.ts';
import type { StorageOptions } from '../../config/storage.ts';
import type { KeyRing } from '../../sealing/key-ring.ts';
import type { ObjectStore } from '../../storage/store.ts';

export interface Plane {
  catalog: Catalog;
  /** The managed storage. */
  store: ObjectStore;
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
  /** How many days an entry of the audit is kept; 0: for ever. */
  auditDays: number;
  log: Log;
}
