/** What a restore begins with: the plan, made of what the backup is, what the archive has and what stands on the host. */
import type { HostInspection, HostRestoreInput } from '../activities/host/contract.ts';
import { planSources } from '../domain/copies.ts';
import { TidemarkError } from '../domain/errors.ts';
import type { ForeignFacts } from '../domain/foreign.ts';
import { planLoad } from '../domain/load-plan.ts';
import type { RestoreInput, RestoreMode, SealedBucket } from '../domain/operations.ts';
import { isIncluded } from '../domain/part.ts';
import {
  type BackupFacts,
  planRestore,
  type ReplayFacts,
  type RestorePlan,
  type SelectedBinlogs,
  type TargetFacts,
} from '../domain/restore-plan.ts';
import { type Agent, agentProxies, type ControlPlane } from './agents.ts';
import { agreeOnBucket } from './buckets.ts';
import { type PlannedRecovery, planRecovery, selectOn } from './recovery.ts';

/** What is known once the plan stands. */
export interface PlannedRestore {
  agent: Agent;
  order: HostRestoreInput;
  facts: BackupFacts;
  host: HostInspection;
  plan: RestorePlan;
  /** The location that serves, where there is more than one, for people. */
  source?: string;
  /** Of a restore beyond the backup's own instant. */
  recovery?: PlannedRecovery;
  /** What of the archive it replays. */
  binlogs?: SelectedBinlogs;
  /** Of a backup that Tidemark did not make. */
  foreign?: ForeignFacts;
}

/** What is needed is there, fits, and may be: or the restore is refused before anything is touched. */
export async function planOn(
  plane: ControlPlane,
  input: RestoreInput,
  facts: BackupFacts,
  { agentId, keepPreviousMs }: { agentId: string; keepPreviousMs?: number | undefined },
): Promise<PlannedRestore> {
  const agent = agentProxies(agentId, input.timings);
  const { backupId } = input;
  const wanted = factsOf(input, facts);
  const bucket = input.external
    ? await agreeOnBucket(plane, agent, { backupId, purpose: 'restore' })
    : undefined;
  const chain = facts.chain?.map(({ backupId: id, manifestSha256 }) => ({ backupId: id, manifestSha256 }));
  const recovery = input.recovery && (await planRecovery(plane, input.recovery, facts));
  const order = {
    ...orderOf(input, facts.manifestSha256, bucket),
    ...(chain && { chain }),
    ...(recovery?.replay && { replay: recovery.replay }),
    ...(keepPreviousMs !== undefined && { keepPreviousMs }),
  };
  const encrypted = facts.encrypted || (facts.chain ?? []).some(({ recipients }) => recipients.length > 0);
  const host = await agent.control.inspectHost({ ...order, encrypted });
  if (order.part) await examinePart(agent, order, host);
  const binlogs = order.replay && (await selectOn(agent, order, host));
  const plan = planOf(wanted, host, input.mode, binlogs);
  const planned = {
    agent,
    order,
    facts,
    host,
    plan,
    ...(recovery && { recovery }),
    ...(binlogs && { binlogs }),
  };
  if (!facts.sources) return planned;
  const [first, ...others] = planSources(facts.sources, host.copies);
  const sources = [first, ...others].flatMap((source) => (source ? [source.location] : []));
  return { ...planned, order: { ...order, sources }, ...(first && { source: first.shown }) };
}

/** Of a part only what is in it is worth a warning. */
function factsOf({ part }: RestoreInput, facts: BackupFacts): BackupFacts {
  if (!part) return facts;
  return { ...facts, memoryTables: facts.memoryTables.filter((table) => isIncluded(part, table)) };
}

/** @throws agent_outdated, part_conflict, privilege_missing, database_unreachable */
export async function examinePart(
  agent: Agent,
  order: HostRestoreInput,
  host: HostInspection,
): Promise<void> {
  if (!host.bringsParts) {
    throw new TidemarkError(
      'agent_outdated',
      'The agent of the target is of a version that cannot bring back part of a backup. Upgrade the agent.',
    );
  }
  await agent.control.examinePart(order);
}

function planOf(
  facts: BackupFacts,
  host: TargetFacts,
  mode: RestoreMode,
  binlogs: ReplayFacts | undefined,
): RestorePlan {
  const { dump } = facts;
  return dump ? planLoad({ ...facts, dump }, host, mode, binlogs) : planRestore(facts, host, mode, binlogs);
}

export function orderOf(
  input: RestoreInput,
  manifestSha256: string,
  bucket?: SealedBucket,
): HostRestoreInput {
  const { restoreId, workflowId, backupId, mode, part } = input;
  const order = { restoreId, workflowId, backupId, mode, manifestSha256 };
  return { ...order, ...(bucket && { bucket }), ...(part && { part }) };
}
