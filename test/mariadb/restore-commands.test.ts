import { expect, test } from '@jest/globals';
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { copyWhole, syncFileSystem } from '../../mariadb/restore/commands.ts';
import { testAttempt } from '../support/attempts.ts';

test.each([
  ['Input/output error', 'disk_failed'],
  ['No space left on device', 'disk_full'],
  ['Disk quota exceeded', 'disk_full'],
])('a sync or a copy that ends with "%s" is a %s', async (said, code) => {
  const attempt = await testAttempt();
  const { PATH } = process.env;
  for (const name of ['sync', 'cp']) {
    const program = path.join(attempt.folder, name);
    await writeFile(program, `#!/bin/sh\necho "${name}: error syncing: ${said}" >&2\nexit 1\n`);
    await chmod(program, 0o755);
  }
  process.env['PATH'] = `${attempt.folder}:${PATH}`;
  try {
    const failed = { code, message: expect.stringContaining(said), retryable: false };
    await expect(syncFileSystem(attempt.folder, attempt)).rejects.toMatchObject(failed);
    await expect(copyWhole('/a', '/b', attempt)).rejects.toMatchObject(failed);
  } finally {
    process.env['PATH'] = PATH;
  }
});
