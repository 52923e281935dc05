/** What the api is made of, and what an operation is handed. */
import type { Catalog } from '../catalog/types.ts';
import type { RestoreRates } from '../domain/archive/estimate.ts';
import type { ServiceDefaults } from '../domain/service-settings.ts';
import type { KeyRing } from '../sealing/key-ring.ts';
import type { LiveProgress } from './progress.ts';
import type { Orders } from './orders.ts';
import type { RestoreEvents } from './restore-events.ts';

/** The part of pino that the api uses, so that tests can listen. */
export interface ApiLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface Parts {
  catalog: Catalog;
  orders: Orders;
  progress: LiveProgress;
  /** For those who watch. */
  restoreEvents: RestoreEvents;
  /** What holds for a service that is not set otherwise. */
  defaults: ServiceDefaults;
  /** What the recovery window estimates with. */
  restoreRates: RestoreRates;
  /** Hosts that customers may name as the endpoint of their bucket. */
  externalEndpoints: readonly string[];
  /** Seals what is secret before it is stored. */
  keyRing: KeyRing;
  log: ApiLog;
}

/** What Hono carries along with a request. */
export interface ApiEnvironment {
  /** What the HTTP server hands over; nothing when the app is asked without one. */
  Bindings: { incoming?: { socket?: { remoteAddress?: string } } } | undefined;
  Variables: { requestId: string; address: string; caller?: string; organization?: string; route?: string };
}
