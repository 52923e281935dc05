import { describe, expect, test } from '@jest/globals';
import { type ScheduleFacts, tellSchedule } from '../../domain/schedule.ts';

const facts: ScheduleFacts = {
  schedule: '0 3 * * *',
  status: 'Scheduled',
  message: '',
  suspended: false,
  offsetSeconds: 17,
  countedFrom: '2026-11-22T12:00:00.000Z',
};
const backupId = 'b';
const tell = (change: Partial<ScheduleFacts>, now = '2026-11-22T13:00:00Z') =>
  tellSchedule({ ...facts, ...change }, Date.parse(now));

describe('a schedule says', () => {
  test('when it runs first', () => {
    expect(tell({})).toEqual({
      status: 'Scheduled',
      message: 'The first run is due at 2026-11-23 03:00:17 UTC.',
      scheduledAt: '2026-11-23T03:00:17.000Z',
    });
  });

  test('how the last run ended, and when the next is due', () => {
    expect(tell({ backupId, status: 'Failed', message: 'The disk is full.' })).toEqual({
      status: 'Failed',
      message: 'The last run: The disk is full. The next run is due at 2026-11-23 03:00:17 UTC.',
      scheduledAt: '2026-11-23T03:00:17.000Z',
    });
  });

  test('what a run does now, and which one was skipped for it', () => {
    const running = {
      backupId,
      status: 'Running',
      message: 'The server is being copied.',
      skippedAt: '2026-11-22T03:00:17.000Z',
    } as const;
    expect(tell(running).message).toBe(
      'The server is being copied. The run due at 2026-11-22 03:00:17 UTC was skipped, because the one before was still running. The next run is due at 2026-11-23 03:00:17 UTC.',
    );
    // However long it takes, it is not late: it is there.
    expect(tell(running, '2026-11-25T00:00:00Z').message).not.toContain('has not begun');
  });

  test('that a run is late, and what to look at', () => {
    const late = tell({ backupId, status: 'Succeeded', message: 'Done.' }, '2026-11-24T05:00:00Z');
    expect(late.message).toBe(
      'The run due at 2026-11-23 03:00:17 UTC has not begun: see that Temporal and a control worker run. The last run: Done. The next run is due at 2026-11-25 03:00:17 UTC.',
    );
    expect(tell({}, '2026-11-23T03:02:00Z').message).not.toContain('has not begun');
    expect(tell({}, '2026-11-23T03:03:00Z').message).toContain('has not begun');
  });

  test('that it is suspended, and how the last run ended', () => {
    expect(tell({ suspended: true, backupId, status: 'Succeeded', message: 'Done.' })).toEqual({
      status: 'Suspended',
      message: 'Suspended: nothing runs until "suspended" is set to false. The last run: Done.',
    });
  });

  test('what its backup says, when it runs once', () => {
    const scheduledAt = '2026-11-22T12:00:01.000Z';
    expect(tell({ schedule: 'once', status: 'Running', message: 'Copying.', scheduledAt })).toEqual({
      status: 'Running',
      message: 'Copying.',
      scheduledAt,
    });
  });
});
