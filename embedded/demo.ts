/** `npm run demo`: one command backs a real MariaDB server up, destroys it, and brings it back. */
import { CommanderError } from 'commander';
import { tmpdir } from 'node:os';
import { messageOf } from '../domain/errors.ts';
import { announcementText } from './announce.ts';
import { makeIdentity } from './demo/identity.ts';
import { type DemoStorage, openDemoStorage } from './demo/storage.ts';
import { parseDemoOptions, type DemoOptions } from './demo/options.ts';
import { runDemo } from './demo/run.ts';
import { seconds, type Show, showOn } from './demo/show.ts';
import { aborted, Interrupted, interruption } from './signals.ts';
import { inTemporaryFolder, startPrivateStack } from './temporary.ts';

const say = (message: string): void => void process.stderr.write(`${message}\n`);

/** @returns the exit code: 0 only when everything was the same; 1 when not, 2 for options that are not allowed */
async function main(args: string[]): Promise<number> {
  const interrupted = interruption();
  try {
    const options = parseDemoOptions(args);
    return await inTemporaryFolder(tmpdir(), 'tidemark-demo-', (folder) =>
      demonstrate(folder, options, interrupted),
    );
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    say(`\n${messageOf(error)}`);
    return error instanceof Interrupted ? 130 : 1;
  }
}

async function demonstrate(folder: string, options: DemoOptions, interrupted: AbortSignal): Promise<number> {
  const began = performance.now();
  const show = showOn(process.stdout);
  const storage = await openDemoStorage(options.storage, folder, show);
  try {
    return await demonstrateOn(storage, folder, options, interrupted, show, began);
  } finally {
    await storage.stop();
  }
}

async function demonstrateOn(
  { storage, environment }: DemoStorage,
  folder: string,
  options: DemoOptions,
  interrupted: AbortSignal,
  show: Show,
  began: number,
): Promise<number> {
  const encryption = options.encrypted ? await makeIdentity(folder, show) : undefined;
  const stack = await show.step(
    'Start Temporal, the api, the control worker, and an agent with its MariaDB server',
    () => startPrivateStack(folder, say, interrupted, { ...encryption, storage, environment }),
    ({ api, temporalUi }) => `the API answers at ${api}, Temporal's UI at ${temporalUi}`,
  );
  try {
    // Whatever the demo waits for, Ctrl-C ends it: the stack is stopped under it.
    const findings = await Promise.race([
      runDemo(stack, options, show),
      aborted(interrupted).then(() => Promise.reject(interrupted.reason as Error)),
    ]);
    const took = seconds(performance.now() - began);
    const differing = findings.map((text) => `      ${text}\n`).join('');
    process.stdout.write(
      findings.length === 0
        ? `\n  Everything is as it was just before the drop, and to the second. The whole took ${took}.\n`
        : `${differing}\n  ${findings.length} of them differ. The whole took ${took}.\n`,
    );
    if (options.keep) {
      process.stdout.write(`\n${announcementText(stack)}`);
      await aborted(interrupted);
    }
    return findings.length === 0 ? 0 : 1;
  } finally {
    await stack.stop();
  }
}

process.exitCode = await main(process.argv.slice(2));
