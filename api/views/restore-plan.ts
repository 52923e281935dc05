/** What a restore would do, as the contract's RestorePlan. */
import { type RestoreRates, secondsFor } from '../../domain/archive/estimate.ts';
import type { RestoreInput } from '../../domain/operations.ts';
import type { RestorePlanReport } from '../../domain/restore-plan.ts';
import type { RestorePlanView } from '../schemas/restore.ts';
import { given, wallClock } from './format.ts';

export interface PlanContext {
  rates: RestoreRates;
  /** Seconds that the server did not serve in the last restore; left out where there was none. */
  lastNotServing?: number | undefined;
}

/** What is promised of a cut-over, while none was measured. Seconds. */
const mostNotServing = 5;

export function restorePlanView(
  { serviceId, recovery }: RestoreInput,
  report: RestorePlanReport,
  { rates, lastNotServing }: PlanContext,
): RestorePlanView {
  const { binlogs, mode } = report;
  const binlogBytes = binlogs?.bytes ?? 0;
  const seconds = secondsFor({ bytes: report.chainBytes, dump: report.dump, binlogBytes }, rates);
  const time = report.recovery ? report.recovery.time : report.pointInTime;
  const keys = [...report.recipients, ...(binlogs?.recipients ?? []).flat()];
  return {
    service_id: serviceId,
    backup_id: report.backupId,
    mode,
    chain: report.chain,
    reason: reasonOf(report, recovery?.target.backupId !== undefined || !recovery, seconds),
    ...given('point_in_time', time && wallClock(time)),
    stop: stopView(report),
    ...(binlogs && {
      binlogs: {
        files: binlogs.files,
        segments: binlogs.segments,
        bytes: binlogs.bytes,
        stored_bytes: binlogs.storedBytes,
      },
    }),
    versions: { backup: report.backupVersion, server: report.serverVersion },
    recipients: [...new Set(keys)],
    bytes_to_fetch: report.bytesToFetch,
    bytes_needed: report.bytesNeeded,
    bytes_free: report.bytesFree,
    estimated_seconds: seconds,
    estimated_not_serving_seconds: notServing(report, seconds, lastNotServing),
    warnings: report.warnings,
  };
}

function notServing({ mode, serving }: RestorePlanReport, seconds: number, last: number | undefined): number {
  if (!serving || mode === 'in-place') return seconds;
  return Math.ceil(last ?? mostNotServing);
}

function stopView({ recovery, binlog, binlogs }: RestorePlanReport): RestorePlanView['stop'] {
  const stop = recovery?.stop ?? { at: 'backup' as const };
  const place = stop.at === 'backup' ? binlog : (binlogs?.stop ?? undefined);
  return {
    at: stop.at,
    ...given('timeline', recovery?.ranges.at(-1)?.timeline ?? recovery?.timeline),
    ...given('gtid', gtidOf(stop, binlog?.gtid)),
    ...given('binlog_file', place?.file),
    ...given('binlog_position', place && String(place.position)),
    ...given('not_after', binlogs?.notAfter),
  };
}

type Stop = NonNullable<RestorePlanReport['recovery']>['stop'];

function gtidOf(stop: Stop, own: string | undefined): string | undefined {
  if (stop.at === 'backup') return own;
  return stop.at === 'time' ? undefined : stop.gtid;
}

/** Why this backup, a sentence. */
function reasonOf({ recovery, binlogs }: RestorePlanReport, named: boolean, seconds: number): string {
  const replayed = binlogs ? ` and the replay of ${binlogs.bytes} bytes of binlogs` : '';
  if (named || !recovery) return `The request names the backup. With it${replayed}, about ${seconds} s.`;
  return `Of all that lead there it takes the least time by the rates of the settings: with it${replayed}, about ${seconds} s.`;
}
