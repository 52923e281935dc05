/** The part of the catalog that knows how fast hosts restore. */
import type { HostMeasurements, KeptMeasurement } from '../domain/archive/rates.ts';

export interface MeasurementCatalog {
  /**
   * Keeps what a restore took, of each stage the newest few of an agent. Repeatable: what one workflow measured counts once.
   */
  keepMeasurements(measured: HostMeasurements): Promise<void>;
  /** What restores on the host of an agent took; nothing of one that did none. */
  findMeasurements(agentId: string): Promise<KeptMeasurement[]>;
}
