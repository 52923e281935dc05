/** What came of taking up what lies in a store. */

export interface Findings {
  /** Services that were not known. */
  services: number;
  backups: number;
  /** Backups and services that were known already. */
  known: number;
  timelines: number;
  segments: number;
  /** The deployments that wrote the backups that were taken up. */
  deployments: Set<string>;
  /** What could not be taken up: the object's key and why, a sentence. */
  left: { key: string; reason: string }[];
}

export function noFindings(): Findings {
  return {
    services: 0,
    backups: 0,
    known: 0,
    timelines: 0,
    segments: 0,
    deployments: new Set(),
    left: [],
  };
}
