/** An agent's identity: its id and its keys, made at its first start, kept on its host ever after. */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type AgentKeys, newAgentKeys, publicSigningKey } from '../domain/enrolment.ts';
import { TidemarkError } from '../domain/errors.ts';

export interface AgentIdentity extends AgentKeys {
  /** Its task queues are named after it, so that a restarted agent takes its work up again. */
  agentId: string;
}

/** As it stands in `agent.json`. A file of before there were keys has the id alone. */
interface IdentityFile {
  agent_id?: unknown;
  signing_key?: unknown;
  age_identity?: unknown;
  age_recipient?: unknown;
}

/**
 * The identity in a state directory, made where there is none. An agent of before there were keys gets its keys, and
 * keeps its id.
 *
 * @throws invalid_setting when the identity file is there but cannot be understood: a new identity made over it
 *   would lose the service to a stranger
 */
export async function loadIdentity(stateDirectory: string): Promise<AgentIdentity> {
  await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
  await chmod(stateDirectory, 0o700);
  const file = path.join(stateDirectory, 'agent.json');
  const found = await readIdentity(file);
  if (found && 'signingKey' in found) {
    // An older one may have been copied about with a mode that shows its keys.
    await chmod(file, 0o600);
    return found;
  }
  const identity = { agentId: found?.agentId ?? randomUUID(), ...newAgentKeys() };
  await writeIdentity(file, identity);
  return identity;
}

async function readIdentity(file: string): Promise<AgentIdentity | { agentId: string } | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
  const identity = identityIn(text);
  if (identity) return identity;
  throw new TidemarkError(
    'invalid_setting',
    `${file} does not hold an agent's identity. Put the right one back, or remove it to begin as a new agent, ` +
      'which has to be enrolled anew.',
  );
}

function identityIn(text: string): AgentIdentity | { agentId: string } | undefined {
  try {
    const content = JSON.parse(text) as IdentityFile;
    const { agent_id: agentId, signing_key: signingKey, age_identity: identity } = content;
    const { age_recipient: recipient } = content;
    if (typeof agentId !== 'string' || !/^[0-9a-f-]{36}$/.test(agentId)) return undefined;
    if (signingKey === undefined && identity === undefined) return { agentId };
    if (typeof signingKey !== 'string' || typeof identity !== 'string' || typeof recipient !== 'string')
      return undefined;
    // A key that is none would be found out only when it is needed.
    publicSigningKey(signingKey);
    return { agentId, signingKey, identity, recipient };
  } catch {
    return undefined;
  }
}

async function writeIdentity(file: string, identity: AgentIdentity): Promise<void> {
  const content = {
    agent_id: identity.agentId,
    signing_key: identity.signingKey,
    age_identity: identity.identity,
    age_recipient: identity.recipient,
  };
  const draft = `${file}.new`;
  await writeFile(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600, flush: true });
  await rename(draft, file);
}
