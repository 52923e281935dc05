/** By how much a drill begins after the time of its schedule, so that those of many services do not begin together. */
import { hash } from 'node:crypto';
import { spreadOffset } from '../cron-runs.ts';

/** @returns whole seconds, less than the width; the same for the same service */
export function drillOffset(serviceId: string, widthMs: number): number {
  return spreadOffset(hash('sha256', serviceId, 'buffer').readUIntBE(0, 6), widthMs);
}
