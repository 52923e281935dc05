/** All activities of the control plane. */
import { archiveActivities } from './archive.ts';
import { bucketActivities } from './buckets.ts';
import { chainActivities } from './chains.ts';
import type { ControlActivities, ControlBulkActivities } from './contract.ts';
import { copyActivities, copyBulkActivities } from './copies.ts';
import { dismissalActivities } from './dismissals.ts';
import { foreignActivities } from './foreign.ts';
import { placeActivities } from './places.ts';
import type { Plane } from './plane.ts';
import { proofActivities } from './proofs.ts';
import { reconciliationActivities } from './reconciliation.ts';
import { recordActivities } from './records.ts';
import { registrationActivities } from './registration.ts';
import { removalActivities } from './removals.ts';
import { retentionActivities } from './retention.ts';
import { runActivities } from './runs.ts';
import { verificationActivities, verificationBulkActivities } from './verification.ts';
import { yieldingActivities } from './yielding.ts';

export function controlActivities(plane: Plane): ControlActivities {
  return {
    ...placeActivities(plane),
    ...recordActivities(plane),
    ...bucketActivities(plane),
    ...foreignActivities(plane),
    ...chainActivities(plane),
    ...registrationActivities(plane),
    ...dismissalActivities(plane),
    ...runActivities(plane),
    ...yieldingActivities(plane),
    ...verificationActivities(plane),
    ...proofActivities(plane),
    ...copyActivities(plane),
    ...archiveActivities(plane),
    ...reconciliationActivities(plane),
    ...retentionActivities(plane),
    ...removalActivities(plane),
  };
}

/** For the workers of the queue for long work. */
export function controlBulkActivities(plane: Plane): ControlBulkActivities {
  return { ...verificationBulkActivities(plane), ...copyBulkActivities(plane) };
}
