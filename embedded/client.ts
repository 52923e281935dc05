/** A small client of the REST API, for readiness, the demo and the benchmarks. */
import { setTimeout as sleep } from 'node:timers/promises';
import { TidemarkError } from '../domain/errors.ts';

/** The fields of a Backup that are read here; see the contract for all. */
export interface BackupAnswer {
  id: string;
  service_id: string;
  status: string;
  message?: string;
  point_in_time?: string;
  binlog_file?: string;
  binlog_position?: string;
  binlog_gtid_position?: string;
  storage_bytes?: number;
  progress?: ProgressAnswer;
}

export interface RestoreAnswer {
  id: number;
  status: string;
  message?: string;
  progress?: ProgressAnswer;
  reached?: Record<string, string | number>;
}

export interface ProgressAnswer {
  phase: string;
  percent: number;
  bytes_done: number;
  bytes_total: number;
  bytes_per_second: number;
  eta_seconds: number;
}

export interface ScheduleAnswer {
  id: number;
  status: string;
  message?: string;
  backup_id?: string;
}

export interface ServiceAnswer {
  service_id: string;
  server_running: boolean;
  agent?: { alive: boolean; last_seen_at: string };
}

export const basePath = '/skybackup/v1';

/** @throws Error with method, path and the API's own words for every answer that is no success. */
export class Client {
  readonly base: string;
  readonly #token: string;

  /** @param base `http://127.0.0.1:8080` */
  constructor(base: string, token: string) {
    this.base = base;
    this.#token = token;
  }

  services(): Promise<{ services: ServiceAnswer[] }> {
    return this.#ask('GET', '/services?page_size=10000');
  }

  /** Asks for a full backup, now. */
  orderBackup(serviceId: string): Promise<ScheduleAnswer> {
    return this.#ask('POST', '/backups/schedules', {
      backup_type: 'full',
      schedule: 'once',
      service_id: serviceId,
    });
  }

  schedule(id: number): Promise<ScheduleAnswer> {
    return this.#ask('GET', `/backups/schedules/${id}`);
  }

  backup(id: string): Promise<BackupAnswer> {
    return this.#ask('GET', `/backups/${encodeURIComponent(id)}`);
  }

  backups(serviceId: string): Promise<{ backups: BackupAnswer[]; backups_count: number }> {
    return this.#ask('GET', `/backups/${encodeURIComponent(serviceId)}`);
  }

  orderRestore(backupId: string, serviceId: string, mode?: string): Promise<RestoreAnswer> {
    return this.#ask('POST', '/restores', { id: backupId, service_id: serviceId, ...(mode ? { mode } : {}) });
  }

  restore(id: number): Promise<RestoreAnswer> {
    return this.#ask('GET', `/restores/${id}`);
  }

  async #ask<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.base}${basePath}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${basePath}${path} answered ${response.status}: ${text}`);
    return JSON.parse(text) as T;
  }
}

const finals = new Set(['Succeeded', 'Failed', 'Cancelled']);

/**
 * Looks again and again until an operation has ended.
 *
 * @param look asks for its present state
 * @param seen is told every state that was seen, the last included
 * @throws operation_lost when it has not ended within `limitMs`
 */
export async function untilEnded<T extends { status: string }>(
  look: () => Promise<T>,
  seen: (state: T) => void = () => undefined,
  { everyMs = 200, limitMs = 30 * 60_000 }: { everyMs?: number; limitMs?: number } = {},
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const state = await look();
    seen(state);
    if (finals.has(state.status)) return state;
    if (Date.now() > end)
      throw new TidemarkError('operation_lost', `It is still ${state.status} after ${limitMs / 1000} s.`);
    await sleep(everyMs);
  }
}
