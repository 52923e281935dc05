/**
 * How often somebody may ask within a minute. The count slides: of the minute before, as much counts as is still
 * less than a minute ago. It is kept in memory, for each process by itself.
 */
import { TidemarkError } from '../domain/errors.ts';

const minuteMs = 60_000;
/** Beyond this the one that was quiet longest is forgotten: an attacker with many addresses must not fill the memory. */
const mostKnown = 100_000;

export interface RateLimit {
  /**
   * Counts one request. A refused one does not count, so that a script that never waits still gets its share.
   *
   * @throws too_many_requests, with the seconds until the next one is taken
   */
  take(who: string): void;
}

interface Count {
  /** Which minute of all `current` is about. */
  minute: number;
  current: number;
  previous: number;
}

/**
 * @param perMinute 0: no limit
 * @param shown who is meant, for the message: "These credentials"
 * @param clock in milliseconds, never going back
 */
export function rateLimit(
  perMinute: number,
  shown: string,
  clock: () => number = () => performance.now(),
): RateLimit {
  const counts = new Map<string, Count>();
  return {
    take(who) {
      if (perMinute === 0) return;
      const now = clock();
      const count = countAt(counts.get(who), Math.floor(now / minuteMs));
      const passed = (now % minuteMs) / minuteMs;
      if (count.previous * (1 - passed) + count.current + 1 > perMinute) {
        const seconds = Math.max(
          1,
          Math.ceil((secondsUntilFree(count, passed, perMinute) * minuteMs) / 1000),
        );
        throw new TidemarkError(
          'too_many_requests',
          `${shown} may ask ${perMinute} times a minute: ask again in ${seconds} s, and less often.`,
          { retryAfterSeconds: seconds },
        );
      }
      count.current += 1;
      // The newest last: the first in the map is the one that was quiet longest.
      counts.delete(who);
      counts.set(who, count);
      if (counts.size > mostKnown) counts.delete(counts.keys().next().value ?? '');
    },
  };
}

function countAt(known: Count | undefined, minute: number): Count {
  if (known?.minute === minute) return known;
  return { minute, current: 0, previous: known?.minute === minute - 1 ? known.current : 0 };
}

/** In minutes. */
function secondsUntilFree({ current, previous }: Count, passed: number, perMinute: number): number {
  const room = perMinute - 1;
  if (current <= room) return 1 - (room - current) / previous - passed;
  return 1 - passed + (1 - room / current);
}
