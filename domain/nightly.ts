/** When the nightly backup of a service runs: at a minute of its own, so that they do not all begin at once. */
import { hash } from 'node:crypto';
import type { NightlyWindow } from './service-settings.ts';

export interface NightlyTime {
  hour: number;
  minute: number;
}

const minutesOfDay = 24 * 60;

/** What is allowed, to complete "Allowed: …". */
export const nightlyWindowRule =
  'two times of the day in UTC, the first included, the second not: 00:00-06:00';

/**
 * @returns undefined when `text` is no window
 * @example parseNightlyWindow('22:30-04:00') // { startMinute: 1350, minutes: 330 }
 */
export function parseNightlyWindow(text: string): NightlyWindow | undefined {
  const [, from = '', to = ''] = /^(\d\d:\d\d)-(\d\d:\d\d)$/.exec(text) ?? [];
  const startMinute = minuteOf(from);
  const end = to === '24:00' ? minutesOfDay : minuteOf(to);
  if (startMinute === undefined || end === undefined || startMinute === end) return undefined;
  return { startMinute, minutes: end > startMinute ? end - startMinute : end + minutesOfDay - startMinute };
}

/** The same for the same service and window, ever after; evenly spread over services. */
export function nightlyTime(serviceId: string, { startMinute, minutes }: NightlyWindow): NightlyTime {
  const spread = hash('sha256', serviceId, 'buffer').readUIntBE(0, 6) % minutes;
  const minute = (startMinute + spread) % minutesOfDay;
  return { hour: Math.floor(minute / 60), minute: minute % 60 };
}

/** The service's own minute within an hour that somebody chose. */
export function minuteWithin(serviceId: string, hour: number): NightlyTime {
  return nightlyTime(serviceId, { startMinute: hour * 60, minutes: 60 });
}

/** As a schedule: `17 3 * * *` */
export function nightlyCron({ hour, minute }: NightlyTime): string {
  return `${minute} ${hour} * * *`;
}

function minuteOf(time: string): number | undefined {
  const [, hours, minutes] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(time) ?? [];
  return hours === undefined ? undefined : Number(hours) * 60 + Number(minutes);
}
