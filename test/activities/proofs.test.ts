/** What a control worker knows of a drill: what is drawn, who may do it, and what came of it. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { measureProofs, proofActivities } from '../../activities/control/proofs.ts';
import type { ProofMeter } from '../../activities/control/plane.ts';
import type { ServiceRecord } from '../../catalog/types.ts';
import { startOf } from '../../domain/progress.ts';
import type { Prover, ProofReport } from '../../domain/proofs/types.ts';
import { newService } from '../catalog/records.ts';
import { type Folder, newFolder } from '../storage/support.ts';
import { type Deployment, openDeployment, storedBackup } from './expired.ts';

const prover: Prover = { agentId: 'agent-2', serviceId: 'stock', hostname: 'host-2', ownHost: false };
const pointInTime = '2026-01-31T02:00:00.000Z';
let folder: Folder;
let deployment: Deployment;
let service: ServiceRecord;
let run = 0;

beforeEach(async () => {
  folder = await newFolder();
  deployment = await openDeployment(folder.path);
  service = newService({ organization: 'acme' });
  await deployment.catalog.upsertService(service);
});
afterEach(async () => {
  await deployment.close();
  await folder.remove();
});

function reportWith(digest: string, total = 42): ProofReport {
  const seconds = { fetching: 1, preparing: 1, replaying: 1, checking: 1, total };
  return { reached: {}, seconds, tables: 3, rows: 9, digest, warnings: [] };
}

async function begin(): Promise<{ serviceId: string; workflowId: string }> {
  const input = { serviceId: service.serviceId, workflowId: `proof/${(run += 1)}` };
  await proofActivities(deployment.plane).beginProof(input);
  return input;
}

async function record(report: ProofReport): Promise<string> {
  const { aimProof, recordProof } = proofActivities(deployment.plane);
  const input = await begin();
  await aimProof(input);
  const { workflowId } = input;
  return (await recordProof({ workflowId, prover, report, progress: startOf('done') })).message;
}

test('without a backup there is nothing to draw; without a prover it is known what was drawn', async () => {
  const { catalog, plane } = deployment;
  const { aimProof, updateProof } = proofActivities(plane);
  const input = await begin();
  await expect(aimProof(input)).rejects.toMatchObject({ code: 'nothing_to_prove' });
  const backupId = await storedBackup(deployment, service, 1, undefined, { pointInTime });
  await expect(aimProof(input)).rejects.toMatchObject({
    code: 'prover_missing',
    message: expect.stringContaining('no agent offers itself'),
  });
  const time = '2026-01-31T02:00:00.000000Z';
  expect(await catalog.findProof(input.workflowId)).toMatchObject({ backupId, pointInTime: time });
  await catalog.upsertService(
    newService({ organization: 'other', hostname: 'h', prover: { ownHost: true } }),
  );
  await expect(aimProof(input)).rejects.toMatchObject({ code: 'prover_missing' });
  const offering = newService({ organization: 'acme', hostname: 'host-2', prover: { ownHost: false } });
  await catalog.upsertService(offering);
  expect(await aimProof(input)).toEqual({
    target: { backupId, external: false, time, ranges: [], stop: { at: 'backup' } },
    provers: [expect.objectContaining({ serviceId: offering.serviceId, ownHost: false })],
  });
  await updateProof({
    workflowId: input.workflowId,
    status: 'Failed',
    message: 'No.',
    code: 'object_damaged',
  });
  expect(await catalog.findProof(input.workflowId)).toMatchObject({
    status: 'Failed',
    code: 'object_damaged',
  });
  expect(deployment.lines.join('\n')).toContain('warn A drill has failed.');
});

test('the same instant has the same checksums, or the drill has failed', async () => {
  await deployment.catalog.upsertService(
    newService({ organization: 'acme', hostname: 'h', prover: { ownHost: true } }),
  );
  await storedBackup(deployment, service, 1, undefined, { pointInTime });
  expect(await record(reportWith('aa'))).toContain('compared with none');
  expect(await record(reportWith('aa'))).toMatch(
    /Their checksums are those of proof \d+, of the same instant/,
  );
  await expect(record(reportWith('bb'))).rejects.toMatchObject({
    code: 'proof_failed',
    message: expect.stringMatching(/other rows or checksums than in proof \d+/),
  });
});

test('figures tell when it was last proven, how long that took, and whether it failed since', async () => {
  const { catalog, plane } = deployment;
  await catalog.upsertService(newService({ organization: 'acme', hostname: 'h', prover: { ownHost: true } }));
  await storedBackup(deployment, service, 1, undefined, { pointInTime });
  const told = async (): Promise<Record<string, unknown>> => {
    const figures: Record<string, unknown> = {};
    const proofMeter: ProofMeter = { proof: (id, found) => void (figures[id] = found) };
    await measureProofs({ ...plane, proofMeter });
    return figures;
  };
  const { serviceId } = service;
  expect(await told()).toEqual({});
  await catalog.setDrill(serviceId, { schedule: '0 5 * * 0', offsetSeconds: 0 });
  expect(await told()).toEqual({ [serviceId]: { failed: false } });
  await record(reportWith('aa'));
  const proven = { ageSeconds: expect.any(Number), seconds: 42 };
  expect(await told()).toEqual({ [serviceId]: { failed: false, ...proven } });
  const { workflowId: waited } = await begin();
  const unfree = { status: 'Cancelled', message: 'No prover was free.', code: 'prover_busy' } as const;
  await proofActivities(plane).updateProof({ workflowId: waited, ...unfree });
  expect(await catalog.findProof(waited)).toMatchObject(unfree);
  expect(await told()).toEqual({ [serviceId]: { failed: false, ...proven } });
  const { workflowId } = await begin();
  const failed = { status: 'Failed', message: 'Damaged.', code: 'object_damaged' } as const;
  await proofActivities(plane).updateProof({ workflowId, ...failed });
  expect(await told()).toEqual({ [serviceId]: { failed: true, ...proven } });
});
