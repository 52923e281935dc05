/** An agent outlives a store that refuses a backup's first object. */
import { expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { newFolder } from '../storage/support.ts';

test('a store that refuses a backup before the server has answered ends the attempt, and not the agent', async () => {
  const folder = await newFolder();
  try {
    const script = fileURLToPath(new URL('refused-backup.ts', import.meta.url));
    // Its own process: a rejection that nobody handles ends no test.
    const { stdout } = await promisify(execFile)(process.execPath, [script, folder.path], {
      timeout: 60_000,
    });
    const [alive, error] = stdout.trim().split('\n');
    expect(alive).toBe('alive');
    expect(error).not.toBe('done');
  } finally {
    await folder.remove();
  }
});
