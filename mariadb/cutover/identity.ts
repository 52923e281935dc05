/** What tells one server's data from another's. */
import { stat } from 'node:fs/promises';
import path from 'node:path';

/** Device and inode of a folder that every server has: renaming keeps them, and no other data has the same. */
export async function identityOf(directory: string): Promise<string> {
  const { dev, ino } = await stat(path.join(directory, 'mysql'), { bigint: true });
  return `${dev}:${ino}`;
}
