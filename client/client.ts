/** A client of the REST API: for the command line, for readiness, the demo and the benchmarks. */
import { randomUUID } from 'node:crypto';
import type {
  AgentList,
  AuditList,
  Backup,
  BackupList,
  PointInTimeServices,
  Proof,
  ProofList,
  RemovedBackups,
  Restore,
  RestoreList,
  RestorePlan,
  RestoreTargets,
  RecoveryWindow,
  RetentionPlan,
  Schedule,
  ScheduleList,
  Service,
  ServiceList,
  Transactions,
  Verification,
} from './answers.ts';
import { ApiRefusal, ApiUnreachable } from './errors.ts';
import { exchange, type Exchange } from './exchange.ts';
import { pause } from './pause.ts';

export const basePath = '/skybackup/v1';

export interface ClientOptions {
  /** How long one answer may take. Default: 30 s. */
  timeoutMs?: number;
  /** How often the same is asked when nothing has answered, or the API asks for patience. Default: 4. */
  attempts?: number;
  /** Gives up whatever is asked. */
  signal?: AbortSignal | undefined;
}

/** Query parameters; those that are undefined are left out. */
export type Query = Record<string, string | number | boolean | undefined>;

/** Of a schedule or a restore: a number, as the API wrote it or as somebody typed it. */
type Id = number | string;

interface Asked {
  query?: Query | undefined;
  body?: object | undefined;
}

const firstPauseMs = 250;
const longestPauseMs = 10_000;

/** @throws ApiRefusal with the API's own words for every answer that is no success; ApiUnreachable */
export class Client {
  /** The API's address, with the base path and without a slash at its end. */
  readonly address: string;
  readonly #token: string;
  readonly #timeoutMs: number;
  readonly #attempts: number;
  readonly #signal: AbortSignal | undefined;

  /** @param address `http://127.0.0.1:8080`, with or without the base path */
  constructor(address: string, token: string, options: ClientOptions = {}) {
    this.address = apiAddress(address);
    this.#token = token;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#attempts = options.attempts ?? 4;
    this.#signal = options.signal;
  }

  services(query: Query = { page_size: 10_000 }): Promise<ServiceList> {
    return this.#ask('GET', '/services', { query });
  }

  service(serviceId: string): Promise<Service> {
    return this.#ask('GET', `/services/${segment(serviceId)}`);
  }

  updateService(serviceId: string, body: object): Promise<Service> {
    return this.#ask('PATCH', `/services/${segment(serviceId)}`, { body });
  }

  /** To which instants a service can be brought back, and where the holes are. */
  recoveryWindow(serviceId: string): Promise<RecoveryWindow> {
    return this.#ask('GET', `/services/${segment(serviceId)}/recovery-window`);
  }

  /** What the archived binlogs of a service hold: a page, and with `next` what to ask for as `after`. */
  transactions(serviceId: string, query: Query = {}): Promise<Transactions> {
    return this.#ask('GET', `/services/${segment(serviceId)}/transactions`, { query });
  }

  /** What the retention of a service would remove now, and what it keeps. */
  retention(serviceId: string): Promise<RetentionPlan> {
    return this.#ask('GET', `/services/${segment(serviceId)}/retention`);
  }

  /** The drills of a service. */
  proofs(serviceId: string, query: Query = {}): Promise<ProofList> {
    return this.#ask('GET', `/services/${segment(serviceId)}/proofs`, { query });
  }

  /** Has a service brought back elsewhere and checked; one that is under way is not begun anew. */
  prove(serviceId: string): Promise<Proof> {
    return this.#ask('POST', `/services/${segment(serviceId)}/proofs`);
  }

  /** Asks for a full backup, now. */
  orderBackup(serviceId: string): Promise<Schedule> {
    return this.createSchedule({ backup_type: 'full', schedule: 'once', service_id: serviceId });
  }

  createSchedule(body: object, query?: Query): Promise<Schedule> {
    return this.#ask('POST', '/backups/schedules', { body, query });
  }

  schedules(query: Query = {}): Promise<ScheduleList> {
    return this.#ask('GET', '/backups/schedules', { query });
  }

  schedule(id: Id): Promise<Schedule> {
    return this.#ask('GET', `/backups/schedules/${segment(id)}`);
  }

  updateSchedule(id: Id, body: object): Promise<Schedule> {
    return this.#ask('PATCH', `/backups/schedules/${segment(id)}`, { body });
  }

  deleteSchedule(id: Id): Promise<undefined> {
    return this.#ask('DELETE', `/backups/schedules/${segment(id)}`);
  }

  backup(backupId: string): Promise<Backup> {
    return this.#ask('GET', `/backups/${segment(backupId)}`);
  }

  backups(query: Query = {}): Promise<BackupList> {
    return this.#ask('GET', '/backups', { query });
  }

  /** Undefined when an attempt before this one had got through, and its answer was lost. */
  deleteBackup(backupId: string, query: Query = {}): Promise<RemovedBackups | undefined> {
    return this.#ask('DELETE', `/backups/${segment(backupId)}`, { query });
  }

