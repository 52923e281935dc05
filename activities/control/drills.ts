/** Drills in the catalog and in Temporal: whatever a crash, or a hand in Temporal's web UI, left different is put right. */
import { isDrillAsWanted, listDrillSchedules, settleDrill } from '../../temporal/drills.ts';
import { startProof } from '../../temporal/start.ts';
import type { ProofRecord } from '../../catalog/proof-types.ts';
import { workflowState } from './places.ts';
import type { Plane } from './plane.ts';

/** @param attempt as in the reconciliation: one that fails stops no other. @returns how many were put right */
export async function settleDrills(
  { catalog, client, timings, log }: Plane,
  attempt: (what: string, settle: () => Promise<void>) => Promise<void>,
): Promise<number> {
  const deploymentId = await catalog.deploymentId();
  // Temporal first: of every drill found there the row was written before, and is seen in the catalog.
  const listed = await listDrillSchedules(client, deploymentId);
  const drills = new Map((await catalog.listDrills()).map((drill) => [drill.serviceId, drill]));
  let settled = 0;
  for (const serviceId of new Set([...listed.keys(), ...drills.keys()])) {
    const [there, wanted] = [listed.get(serviceId), drills.get(serviceId)];
    if (wanted && there !== undefined && isDrillAsWanted(there, wanted)) continue;
    await attempt(`the drill of ${serviceId}`, async () => {
      await settleDrill(client, catalog, serviceId, timings);
      settled += 1;
      log.info({ service: serviceId }, 'The drill in Temporal was brought to what the catalog says.');
    });
  }
  return settled;
}

/**
 * A proof whose workflow is over, or was never started.
 *
 * @param lost what is written down of one that ended without a word
 * @returns what was done
 */
export async function settleProof(
  plane: Plane,
  { id: proofId, workflowId, serviceId, status }: ProofRecord,
  lost: (workflowId: string) => { endedAt: string; message: string },
): Promise<'started' | 'settled' | undefined> {
  const state = await workflowState(plane, workflowId);
  if (state === 'missing' && status === 'Scheduled') {
    const deploymentId = await plane.catalog.deploymentId();
    await startProof(plane.client, workflowId, { proofId, serviceId, deploymentId, timings: plane.timings });
    return 'started';
  }
  if (state === 'open') return undefined;
  const { endedAt: finishedAt, message } = lost(workflowId);
  const ended = { status: 'Failed', code: 'operation_lost', finishedAt, message } as const;
  return (await plane.catalog.updateProof(workflowId, ended)) ? 'settled' : undefined;
}
