/** The part of the catalog that lets archived binlogs go. */
import type { Needs, PruningFacts } from '../domain/archive/pruning.ts';

/** A binlog file of a timeline, as far as it is archived. */
export interface ArchivedFile {
  timeline: string;
  file: string;
  segments: number;
  storedBytes: number;
}

/** A file whose objects are being removed. The catalog knows nothing of its segments any more. */
export interface PruningRecord extends ArchivedFile {
  serviceId: string;
  beganAt: string;
}

export interface PruningCatalog {
  pruningFacts(serviceId: string): Promise<PruningFacts>;
  /** The files that nobody needs, by timeline and number. @param limit of files */
  unneededFiles(serviceId: string, needs: Needs, limit: number): Promise<ArchivedFile[]>;
  /**
   * One transaction, alone on the service: judges, forgets the segments of files that are not needed, some of them, and
   * writes down that their objects have to go. Backups of type binarylog whose binlogs are gone become removals.
   *
   * @param judge must not do anything else than judge
   */
  beginPrunings(
    serviceId: string,
    judge: (facts: PruningFacts) => Needs,
    limit: number,
  ): Promise<PruningRecord[]>;
  listPrunings(): Promise<PruningRecord[]>;
  /** The objects are gone. */
  finishPruning(file: Pick<PruningRecord, 'serviceId' | 'timeline' | 'file'>): Promise<void>;
}