  /** Has a backup read back; one that is being read back already is not begun anew. */
  verifyBackup(backupId: string): Promise<Verification> {
    return this.#ask('POST', `/backups/${segment(backupId)}/verify`);
  }

  /** The latest verification of a backup. */
  verification(backupId: string): Promise<Verification> {
    return this.#ask('GET', `/backups/${segment(backupId)}/verify`);
  }

  orderRestore(backupId: string, serviceId: string, fields: object = {}, query?: Query): Promise<Restore> {
    const body = { id: backupId, service_id: serviceId, ...fields };
    return this.#ask('POST', '/restores', { body, query });
  }

  /** What a restore would do; nothing is started. */
  planRestore(backupId: string, serviceId: string, fields: object = {}): Promise<RestorePlan> {
    const body = { id: backupId, service_id: serviceId, ...fields };
    return this.#ask('POST', '/restores', { body, query: { dry_run: true } });
  }

  restores(query: Query = {}): Promise<RestoreList> {
    return this.#ask('GET', '/restores', { query });
  }

  restore(id: Id): Promise<Restore> {
    return this.#ask('GET', `/restores/${segment(id)}`);
  }

  cancelRestore(id: Id): Promise<Restore> {
    return this.#ask('POST', `/restores/${segment(id)}/cancel`);
  }

  undoRestore(id: Id, query?: Query): Promise<Restore> {
    return this.#ask('POST', `/restores/${segment(id)}/undo`, { query });
  }

  deleteRestore(id: Id): Promise<undefined> {
    return this.#ask('DELETE', `/restores/${segment(id)}`);
  }

  /** To which services a backup can be restored. */
  lookupRestore(backupId: string, serviceId?: string): Promise<RestoreTargets> {
    const body = { backup_id: backupId, ...(serviceId === undefined ? {} : { service_id: serviceId }) };
    return this.#ask('POST', '/restores/lookup', { body });
  }

  lookupPointsInTime(): Promise<PointInTimeServices> {
    return this.#ask('GET', '/restores/pointintime/lookup');
  }

  agents(query: Query = {}): Promise<AgentList> {
    return this.#ask('GET', '/agents', { query });
  }

  revokeAgent(id: string): Promise<undefined> {
    return this.#ask('DELETE', `/agents/${segment(id)}`);
  }

  /** Who asked what. */
  audit(query: Query = {}): Promise<AuditList> {
    return this.#ask('GET', '/audit', { query });
  }

  whoami(): Promise<object> {
    return this.#ask('GET', '/whoami');
  }

  async #ask<T>(method: Exchange['method'], path: string, { query = {}, body }: Asked = {}): Promise<T> {
    const url = new URL(this.address + path);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const signal = this.#signal;
    const asked = {
      method,
      url,
      token: this.#token,
      body,
      // The API carries a POST out once for each key, so that asking again can do no harm.
      headers: (method === 'POST' ? { 'idempotency-key': randomUUID() } : {}) as Record<string, string>,
      timeoutMs: this.#timeoutMs,
      signal,
    };
    let mayHaveArrived = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return (await exchange(asked)) as T;
      } catch (error) {
        // An attempt before this one got through, and its answer got lost.
        if (mayHaveArrived && method === 'DELETE' && isStatus(error, 404)) return undefined as T;
        mayHaveArrived ||= error instanceof ApiUnreachable && error.mayHaveArrived;
        const pauseMs = pauseBefore(attempt + 1, error);
        if (attempt >= this.#attempts || pauseMs === undefined)
          throw method !== 'GET' && mayHaveArrived ? uncertain(error) : error;
        await pause(pauseMs, signal);
      }
    }
  }
}

/** What is asked for was sent, and nobody knows what came of it. */
function uncertain(error: unknown): unknown {
  if (!(error instanceof ApiUnreachable)) return error;
  const message = `${error.message} It may have been carried out all the same: look before you ask again.`;
  return new ApiUnreachable(message, true, error);
}

/** @returns undefined when asking again is of no use, or only later than anybody would wait for */
function pauseBefore(attempt: number, error: unknown): number | undefined {
  const pauseMs = firstPauseMs * 2 ** (attempt - 2);
  if (error instanceof ApiUnreachable) return pauseMs;
  if (!(error instanceof ApiRefusal)) return undefined;
  // An attempt before this one is still being carried out.
  const inProgress = error.items.some(({ error: name }) => name === 'request_in_progress');
  if (!inProgress && ![429, 502, 503, 504].includes(error.status)) return undefined;
  const wantedMs = Math.max(pauseMs, error.retryAfterMs ?? 0);
  return wantedMs <= longestPauseMs ? wantedMs : undefined;
}

function isStatus(error: unknown, status: number): boolean {
  return error instanceof ApiRefusal && error.status === status;
}

function segment(value: Id): string {
  return encodeURIComponent(value);
}

/**
 * @param given the API's origin, or its address with a path before the base path, with the base path or without
 * @throws TypeError when it is no address
 */
export function apiAddress(given: string): string {
  const url = new URL(given);
  const path = url.pathname.replace(/\/+$/, '').replace(/(\/2024)?\/skybackup\/v1$/, '');
  return url.origin + path + basePath;
}
