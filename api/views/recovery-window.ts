/** The recovery window as the API shows it. */
import type { RecoveryWindow } from '../../domain/archive/window.ts';
import type { RecoveryWindowView } from '../schemas/recovery-window.ts';
import { given, shownExactly } from './format.ts';

export function recoveryWindowView(
  serviceId: string,
  { intervals, holes }: RecoveryWindow,
): RecoveryWindowView {
  return {
    service_id: serviceId,
    intervals: intervals.map((interval) => ({
      start_time: shownExactly(interval.from),
      end_time: shownExactly(interval.to),
      ...given('start_gtid', interval.fromGtid),
      ...given('end_gtid', interval.toGtid),
      ...given('timeline', interval.timeline),
      current: interval.current,
      resolution: interval.resolution,
      event_time: interval.unsampled.map(({ from, to }) => ({
        start_time: shownExactly(from),
        end_time: shownExactly(to),
      })),
      chain: interval.chain,
      estimated_seconds: interval.seconds,
    })),
    holes: holes.map(({ from, to, timeline, cause, message }) => ({
      start_time: shownExactly(from),
      ...(to !== undefined && { end_time: shownExactly(to) }),
      ...given('timeline', timeline),
      cause,
      message,
    })),
  };
}
