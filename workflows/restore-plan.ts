/** What a restore would do, and whether it could: everything is looked at, and nothing is touched. */
import type { ForeignFacts } from '../domain/foreign.ts';
import type { RestoreInput } from '../domain/operations.ts';
import { type BackupFacts, chainSizes, type RestorePlanReport } from '../domain/restore-plan.ts';
import { type ControlPlane, controlPlaneOf } from './agents.ts';
import { failureOf, findingOf } from './failures.ts';
import { lossOf, planForeign } from './foreign.ts';
import { type PlannedRestore, planOn } from './restore-planning.ts';

/** @throws ApplicationFailure whose type is the stable name of what stands in the way */
export async function restorePlan(input: RestoreInput): Promise<RestorePlanReport> {
  const plane = controlPlaneOf(input.timings);
  try {
    const { order, facts, host, plan, recovery, binlogs, foreign } = await planned(plane, input);
    const links = [...(facts.chain ?? []), facts];
    return {
      ...plan,
      ...(foreign && { foreign: foreignView(foreign, facts) }),
      warnings: [...(foreign ? [lossOf(facts, input.part)] : []), ...plan.warnings],
      chain: links.map(({ backupId: id }) => id),
      chainBytes: links.reduce((sum, { uncompressedBytes }) => sum + uncompressedBytes, 0),
      chainSizes: chainSizes(facts),
      dump: facts.dump !== undefined,
      backupVersion: facts.serverVersion,
      serverVersion: host.serverVersion,
      recipients: [...new Set(links.flatMap(({ recipients }) => recipients))],
      serving: host.serving,
      pointInTime: facts.pointInTime,
      ...(facts.binlog && { binlog: facts.binlog }),
      ...(recovery && { recovery: recovery.plan }),
      ...(order.replay && binlogs && { binlogs }),
    };
  } catch (error) {
    throw failureOf(findingOf(error));
  }
}

async function planned(plane: ControlPlane, input: RestoreInput): Promise<PlannedRestore> {
  if (input.foreign) return await planForeign(plane, input);
  const { backupId, serviceId } = input;
  const [facts, { agentId }] = await Promise.all([
    plane.reading(input.external).readBackup({ backupId }),
    plane.control.findAgent({ serviceId }),
  ]);
  return await planOn(plane, input, facts, { agentId });
}

function foreignView(
  { form, databases }: ForeignFacts,
  { dump }: BackupFacts,
): NonNullable<RestorePlanReport['foreign']> {
  const known = dump?.databases ?? databases;
  return { form, ...(known && { databases: known }) };
}
