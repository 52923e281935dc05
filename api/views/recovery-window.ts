/** The recovery window as the API shows it. */
import type { RecoveryWindow } from '../../domain/archive/window.ts';
import type { RecoveryWindowView } from '../schemas/recovery-window.ts';
import { given } from './format.ts';

export function recoveryWindowView(
  serviceId: string,
  { intervals, holes }: RecoveryWindow,
): RecoveryWindowView {
  return {
    service_id: serviceId,
    intervals: intervals.map((interval) => ({
      start_time: shown(interval.from),
      end_time: shown(interval.to),
      ...given('start_gtid', interval.fromGtid),
      ...given('end_gtid', interval.toGtid),
      ...given('timeline', interval.timeline),
      current: interval.current,
      resolution: interval.resolution,
      event_time: interval.unsampled.map(({ from, to }) => ({
        start_time: shown(from),
        end_time: shown(to),
      })),
      chain: interval.chain,
      estimated_seconds: interval.seconds,
    })),
    holes: holes.map(({ from, to, timeline, cause, message }) => ({
      start_time: shown(from),
      ...(to !== undefined && { end_time: shown(to) }),
      ...given('timeline', timeline),
      cause,
      message,
    })),
  };
}

/** As exact as it is known: `2024-03-26T17:18:57.25Z`. */
function shown(time: string): string {
  return time.replace(/\.?0*Z$/, 'Z');
}
