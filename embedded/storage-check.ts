/**
 * A process that sees whether the storage of a stack can be used, in the environment of those that will use it: it ends
 * with 0 once it can. What is waited for is told on stdout, a line each; what does not pass, on stderr.
 */
import { recognizeStorage } from '../activities/control/own-storage.ts';
import { openCatalog } from '../catalog/open.ts';
import { type ControlSettings, controlSettings } from '../config/control.ts';
import { loadFromEnvironment } from '../config/load.ts';
import { exitWithMessage } from '../config/process.ts';
import type { StorageOptions } from '../config/storage.ts';
import { messageOf } from '../domain/errors.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { probeBucket } from '../storage/bucket-probe.ts';
import { openStore } from '../storage/open.ts';
import { isPassing } from '../storage/store.ts';

const pauseMs = 1_000;
/** How long one attempt tries again by itself, and waits for an answer, before its reason is told. Milliseconds. */
const attemptMs = { retry_for: 2_000, request_timeout: 15_000 };

await exitWithMessage(async () => {
  const settings = loadFromEnvironment(controlSettings);
  await untilUsable(settings);
  await tellOfCopies(settings);
});

async function untilUsable(settings: ControlSettings): Promise<void> {
  for (let told = ''; ; await sleep(pauseMs)) {
    try {
      await look(settings);
      return;
    } catch (error) {
      // A directory of this machine does not come by itself.
      if (!isPassing(error) || settings.storage.startsWith('file:')) throw error;
      if (error.message !== told) process.stdout.write(`Waiting for the storage. ${oneLine(error)}\n`);
      told = error.message;
    }
  }
}

async function look({
  storage,
  storage_options: options,
  storage_moved_from: movedFrom,
  catalog: location,
}: ControlSettings): Promise<void> {
  const store = await openStore(storage, { options: hasty(options) });
  const catalog = await openCatalog(location);
  try {
    await catalog.migrate();
    await recognizeStorage(store, catalog, { movedFrom });
  } finally {
    await catalog.close();
  }
  await probeBucket(store);
}

/** Backups are taken without their copies, too: what is wrong with a place is told, and nothing waits for it. */
async function tellOfCopies({ copies }: ControlSettings): Promise<void> {
  for (const { location, options } of copies) {
    try {
      await probeBucket(await openStore(location, { options: hasty(options) }));
    } catch (error) {
      process.stdout.write(`No copies can be written to ${location} now. ${oneLine(error)}\n`);
    }
  }
}

function hasty(options: StorageOptions): StorageOptions {
  const { retry_for: longest, request_timeout: patience } = options;
  return {
    ...options,
    retry_for: Math.min(longest, attemptMs.retry_for),
    request_timeout: Math.min(patience, attemptMs.request_timeout),
  };
}

function oneLine(error: unknown): string {
  return messageOf(error).replaceAll(/\s*\n\s*/g, ' ');
}
