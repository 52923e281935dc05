/** The part of the catalog that knows whose binlogs are followed. */
import type { LagHistory } from '../domain/archive/following.ts';
import type { ServiceSettings } from '../domain/service-settings.ts';
import type { ServiceRecord } from './types.ts';

export interface FollowingRecord {
  serviceId: string;
  /** What its workflow was told last; empty: to follow nothing. See `decideFollowing`. */
  order: string;
  /** What keeps the binlog from being followed, a sentence; empty while nothing does. */
  message: string;
  /** How far the archive was behind. */
  lags: LagHistory;
  updatedAt: string;
}

export interface FollowCandidate {
  service: ServiceRecord;
  settings: ServiceSettings;
  /** What its workflow was told last; empty for none. */
  order: string;
}

export interface FollowingCatalog {
  findFollowings(serviceIds: readonly string[]): Promise<Map<string, FollowingRecord>>;
  /** Of every service, by its id. @param after the last id of the page before */
  listFollowings(after: string, limit: number): Promise<FollowingRecord[]>;
  /** Services by their ids, with what decides whether their binlogs are followed. @param after as above */
  followCandidates(after: string, limit: number): Promise<FollowCandidate[]>;
  /** What is not named stays. @param patch `lag`: how far the archive was behind, at an instant in Unix milliseconds */
  updateFollowing(
    serviceId: string,
    patch: { order?: string; message?: string; lag?: { at: number; seconds: number } },
  ): Promise<void>;
}
