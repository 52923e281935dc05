/** What the api is made of, and what an operation is handed. */
import type { Catalog } from '../catalog/types.ts';
import type { LiveProgress } from './progress.ts';
import type { Orders } from './orders.ts';

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
  log: ApiLog;
}

/** What Hono carries along with a request. */
export interface ApiEnvironment {
  Variables: { requestId: string; caller?: string; organization?: string; route?: string };
}
