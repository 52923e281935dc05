/** Proofs in the catalog: what is brought back, who does it, and what came of it. */
import { planRecovery } from '../../domain/archive/plan.ts';
import { ratesFrom } from '../../domain/archive/rates.ts';
import { recoveryWindow } from '../../domain/archive/window.ts';
import { TidemarkError, isErrorName } from '../../domain/errors.ts';
import { isFinal } from '../../domain/operations.ts';
import { drawInstant } from '../../domain/proofs/instant.ts';
import { noProver, proversFor } from '../../domain/proofs/provers.ts';
import type { ProofTarget } from '../../domain/proofs/types.ts';
import { differingMessage, differs, provenMessage } from '../../domain/proofs/verdict.ts';
import type { ProofRecord } from '../../catalog/proof-types.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import type { ControlActivities } from './contract.ts';
import type { Plane } from './plane.ts';

type ProofActivities = Pick<ControlActivities, 'beginProof' | 'aimProof' | 'updateProof' | 'recordProof'>;

const servicesAtOnce = 500;

export function proofActivities(plane: Plane): ProofActivities {
  const { catalog, log } = plane;
  return {
    async beginProof({ serviceId, workflowId }) {
      const service = await serviceOf(plane, serviceId);
      const record = await catalog.beginProof({ service, workflowId, message: 'The drill begins.' });
      if (record.workflowId !== workflowId) return {};
      await catalog.updateProof(workflowId, { status: 'Running' });
      return { proofId: record.id };
    },

    async aimProof({ serviceId, workflowId }) {
      const service = await serviceOf(plane, serviceId);
      const target = await targetOf(plane, service);
      const { backupId, time: pointInTime } = target;
      await catalog.aimProof(workflowId, { serviceId, backupId, pointInTime });
      const candidates = await catalog.listProvers(service.organization);
      const [first, ...others] = proversFor(service, candidates);
      if (!first) throw new TidemarkError('prover_missing', noProver(service, candidates.length));
      return { target, provers: [first, ...others] };
    },

    async updateProof({ workflowId, code, ...patch }) {
      const ended = isFinal(patch.status);
      const changed = await catalog.updateProof(workflowId, {
        ...patch,
        ...(isErrorName(code) && { code }),
        ...(ended && { finishedAt: new Date().toISOString() }),
      });
      if (!changed || patch.status !== 'Failed') return;
      const record = await catalog.findProof(workflowId);
      log.warn(
        { service: record?.serviceId, proof: record?.id, reason: patch.message },
        'A drill has failed.',
      );
    },

    async recordProof({ workflowId, prover, report: { measured = [], ...report }, progress }) {
      const record = await requireProof(plane, workflowId);
      // An attempt before this one has recorded it.
      if (record.status === 'Succeeded') return { message: record.message };
      const time = record.pointInTime ?? '';
      const earlier = await catalog.findEarlierProof(record);
      if (earlier && differs(report, earlier)) {
        throw new TidemarkError('proof_failed', differingMessage(time, earlier));
      }
      await catalog.keepMeasurements({ agentId: prover.agentId, workflowId, stages: measured });
      const message = provenMessage(time, prover, report, earlier);
      const finishedAt = new Date().toISOString();
      await catalog.updateProof(workflowId, {
        status: 'Succeeded',
        message,
        finishedAt,
        prover,
        report,
        progress,
      });
      log.info(
        { service: record.serviceId, proof: record.id, seconds: report.seconds.total },
        'A service was proven.',
      );
      return { message };
    },
  };
}

async function serviceOf({ catalog }: Plane, serviceId: string): Promise<ServiceRecord> {
  const service = await catalog.findService(serviceId);
  if (service) return service;
  throw new TidemarkError('service_not_found', `There is no service "${serviceId}".`);
}

async function requireProof({ catalog }: Plane, workflowId: string): Promise<ProofRecord> {
  const record = await catalog.findProof(workflowId);
  if (record) return record;
  throw new Error(`the proof of ${workflowId} was never written down`);
}

/** Drawn anew each time. @throws nothing_to_prove */
async function targetOf(
  { catalog, restoreRates }: Plane,
  { serviceId, agentId }: ServiceRecord,
): Promise<ProofTarget> {
  const facts = await catalog.recoveryFacts(serviceId);
  const rates = ratesFrom(restoreRates, await catalog.findMeasurements(agentId));
  const time = drawInstant(recoveryWindow(facts, rates).intervals, Math.random());
  if (time === undefined) {
    throw new TidemarkError(
      'nothing_to_prove',
      `The service ${serviceId} has no backup that it could be brought back from. Take a full backup.`,
    );
  }
  const plan = planRecovery(facts, { time }, rates);
  if ('refused' in plan) throw new TidemarkError('proof_failed', plan.refused);
  const backupId = plan.chain.at(-1) ?? '';
  const external = (await catalog.findBackup(backupId))?.method === 'external';
  return { backupId, external, time, ranges: plan.ranges, stop: plan.stop };
}

/** Tells of every service that is, or is to be, proven. */
export async function measureProofs({ catalog, proofMeter }: Plane): Promise<void> {
  if (!proofMeter) return;
  for (let after = ''; ;) {
    const ids = await catalog.provenServices(after, servicesAtOnce);
    const latest = await catalog.findLatestProofs(ids);
    for (const id of ids) {
      const { last, succeeded } = latest.get(id) ?? {};
      const seconds = succeeded?.report?.seconds.total;
      proofMeter.proof(id, {
        failed: last?.status === 'Failed',
        ...(succeeded?.finishedAt !== undefined && {
          ageSeconds: Math.max(0, Date.now() - Date.parse(succeeded.finishedAt)) / 1000,
        }),
        ...(seconds !== undefined && { seconds }),
      });
    }
    const last = ids.at(-1);
    if (last === undefined) return;
    after = last;
  }
}
