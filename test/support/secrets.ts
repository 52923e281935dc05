/** Looks for a secret in all places that others can read: a canary that must be found nowhere. */
import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readHistory } from './histories.ts';
import type { TestStack } from './stack.ts';

export interface Watch {
  /** Ends it. `found`: arguments or environments with the secret in them; `seen`: all argument lists there were. */
  end(): Promise<{ found: string[]; seen: Set<string> }>;
}

/** A process that was looked at so often is what it will be: it is looked at again now and then. */
const settledLooks = 20;

/** Looks for any of the secrets in the arguments and the environment of every process there is, again and again. */
export function watchProcesses(...secrets: string[]): Watch {
  const found: string[] = [];
  const seen = new Set<string>();
  let looks = new Map<string, number>();
  let going = true;
  const watching = (async () => {
    while (going) {
      const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
      looks = new Map(pids.map((pid) => [pid, (looks.get(pid) ?? 0) + 1]));
      for (const [pid, look] of looks) {
        if (look > settledLooks && look % settledLooks !== 0) continue;
        for (const kind of ['cmdline', 'environ']) {
          const text = readOf(`/proc/${pid}/${kind}`);
          if (kind === 'cmdline') seen.add(text.replaceAll('\0', ' '));
          if (secrets.some((secret) => text.includes(secret)))
            found.push(`${kind} of ${readOf(`/proc/${pid}/cmdline`)}`);
        }
      }
      await sleep(2);
    }
  })();
  return {
    end: async () => {
      going = false;
      await watching;
      return { found, seen };
    },
  };
}

/** The files below a folder that have the secret in them. */
export async function filesWith(secret: string, folder: string): Promise<string[]> {
  return await filesWithAny([secret], folder);
}

async function filesWithAny(secrets: readonly string[], folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    // One that went away meanwhile, such as a journal of SQLite, holds nothing.
    const content = await readFile(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return Buffer.alloc(0);
      throw error;
    });
    if (secrets.some((secret) => content.includes(secret))) found.push(file);
  }
  return found;
}

/**
 * Where a stack shows any of the secrets: in a file below its folder (the catalog and the agents' folders are there),
 * in the history of a workflow, in what a process says, or in an answer.
 *
 * @param answers paths of GET requests, beside the usual ones
 */
export async function seenIn(
  stack: TestStack,
  secrets: readonly string[],
  answers: readonly string[] = [],
): Promise<string[]> {
  const seen: string[] = [];
  const look = (where: string, text: string): void => {
    for (const secret of secrets) if (text.includes(secret)) seen.push(`${where}: ${secret.slice(0, 12)}…`);
  };
  seen.push(...(await filesWithAny(secrets, stack.folder)));
  for await (const { workflowId, runId } of stack.client.workflow.list()) {
    look(`the history of ${workflowId}`, await readHistory(stack.client, workflowId, runId));
  }
  for (const { name, output } of [stack.api, stack.control, ...stack.services.map(({ agent }) => agent)]) {
    if (output === '') throw new Error(`${name} has said nothing`);
    look(`the words of ${name}`, output);
  }
  const usual = ['/backups', '/backups/schedules', '/restores', '/services', '/agents', '/audit'];
  for (const place of [...usual, ...answers]) {
    const { status, body } = await stack.request('GET', place);
    if (status !== 200) throw new Error(`GET ${place} was answered by ${status}`);
    look(`GET ${place}`, JSON.stringify(body));
  }
  return seen;
}

/** Empty for what has ended, or belongs to others. */
function readOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
