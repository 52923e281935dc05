/** Finding out what somebody else's backup is, before anything is done with it. */
import type { HostRestoreInput } from '../activities/host/contract.ts';
import { listed } from '../domain/dump.ts';
import { TidemarkError } from '../domain/errors.ts';
import type { ForeignFacts, SealedSource } from '../domain/foreign.ts';
import { planLoad } from '../domain/load-plan.ts';
import type { RestoreInput } from '../domain/operations.ts';
import type { PartRequest } from '../domain/part.ts';
import { type BackupFacts, planRestore, type TargetFacts } from '../domain/restore-plan.ts';
import { type Agent, agentProxies, type ControlPlane } from './agents.ts';
import { isUnknownActivity } from './failures.ts';
import { examinePart, orderOf, type PlannedRestore } from './restore-planning.ts';

/**
 * The plan of a restore from there.
 *
 * @throws what the place, the backup and the host refuse; agent_outdated
 */
export async function planForeign(plane: ControlPlane, input: RestoreInput): Promise<PlannedRestore> {
  const { restoreId, serviceId, mode, source: asked } = input;
  const { agentId, keepPreviousMs } = await plane.control.findAgent({ serviceId });
  const agent = agentProxies(agentId, input.timings);
  const own = { ...orderOf(input, ''), ...(keepPreviousMs !== undefined && { keepPreviousMs }) };
  const source = asked ?? (await plane.control.sealSource({ restoreId, agentId }));
  const host = await agent.control.inspectHost({ ...own, encrypted: false });
  if (own.part) await examinePart(agent, own, host);
  const found = await examine(agent, { ...own, foreign: { source, ...(asked && { asked: true }) } }, source);
  const facts = factsOf(input, found, host);
  const { dump } = facts;
  const plan = dump ? planLoad({ ...facts, dump }, host, mode) : planRestore(facts, host, mode);
  return {
    agent,
    order: { ...own, foreign: { source, facts: found } },
    facts,
    host,
    plan: { ...plan, warnings: [...found.warnings, ...plan.warnings] },
    foreign: found,
  };
}

/** What becomes of what the server has now, a sentence: a person who asks for a plan should read it. */
export function lossOf({ dump }: BackupFacts, part: PartRequest | undefined): string {
  if (part) {
    const beside =
      part.as === undefined ? 'takes the place of what is there' : `is beside what is there, as ${part.as}`;
    return `Of the running server nothing else is touched: what comes back ${beside}.`;
  }
  if (!dump || dump.whole) return 'All that the server has now is replaced, its accounts included.';
  return `What the running server has now in ${listed(dump.databases)} is dropped, also what the dump does not have.`;
}

async function examine(
  agent: Agent,
  order: HostRestoreInput,
  { method }: SealedSource,
): Promise<ForeignFacts> {
  try {
    return await agent.bulk.examineForeign(order);
  } catch (error) {
    if (!isUnknownActivity(error)) throw error;
    throw new TidemarkError(
      'agent_outdated',
      `The agent is of a version that restores no backups which Tidemark did not make (${method}): bring it to the version of ` +
        'the deployment, then order this again.',
    );
  }
}

/** What it does not say is taken to be as on the target, which sees to it when the backup is unpacked. */
function factsOf(
  { backupId }: RestoreInput,
  { storedBytes, unpackedBytes, files, dump }: ForeignFacts,
  host: TargetFacts,
): BackupFacts {
  const version = files?.serverVersion ?? dump?.serverVersion ?? '';
  return {
    backupId,
    manifestSha256: '',
    serverVersion: version === '' ? host.serverVersion : version,
    layout: host.layout,
    storedBytes,
    uncompressedBytes: Math.max(storedBytes, unpackedBytes),
    encrypted: false,
    recipients: [],
    pointInTime: '',
    memoryTables: [],
    ...(dump && { dump: { databases: dump.databases, whole: dump.whole }, dataBytes: unpackedBytes }),
  };
}
