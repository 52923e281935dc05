/** What a process's object store is asked, among the metrics that its Temporal runtime serves. */
import { Runtime } from '@temporalio/worker';
import type { ArchiveMeter, CopyMeter, ProofMeter } from '../activities/control/plane.ts';
import type { StoreMeter } from '../storage/decorators/measured.ts';

/** To be called after the runtime was installed; where no metrics are served, it counts for nobody. */
export function storeMeter(): StoreMeter {
  const meter = Runtime.instance().metricMeter;
  const requests = meter.createHistogram(
    // In milliseconds, as Temporal's own: the buckets are theirs.
    'tidemark_storage_request_milliseconds',
    'float',
    'ms',
    'Requests to the object store, each attempt by itself',
  );
  const bytes = meter.createCounter(
    'tidemark_storage_bytes',
    'By',
    'Bytes stored in and read from the object store',
  );
  return {
    request: ({ operation, outcome }, seconds, moved) => {
      requests.record(seconds * 1000, { operation, outcome });
      if (moved > 0) bytes.add(moved, { operation });
    },
  };
}

/** How many copies of backups are missing, by location; likewise. */
export function copyMeter(): CopyMeter {
  const meter = Runtime.instance().metricMeter;
  const missingCopies = meter.createGauge(
    'tidemark_copies_missing',
    'int',
    '1',
    'Backups that have no whole copy in a location yet',
  );
  const failedCopies = meter.createGauge(
    'tidemark_copies_failed',
    'int',
    '1',
    'Those among them that were tried in vain',
  );
  return {
    missing(location, { missing, failed }) {
      missingCopies.set(missing, { location });
      failedCopies.set(failed, { location });
    },
  };
}

/** How far the binlogs of each service are archived; likewise. */
export function archiveMeter(): ArchiveMeter {
  const meter = Runtime.instance().metricMeter;
  const gauge = (name: string, unit: string, what: string): ReturnType<typeof meter.createGauge> =>
    meter.createGauge(`tidemark_${name}`, 'float', unit, what);
  const lagBytes = gauge('archive_lag_bytes', 'By', 'What of the binlog is not archived yet');
  const lagSeconds = gauge('archive_lag_seconds', 's', 'How long ago all that was confirmed is archived');
  const rpo = gauge('rpo_seconds', 's', 'What would be lost with the host now');
  const holes = gauge('archive_holes', '1', 'Holes in the archived binlogs, whatever their age');
  const trouble = gauge('archive_trouble', '1', '1: something keeps the binlog from being archived');
  const alarm = gauge('archive_alarm', '1', '1: the archive breaks off, and no full was taken since');
  return {
    archive(service, figures) {
      lagBytes.set(figures.lagBytes, { service });
      lagSeconds.set(figures.lagSeconds, { service });
      if (figures.rpoSeconds !== undefined) rpo.set(figures.rpoSeconds, { service });
      holes.set(figures.holes, { service });
      trouble.set(figures.trouble ? 1 : 0, { service });
      alarm.set(figures.alarm ? 1 : 0, { service });
    },
  };
}

/** What was proven of each service; likewise. */
export function proofMeter(): ProofMeter {
  const meter = Runtime.instance().metricMeter;
  const gauge = (name: string, unit: string, what: string): ReturnType<typeof meter.createGauge> =>
    meter.createGauge(`tidemark_proof_${name}`, 'float', unit, what);
  const alarm = gauge('alarm', '1', '1: the last drill did not bring the service back');
  const age = gauge(
    'age_seconds',
    's',
    'How long ago it was last proven that the service can be brought back',
  );
  const took = gauge('duration_seconds', 's', 'How long that took');
  return {
    proof(service, { failed, ageSeconds, seconds }) {
      alarm.set(failed ? 1 : 0, { service });
      if (ageSeconds !== undefined) age.set(ageSeconds, { service });
      if (seconds !== undefined) took.set(seconds, { service });
    },
  };
}
