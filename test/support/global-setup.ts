/** Begins a test run: makes its folder and starts its keeper (see run.ts and keeper.ts). */
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runVariable } from './run.ts';

export default async function globalSetup(): Promise<void> {
  // The fixed /tmp keeps socket paths under the 107 bytes that the system allows.
  const folder = mkdtempSync('/tmp/tidemark-test-');
  // mariadbd may run as another user, who has to come through.
  chmodSync(folder, 0o755);
  process.env[runVariable] = folder;
  process.env['TMPDIR'] = folder;
  const keeper = spawn(process.execPath, [fileURLToPath(new URL('keeper.ts', import.meta.url))], {
    detached: true,
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  await new Promise<void>((resolve, reject) => {
    keeper.stdout.once('data', () => resolve());
    keeper.once('error', reject);
    keeper.once('exit', (code) => reject(new Error(`the keeper of the test run ended with ${String(code)}`)));
  });
  keeper.stdout.destroy();
  globalThis.tidemarkKeeper = keeper;
}
