/** Schedules: the grammar of `schedule`, and what a schedule says of itself. */
import { parseCron } from './cron.ts';
import { nextRun } from './cron-runs.ts';
import { isFinal, type OperationStatus } from './operations.ts';

/** What is allowed, to complete "has to be …". */
export const cronRule = 'a cron expression of five fields in UTC, such as "0 3 * * *"';
export const scheduleRule = `"once" or ${cronRule}`;

/**
 * Labels of schedules are texts; these are Tidemark's own. `archive`: a full that was begun because archived binlogs break
 * off.
 */
export const scheduleLabels = { origin: 'origin', nightly: 'nightly', archive: 'archive' } as const;

/**
 * The normal form of a schedule, or why it has none.
 *
 * @example parseSchedule('0 9 ** *') // { schedule: '0 9 * * *' }
 */
export function parseSchedule(text: string): { schedule: string } | { wrong: string } {
  if (text.trim() === 'once') return { schedule: 'once' };
  const cron = parseCron(text);
  return 'wrong' in cron ? cron : { schedule: cron.text };
}

/** What is known of a schedule. Times are RFC 3339. */
export interface ScheduleFacts {
  schedule: string;
  /** Of its last run; Scheduled before the first. */
  status: OperationStatus;
  message: string;
  suspended: boolean;
  /** Of its last run; absent before the first. */
  backupId?: string;
  /** Seconds by which each run begins later than the expression says. */
  offsetSeconds: number;
  /** Runs that came due after this are accounted for by nothing yet. */
  countedFrom: string;
  /** When the newest run was due that was skipped because the one before still ran. */
  skippedAt?: string;
  /** Of a one-time schedule: when it was taken up. */
  scheduledAt?: string;
}

export interface ScheduleStory {
  status: OperationStatus | 'Suspended';
  message: string;
  /** The next run; of a one-time schedule, when it was taken up. RFC 3339. */
  scheduledAt?: string;
}

/** How late a run may begin before that is said. Milliseconds. */
const patienceMs = 120_000;

/** What a schedule says of itself at `now`, milliseconds since 1970. */
export function tellSchedule(facts: ScheduleFacts, now: number): ScheduleStory {
  const { status, message, scheduledAt } = facts;
  if (facts.schedule === 'once') return { status, message, ...(scheduledAt && { scheduledAt }) };
  const cron = parseCron(facts.schedule);
  if ('wrong' in cron) return { status, message: `It does not run: ${cron.wrong}.` };
  const last = facts.backupId === undefined ? [] : [`The last run: ${message}`];
  const skipped =
    facts.skippedAt === undefined
      ? []
      : [`The run due at ${utc(facts.skippedAt)} was skipped, because the one before was still running.`];
  if (facts.suspended) {
    return {
      status: 'Suspended',
      message: ['Suspended: nothing runs until "suspended" is set to false.', ...last, ...skipped].join(' '),
    };
  }
  const next = new Date(nextRun(cron, facts.offsetSeconds, now)).toISOString();
  const running = facts.backupId !== undefined && !isFinal(status);
  if (running) {
    return {
      status,
      message: [message, ...skipped, `The next run is due at ${utc(next)}.`].join(' '),
      scheduledAt: next,
    };
  }
  const due = nextRun(cron, facts.offsetSeconds, Date.parse(facts.countedFrom));
  const late =
    due + patienceMs < now
      ? [
          `The run due at ${utc(new Date(due).toISOString())} has not begun: see that Temporal and a control worker run.`,
        ]
      : [];
  const begin = facts.backupId === undefined && late.length === 0 ? 'The first run' : 'The next run';
  return {
    status,
    message: [...late, ...last, ...skipped, `${begin} is due at ${utc(next)}.`].join(' '),
    scheduledAt: next,
  };
}

/** `2026-11-22 03:00:17 UTC` */
function utc(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 19)} UTC`;
}
