/** Looks for a secret in all places that others can read: a canary that must be found nowhere. */
import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Watch {
  /** Ends it. `found`: arguments or environments with the secret in them; `seen`: all argument lists there were. */
  end(): Promise<{ found: string[]; seen: Set<string> }>;
}

/** Looks into the arguments and the environment of every process there is, again and again. */
export function watchProcesses(secret: string): Watch {
  const found: string[] = [];
  const seen = new Set<string>();
  let going = true;
  const watching = (async () => {
    while (going) {
      for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        for (const kind of ['cmdline', 'environ']) {
          const text = readOf(`/proc/${pid}/${kind}`);
          if (kind === 'cmdline') seen.add(text.replaceAll('\0', ' '));
          if (text.includes(secret)) found.push(`${kind} of ${readOf(`/proc/${pid}/cmdline`)}`);
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
  const found: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    if ((await readFile(file)).includes(secret)) found.push(file);
  }
  return found;
}

/** Empty for what has ended, or belongs to others. */
function readOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
