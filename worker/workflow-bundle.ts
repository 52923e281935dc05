/** The workflows as one file, as the worker loads them: made when their source has changed, kept otherwise. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, mkdir, readdir, readFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
/** What ends up in the bundle, the SDK's version included. */
const sources = ['workflows', 'domain', 'package-lock.json'];

/** @returns the path of the bundle, in the cache folder (`TIDEMARK_CACHE`, else `~/.cache/tidemark`) */
export async function workflowBundle(): Promise<{ codePath: string }> {
  const cache = process.env.TIDEMARK_CACHE ?? path.join(os.homedir(), '.cache', 'tidemark');
  const folder = path.join(cache, 'workflows');
  const codePath = path.join(folder, `${await digestOfSources()}.js`);
  try {
    await access(codePath);
  } catch {
    await mkdir(folder, { recursive: true });
    await promisify(execFile)(process.execPath, [path.join(root, 'worker', 'bundle.ts'), codePath]);
  }
  return { codePath };
}

async function digestOfSources(): Promise<string> {
  const digest = createHash('sha256');
  for (const source of sources) {
    const whole = path.join(root, source);
    for (const file of source.endsWith('.json') ? [whole] : await filesBelow(whole)) {
      digest
        .update(path.relative(root, file))
        .update('\0')
        .update(await readFile(file))
        .update('\0');
    }
  }
  return digest.digest('hex').slice(0, 32);
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}
