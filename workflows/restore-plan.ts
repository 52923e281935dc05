/** What a restore would do, and whether it could: everything is looked at, and nothing is touched. */
import type { RestoreInput } from '../domain/operations.ts';
import { chainSizes, type RestorePlanReport } from '../domain/restore-plan.ts';
import { controlPlaneOf } from './agents.ts';
import { failureOf, findingOf } from './failures.ts';
import { planOn } from './restore-planning.ts';

/** @throws ApplicationFailure whose type is the stable name of what stands in the way */
export async function restorePlan(input: RestoreInput): Promise<RestorePlanReport> {
  const plane = controlPlaneOf(input.timings);
  try {
    const { backupId, serviceId } = input;
    const [facts, { agentId }] = await Promise.all([
      plane.reading(input.external).readBackup({ backupId }),
      plane.control.findAgent({ serviceId }),
    ]);
    const { order, host, plan, recovery, binlogs } = await planOn(plane, input, facts, { agentId });
    const links = [...(facts.chain ?? []), facts];
    return {
      ...plan,
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
