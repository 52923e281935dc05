/** Starting and stopping sample servers at the edges: in the middle of a start, and after a restore that died. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeSampleAgent, type StackAgent } from '../../embedded/agents.ts';
import { startSampleServer, stopSampleServer } from '../../embedded/sample-lifecycle.ts';
import { prepareSampleServer, sampleServer, type SampleServer } from '../../embedded/sample-server.ts';
import { writeJournal } from '../../mariadb/cutover/journal.ts';
import { beginInPlace } from '../../mariadb/restore/in-place.ts';
import { closeInPlace } from '../../mariadb/restore/in-place-record.ts';
import { isServing } from '../../mariadb/server/lifecycle.ts';
import { silentLog } from '../support/mariadb.ts';
import { processesOf } from './start-process.ts';

let folder: string;
let server: SampleServer;
let agent: StackAgent;
let said: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sample-'));
  server = sampleServer(folder, 1);
  said = [];
  await prepareSampleServer(server, 1);
  const storage = `file://${join(folder, 'storage')}`;
  const options = { storage, identity: undefined, logLevel: 'info' } as const;
  agent = await writeSampleAgent(join(folder, 'agents'), server, options);
});

afterEach(async () => {
  await stopSampleServer(server, 20_000);
  await rm(folder, { recursive: true, force: true });
});

async function start(signal = new AbortController().signal): Promise<void> {
  await startSampleServer(agent.settings, (message) => said.push(message), signal);
}

test('a server that has not written its pid file yet is stopped', async () => {
  await start();
  expect(await isServing(agent.settings.server)).toBe(true);
  await rm(server.pidFile);
  await stopSampleServer(server, 20_000);
  expect(processesOf(folder)).toEqual([]);
});

test('a server is left to its agent while a restore of it is not settled', async () => {
  const { server: settings, state_directory: stateDirectory } = agent.settings;
  await beginInPlace({ server: settings, stateDirectory, restoreId: 1, log: silentLog });
  await start();
  expect(processesOf(folder)).toEqual([]);
  await closeInPlace(stateDirectory);

  const journal = {
    format: 1,
    restoreId: 2,
    workflowId: 'restore/2',
    state: 'open',
    step: 'in',
    served: true,
    members: [],
    newData: '',
    beganAt: new Date().toISOString(),
  } as const;
  await writeJournal(stateDirectory, { ...journal, members: [] });
  await start();
  expect(processesOf(folder)).toEqual([]);
  const interrupted =
    'A restore of sample-1 was interrupted. Its agent settles that before the server starts.';
  expect(said).toEqual([interrupted, interrupted]);

  await writeJournal(stateDirectory, { ...journal, members: [], state: 'rolled_back' });
  await start();
  expect(await isServing(settings)).toBe(true);
  expect(said).toHaveLength(2);
});
