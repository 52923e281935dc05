/**
 * Bundles the workflows, in a process of its own: the bundler's memory goes with it. Run by workflow-bundle.ts.
 *
 * `node worker/bundle.ts FILE` writes the bundle to FILE.
 */
import { rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

const [target] = process.argv.slice(2);
if (target === undefined) throw new Error('usage: node worker/bundle.ts FILE');
const { code } = await bundleWorkflowCode({
  workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
});
const draft = `${target}.${process.pid}`;
await writeFile(draft, code);
await rename(draft, target);
