/** Which directories are mount points: those cannot be renamed. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';

/** Whether a directory is a mount point, also of a bind mount. One that does not exist is none. */
export async function isMountPoint(directory: string): Promise<boolean> {
  if ((await mountPoints()).has(directory)) return true;
  try {
    const [own, parent] = await Promise.all([stat(directory), stat(path.dirname(directory))]);
    return own.dev !== parent.dev;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

/** All mount points of this machine, as this process sees them; empty where the system does not list them. */
export async function mountPoints(): Promise<ReadonlySet<string>> {
  let text: string;
  try {
    text = await readFile('/proc/self/mountinfo', 'utf8');
  } catch {
    return new Set();
  }
  const points = text.split('\n').map((line) => line.split(' ')[4] ?? '');
  return new Set(points.map(unescapeOctal));
}

/** The kernel writes a space as `\040`. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
