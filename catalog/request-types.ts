/** What the catalog keeps of requests: the answers under idempotency keys, and the audit. */
import type { Role } from '../domain/operations.ts';
import type { Page, PageRequest } from './types.ts';

/** Keeps the answer to an order in the order's own transaction: both are there, or neither. See idempotency.ts. */
export interface Receipt<T> {
  keyId: string;
  claim: string;
  /** The answer to what the transaction made, sealed. */
  answerOf(made: T): string;
}

/** A claim on an idempotency key. */
export interface KeyClaim {
  /** Names organization, operation and key together. */
  id: string;
  /** Random, known to whoever carries the request out. */
  claim: string;
  /** How long the claim holds unless it is renewed. */
  leaseMs: number;
}

export type AuditOutcome = 'succeeded' | 'refused' | 'failed' | 'unfinished';

/** What is known of a request before it is carried out. */
export interface AuditIntent {
  organization: string;
  /** The operation's name, as in the OpenAPI document. */
  operation: string;
  method: string;
  /** Without its query. */
  path: string;
  subject: string;
  /** What the subject was known by; `deployment`: it is Tidemark itself, and no request. */
  how: 'tokens_file' | 'jwt' | 'api_key' | 'deployment';
  /** Left out when the credentials have none. */
  role?: Role;
  /** Of the client. */
  address: string;
  requestId: string;
  /** The services that the request names. */
  serviceIds: string[];
  /** What else it names: backups, schedules, restores, agents. */
  recordIds: string[];
}

/** How it ended, with what it made added to the ids. */
export interface AuditEnd {
  outcome: Exclude<AuditOutcome, 'unfinished'>;
  status: number;
  error?: string;
  /** Nothing was carried out: the answer was one that an Idempotency-Key had kept. */
  replayed?: boolean;
  serviceIds: string[];
  recordIds: string[];
}

export interface AuditRecord extends AuditIntent {
  /** Counts from 1. */
  id: number;
  /** `unfinished`: not yet, or the process ended before it could say. */
  outcome: AuditOutcome;
  status?: number;
  error?: string;
  replayed: boolean;
  createdAt: string;
  finishedAt?: string;
}

export interface RequestCatalog {
  /**
   * What the rows of idempotency keys that have not expired were sealed under.
   *
   * @param prefix of their fingerprints: the id of a sealing key and a dot
   * @returns when the last of them expires; undefined when there is none
   */
  lastExpiryOf(prefix: string): Promise<string | undefined>;
  /**
   * Claims an idempotency key that is new, has expired, or whose claim lapsed without an answer.
   *
   * @returns undefined when it is the caller's now; else what is there, without an answer while another works on it
   */
  claimKey(
    request: KeyClaim & { fingerprint: string; keepMs: number },
  ): Promise<{ fingerprint: string; answer?: string } | undefined>;
  renewKey(claim: KeyClaim): Promise<void>;
  /** Keeps the answer to a request that made nothing in the catalog. @throws request_in_progress */
  keepAnswer(receipt: Receipt<undefined>): Promise<void>;
  /** Gives a claim up. An answer that was kept stays. */
  releaseKey(claim: Omit<KeyClaim, 'leaseMs'>): Promise<void>;
  /** @returns how many of the expired keys were removed; at most 1,000 at once */
  removeExpiredKeys(): Promise<number>;

  /**
   * Writes down what is asked, before it is carried out; or, with `end`, what was refused before that.
   *
   * @returns the entry's id
   */
  addAuditEntry(entry: AuditIntent, end?: AuditEnd): Promise<number>;
  finishAuditEntry(id: number, end: AuditEnd): Promise<void>;
  /** @returns how many of the entries from before `time` were removed, the oldest first; at most 1,000 at once */
  removeAuditBefore(time: string): Promise<number>;
  listAudit(
    organization: string,
    filter: { operation?: string; subject?: string; outcome?: AuditOutcome },
    page: PageRequest,
  ): Promise<Page<AuditRecord>>;
}
