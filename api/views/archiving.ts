/** How the binlog of a service is archived, and how far. */
import type { BreakRecord } from '../../catalog/break-types.ts';
import type { FollowingRecord } from '../../catalog/following-types.ts';
import { alarmOf } from '../../domain/archive/breaks.ts';
import type { FollowState } from '../../domain/archive/facts.ts';
import { lagOf, worstLag } from '../../domain/archive/following.ts';
import type { ArchivingStatusView } from '../schemas/archiving.ts';
import { given, wholeSeconds } from './format.ts';

/**
 * @param state where its follower stands; left out while nobody has said
 * @param breaks where its archive broke off, with no full since
 */
export function archivingStatus(
  following: FollowingRecord | undefined,
  state: FollowState | undefined,
  breaks: readonly BreakRecord[],
  now: number,
): ArchivingStatusView {
  const ordered = following !== undefined && following.order !== '';
  const trouble = following?.message ?? '';
  const alarm = alarmOf(breaks);
  const lag = state && lagOf(state, now);
  return {
    state: !ordered ? 'off' : trouble === '' && state ? 'following' : 'waiting',
    message: [trouble, alarm].filter((said) => said !== '').join(' '),
    ...(state && {
      timeline: state.timeline,
      binlog_file: state.archived.file,
      binlog_position: String(state.archived.position),
      binlog_gtid_position: state.archived.gtid,
      looked_at: wholeSeconds(state.lookedAt),
      lag_bytes: state.lagBytes,
      spool_bytes: state.spoolBytes,
      ...given('archived_until', state.archivedTime && wholeSeconds(state.archivedTime)),
    }),
    ...(lag !== undefined && { lag_seconds: Math.ceil(lag) }),
    ...(following && { worst_lag_seconds: Math.ceil(worstLag(following.lags, now)) }),
  };
}
