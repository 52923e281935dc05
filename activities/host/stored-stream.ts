/** Storing what a backup's programs write: parts while it comes, the manifest once it is known to be whole. */
import type { BackupSettings } from '../../config/agent.ts';
import { objectKeys } from '../../domain/ids.ts';
import type { BackupSummary, BinlogPosition, Manifest, StreamRecord } from '../../domain/manifest.ts';
import { measure } from '../../domain/progress.ts';
import type { RunningBackup } from '../../mariadb/backup/physical.ts';
import type { Attempt } from '../../mariadb/context.ts';
import { writeManifest } from '../../storage/manifest.ts';
import { partSizeFor } from '../../storage/part-size.ts';
import { writeParts } from '../../storage/parts.ts';
import type { ObjectStore } from '../../storage/store.ts';

const reportMs = 500;

/** A stream as it lies in the store; its name is its backup's business. */
export type Stored = Omit<StreamRecord, 'name'>;

export interface StoreStreamOptions<Known, Facts> {
  store: ObjectStore;
  backupId: string;
  settings: BackupSettings;
  running: RunningBackup<Facts>;
  /** What has to be known besides: where it cannot be, the backup ends before it is copied. */
  known: Promise<Known>;
  /** On which timeline of the archived binlogs a place lies, where that is known. */
  timelineAt: (binlog: BinlogPosition) => Promise<string | undefined>;
  trial: Attempt;
}

/** What is known of a stream once it is whole, and needed here. */
interface StreamFacts {
  warnings: string[];
  binlog?: BinlogPosition;
}

/**
 * @param describe what the manifest says
 * @throws what `running.whole()` and the store do
 */
export async function storeStream<Known, Facts extends StreamFacts>(
  { store, backupId, settings, running, known, timelineAt, trial }: StoreStreamOptions<Known, Facts>,
  describe: (known: Known, facts: Facts, stream: Stored) => Manifest,
): Promise<BackupSummary> {
  const begun = Date.now();
  const reporting = setInterval(() => {
    const { bytesRead, bytesEstimated } = running.progress();
    // Without an idea of the whole, what was read would count as all of it.
    const done = bytesEstimated === 0 ? 0 : bytesRead;
    trial.report(measure('copying', done, bytesEstimated, Date.now() - begun), bytesRead);
  }, reportMs);
  try {
    const knowledge = await known;
    let facts: Facts | undefined;
    let timeline: Promise<string | undefined> | undefined;
    const stream = await writeParts(store, {
      keyOf: (index) => objectKeys.part(backupId, index),
      source: running.output,
      partSize: partSizeFor(settings.part_size, await running.estimated),
      inFlight: settings.parts_in_flight,
      signal: trial.signal,
      beforeLast: async () => {
        facts = await running.whole();
        // The server is asked while the last parts are on their way.
        timeline = facts.binlog && timelineAt(facts.binlog);
        timeline?.catch(() => undefined);
      },
    });
    if (!facts) throw new Error('the parts were written without the word of the backup tool');
    const described = describe(knowledge, facts, stream);
    const lies = await timeline;
    const { lineage } = described;
    const manifest = { ...described, lineage: { ...lineage, ...(lies !== undefined && { timeline: lies }) } };
    const { sha256 } = await writeManifest(store, manifest);
    return summarize(manifest, sha256, facts.warnings);
  } finally {
    clearInterval(reporting);
    await running.end();
  }
}

export function summarize(manifest: Manifest, sha256: string, warnings: string[]): BackupSummary {
  return {
    backupId: manifest.backupId,
    type: manifest.type,
    manifestKey: objectKeys.manifest(manifest.backupId),
    manifestSha256: sha256,
    storedBytes: manifest.storedBytes,
    uncompressedBytes: manifest.uncompressedBytes,
    dataBytes: manifest.dataBytes,
    ...(manifest.binlog && { binlog: manifest.binlog }),
    ...(manifest.lineage.timeline !== undefined && { timeline: manifest.lineage.timeline }),
    ...(manifest.dump && { dumpWhole: manifest.dump.whole }),
    ...(manifest.dump?.looseTables && { dumpLoose: true }),
    serverVersion: manifest.server.version,
    startedAt: manifest.startedAt,
    endedAt: manifest.endedAt,
    pointInTime: manifest.pointInTime,
    memoryTables: manifest.memoryTables,
    encrypted: manifest.pipeline.recipients.length > 0,
    warnings,
  };
}
