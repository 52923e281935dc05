/**
 * The stack lets its own agents in: whoever may start it has its catalog. An agent gets a token when the catalog does
 * not know it by the id in its state directory: at its first start, when that directory was lost, and when a stack of
 * before there were enrolments is started again.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openCatalog } from '../catalog/open.ts';
import type { Catalog } from '../catalog/types.ts';
import { issueEnrolment } from '../api/enrolments.ts';
import type { StackAgent } from './agents.ts';
import type { DataPaths } from './paths.ts';

/** Where the token of an agent lies until it is used. */
export function tokenFileOf(paths: DataPaths, { settings }: StackAgent): string {
  return join(paths.agents, `${settings.service_id}.token`);
}

/** @throws service_not_found when a service belongs to another organization in this catalog */
export async function enrolAgents(paths: DataPaths, agents: readonly StackAgent[]): Promise<void> {
  const catalog = await openCatalog(`sqlite://${paths.catalog}`);
  try {
    await catalog.migrate();
    for (const agent of agents) await enrolAgent(catalog, paths, agent);
  } finally {
    await catalog.close();
  }
}

/** Once they are registered the tokens are worth nothing; files that look like secrets only make people wonder. */
export async function removeTokens(paths: DataPaths, agents: readonly StackAgent[]): Promise<void> {
  for (const agent of agents) await rm(tokenFileOf(paths, agent), { force: true });
}

async function enrolAgent(catalog: Catalog, paths: DataPaths, agent: StackAgent): Promise<void> {
  const { service_id: serviceId, organization, state_directory: state } = agent.settings;
  const known = await catalog.findEnrolledAgent(serviceId);
  if (known?.agentId !== undefined && known.agentId === (await agentIdIn(state))) return;
  const { token } = await issueEnrolment(catalog, {
    organization,
    serviceId,
    takeOver: true,
    createdBy: 'npm-start',
  });
  await writeFile(tokenFileOf(paths, agent), `${token}\n`, { mode: 0o600 });
}

/** Undefined where there is none that could be enrolled: the agent says itself what is wrong with it. */
async function agentIdIn(stateDirectory: string): Promise<string | undefined> {
  try {
    const { agent_id: id, signing_key: key } = JSON.parse(
      await readFile(join(stateDirectory, 'agent.json'), 'utf8'),
    ) as { agent_id?: string; signing_key?: string };
    return key === undefined ? undefined : id;
  } catch {
    return undefined;
  }
}
