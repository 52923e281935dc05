/** What a supervisor that was killed has left behind: its processes, which nobody watches any more. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { endProcess, readRecord, removeRecord } from './process-record.ts';
import { sampleNumber, sampleServer } from './sample-server.ts';
import { stopSampleServer } from './sample-lifecycle.ts';

/** How long each may take to end by itself. Milliseconds. */
const graceMs = 3_000;

/** Ends every process that has a record in `folder`, whatever the stack is to consist of this time. */
export async function endLeftovers(folder: string): Promise<void> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  await Promise.all(
    files.map(async (name) => {
      const file = join(folder, name);
      const record = await readRecord(file);
      if (record) await endProcess(record, graceMs);
      await removeRecord(file);
    }),
  );
}

/**
 * Stops the sample servers beyond the first `samples`. Those within are taken over as they run: their agents find
 * them serving.
 *
 * @param folder of all sample servers
 */
export async function stopSurplusServers(folder: string, samples: number): Promise<void> {
  const numbers = (await readdir(folder)).map(sampleNumber).filter((number) => number > samples);
  await Promise.all(numbers.map((number) => stopSampleServer(sampleServer(folder, number), graceMs)));
}
