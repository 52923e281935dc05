/** How single values are shown to people: times in UTC, sizes with their units. */
import type { Progress } from '../../client/answers.ts';
import { secondsForPeople as duration } from '../../domain/durations.ts';
import { bytesForPeople } from '../../domain/sizes.ts';

export { duration };

/** `2024-03-26T17:18:57Z` → `2024-03-26 17:18:57Z`; anything else stays. */
export function time(instant: string | undefined): string {
  const [, date, clock] = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/.exec(instant ?? '') ?? [];
  return date === undefined ? (instant ?? '') : `${date} ${clock}Z`;
}

export function size(bytes: number | undefined): string {
  return bytes === undefined ? '' : bytesForPeople(bytes);
}

/** `copying 34 %, 1.2 GiB of 3.5 GiB, 210.0 MiB/s, 11 s left` */
export function progressLine(progress: Progress): string {
  const {
    phase,
    percent,
    bytes_done: done,
    bytes_total: total,
    bytes_per_second: rate,
    eta_seconds: left,
  } = progress;
  return [
    `${phase.replaceAll('_', ' ')} ${percent} %`,
    ...(total > 0 ? [`${size(done)} of ${size(total)}`] : []),
    ...(rate > 0 ? [`${size(rate)}/s`] : []),
    ...(left > 0 ? [`${duration(left)} left`] : []),
  ].join(', ');
}
