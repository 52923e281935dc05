/** What a restore would do, as the contract's RestorePlan. */
import {
  type RestoreRates,
  secondsOf,
  stages,
  type StageWork,
  wholeEstimate,
  workOf,
} from '../../domain/archive/estimate.ts';
import type { RestoreInput } from '../../domain/operations.ts';
import type { RestorePlanReport } from '../../domain/restore-plan.ts';
import type { RestorePlanView } from '../schemas/restore.ts';
import { given, wallClock, wholeSeconds } from './format.ts';

export interface PlanContext {
  /** Of the host that it would be restored on. */
  rates: RestoreRates;
  /** The backup that would have been the next best to begin with; seconds more than with the one that was chosen. */
  next?: { backupId: string; seconds: number } | undefined;
  /** Seconds that the server did not serve in the last restore; left out where there was none. */
  lastNotServing?: number | undefined;
}

/** What is promised of a cut-over, while none was measured. Seconds. */
const mostNotServing = 5;

export function restorePlanView(
  { serviceId, recovery }: RestoreInput,
  report: RestorePlanReport,
  context: PlanContext,
): RestorePlanView {
  const { rates, lastNotServing } = context;
  const { binlogs, mode } = report;
  const work = workOf(report.chainSizes ?? [report.chainBytes], report.dump, binlogs?.bytes ?? 0);
  const seconds = wholeEstimate(secondsOf(work, rates));
  const time = report.recovery ? report.recovery.time : report.pointInTime;
  const keys = [...report.recipients, ...(binlogs?.recipients ?? []).flat()];
  return {
    service_id: serviceId,
    backup_id: report.backupId,
    mode,
    chain: report.chain,
    reason: reasonOf(report, recovery?.target.backupId !== undefined || !recovery, {
      ...context,
      work,
      seconds,
    }),
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
    ...given('external', report.foreign),
    versions: { backup: report.backupVersion, server: report.serverVersion },
    recipients: [...new Set(keys)],
    bytes_to_fetch: report.bytesToFetch,
    bytes_needed: report.bytesNeeded,
    bytes_free: report.bytesFree,
    estimated_seconds: seconds,
    estimated_by: estimatedBy(work, rates),
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

/** The stages that there are, each once. */
function estimatedBy(work: readonly StageWork[], rates: RestoreRates): RestorePlanView['estimated_by'] {
  return stages.flatMap((stage) => {
    const own = work.filter((one) => one.stage === stage);
    if (own.length === 0) return [];
    const { times = 0, last } = rates[stage].measured ?? {};
    return {
      stage,
      bytes: Math.round(own.reduce((sum, { bytes }) => sum + bytes, 0)),
      seconds: Math.round(secondsOf(own, rates) * 10) / 10,
      measured: times,
      ...given('last_measured', last && wholeSeconds(last)),
    };
  });
}

interface Weighed extends PlanContext {
  work: readonly StageWork[];
  seconds: number;
}

/** Why this backup. */
function reasonOf({ recovery, binlogs }: RestorePlanReport, named: boolean, weighed: Weighed): string {
  const { seconds, next } = weighed;
  const replayed = binlogs ? ` and the replay of ${binlogs.bytes} bytes of binlogs` : '';
  const time = `With it${replayed}, about ${seconds} s${byWhat(weighed)}.`;
  if (named || !recovery) return `The request names the backup. ${time}`;
  const least = `Of all that lead there it takes the least time. ${time}`;
  if (!next) return least;
  const more = next.seconds > 0 ? `${next.seconds} s longer` : 'as long';
  return `${least} With ${next.backupId}, the next best, ${more}.`;
}

function byWhat({ work, rates }: Weighed): string {
  const { measured = [], guessed = [] } = Object.groupBy(
    stages.filter((stage) => work.some((one) => one.stage === stage)),
    (stage) => (rates[stage].measured ? 'measured' : 'guessed'),
  );
  const last = measured
    .map((stage) => rates[stage].measured?.last ?? '')
    .toSorted()
    .at(-1);
  if (last === undefined) return ', by the settings: nothing was restored on this host yet';
  const by = `, by what restores on this host took, the last at ${wallClock(last)} UTC`;
  return guessed.length === 0 ? by : `${by}, and for ${guessed.join(' and ')} by the settings`;
}
