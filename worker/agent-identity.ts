/** An agent's identity: made at its first start, kept on its host ever after. */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { TidemarkError } from '../domain/errors.ts';

/**
 * The agent's id. Its task queues are named after it, so that a restarted agent takes its work up again.
 *
 * @throws invalid_setting when the identity file is there but cannot be understood: a new identity made over it
 *   would lose the service to a stranger
 */
export async function loadAgentId(stateDirectory: string): Promise<string> {
  await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
  await chmod(stateDirectory, 0o700);
  const file = path.join(stateDirectory, 'agent.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const agentId = randomUUID();
    const draft = `${file}.new`;
    await writeFile(draft, `${JSON.stringify({ agent_id: agentId })}\n`, { mode: 0o600, flush: true });
    await rename(draft, file);
    return agentId;
  }
  const agentId = idIn(text);
  if (agentId === undefined) {
    throw new TidemarkError(
      'invalid_setting',
      `${file} does not hold an agent's identity. Put the right one back, or remove it to begin as a new agent.`,
    );
  }
  return agentId;
}

function idIn(text: string): string | undefined {
  try {
    const { agent_id: id } = JSON.parse(text) as { agent_id?: unknown };
    return typeof id === 'string' && /^[0-9a-f-]{36}$/.test(id) ? id : undefined;
  } catch {
    return undefined;
  }
}
