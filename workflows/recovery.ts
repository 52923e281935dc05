/** The part of a restore that goes beyond its backup: which binlogs are replayed, and how far. */
import type { HostReplay, HostRestoreInput } from '../activities/host/contract.ts';
import type { RecoveryPlan, RecoveryStop } from '../domain/archive/plan-types.ts';
import { TidemarkError } from '../domain/errors.ts';
import type { RecoveryOrder } from '../domain/operations.ts';
import {
  type BackupFacts,
  requireReplaying,
  type SelectedBinlogs,
  type TargetFacts,
} from '../domain/restore-plan.ts';
import type { Agent, ControlPlane } from './agents.ts';

export interface PlannedRecovery {
  plan: RecoveryPlan;
  /** Left out where the backup itself is what was asked for. */
  replay?: HostReplay;
}

/** @throws outside_window, binlog_not_archived */
export async function planRecovery(
  { control }: ControlPlane,
  recovery: RecoveryOrder,
  { backupId, binlog }: BackupFacts,
): Promise<PlannedRecovery> {
  const plan = await control.planRecovery({ backupId, recovery });
  const { ranges, stop } = plan;
  if (ranges.length === 0 || stop.at === 'backup') return { plan };
  if (!binlog)
    throw new TidemarkError('binlog_not_archived', `The backup ${backupId} has no place in a binlog.`);
  return { plan, replay: { serviceId: recovery.serviceId, start: binlog, ranges, stop } };
}

/** @throws agent_outdated, binlog_gap, object_missing, identity_unavailable */
export async function selectOn(
  { bulk }: Agent,
  order: HostRestoreInput,
  host: TargetFacts,
): Promise<SelectedBinlogs> {
  requireReplaying(host);
  return await bulk.selectBinlogs(order);
}

/** What a restore's row says of the instant that it brought back; nothing where only the transaction is known. */
export function pointOf(facts: BackupFacts, recovery: PlannedRecovery | undefined): { pointInTime?: string } {
  // Somebody else's backup says it in the time of a host that nobody knows.
  if (!recovery?.replay) return facts.pointInTime === '' ? {} : { pointInTime: facts.pointInTime };
  const { time } = recovery.plan;
  return time === undefined ? {} : { pointInTime: time };
}

/** How far, for people. */
export function stopText(stop: RecoveryStop): string {
  switch (stop.at) {
    case 'time':
      return `up to ${stop.time}`;
    case 'gtid':
      return `up to ${stop.before ? 'just before ' : ''}the transaction ${stop.gtid}`;
    default:
      return 'up to their end';
  }
}
