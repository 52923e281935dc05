/** What is known when it is judged which backups go. Times are RFC 3339 in UTC. */
import type { BackupType, OperationStatus } from '../operations.ts';

/** What is judged of a backup. Times are RFC 3339 in UTC. */
export interface RetentionCandidate {
  id: string;
  type: BackupType;
  status: OperationStatus;
  createdAt: string;
  endedAt?: string;
  /** Ids of the backups without which this one cannot be restored. */
  dependsOn: readonly string[];
  /** A dump of some databases, or of which nobody knows whether it has all: a server is not brought back with it. */
  partial?: true;
  /** What its objects take; for whoever reads the verdict. */
  storedBytes: number;
  /** Its objects were read back, and not all are what they should be. */
  damaged?: true;
  /** When it was first found to have expired. */
  dueSince?: string;
}

/** Every backup of one service, and what is in the way of removing some of them. */
export interface RetentionFacts {
  candidates: readonly RetentionCandidate[];
  /** Backups that somebody is using, by id, each with a sentence that says who. */
  pins: ReadonlyMap<string, string>;
}

export interface Verdict {
  id: string;
  keep: boolean;
  /** A sentence. */
  reason: string;
}
