/** The demo's steps, from loading the data to comparing it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backup } from '../../client/answers.ts';
import { connect, rowsOf, type Connection } from '../../mariadb/server/sql.ts';
import { loadSampleData, measureDatabases, rowCounts } from '../sample-data/load.ts';
import { sampleDatabases } from '../sample-data/schema.ts';
import { startWriters } from '../sample-data/writers.ts';
import type { StackService } from '../services.ts';
import type { Stack } from '../stack.ts';
import { showWindow, takeBackups } from './backups.ts';
import { dropEverything, removeFiles } from './destroy.ts';
import { followed } from './follow.ts';
import type { DemoOptions } from './options.ts';
import { copyTables, stateAt } from './reference.ts';
import { megabytes, type Show } from './show.ts';
import { differences, takeSnapshot, type Snapshot } from './snapshot.ts';

const writerCount = 3;

/**
 * @returns what is not the same after the restore, a line each
 * @throws when a step fails: the backup, the restore, or the server itself
 */
export async function runDemo(stack: Stack, options: DemoOptions, show: Show): Promise<string[]> {
  const [service] = stack.services;
  if (!service) throw new Error('The stack has no service.');
  await connected(service, (connection) => load(connection, options, show));
  // A connection of its own: what SHOW CREATE prints depends on the database that was used last.
  const { backup, expected } = await connected(service, async (connection) => {
    const taken = await backUpWhileWriting(stack, service, connection, options, show);
    await showWindow(stack, service, show);
    await destroy(service, connection, show);
    return taken;
  });
  await restore(stack, service, backup, show);
  return connected(service, (connection) => compare(connection, expected, show));
}

async function load(connection: Connection, options: DemoOptions, show: Show): Promise<void> {
  await show.step(
    `Load sample databases of about ${megabytes(options.size)}`,
    async () => {
      await loadSampleData(connection, options.size);
      return measureDatabases(connection, sampleDatabases);
    },
    ({ bytes, tables }) => `${megabytes(bytes)} in ${tables} tables of ${sampleDatabases.join(' and ')}`,
  );
}

/** @returns the backup to restore, and what the server held at that backup's position */
async function backUpWhileWriting(
  stack: Stack,
  service: StackService,
  connection: Connection,
  options: DemoOptions,
  show: Show,
): Promise<{ backup: Backup; expected: Snapshot }> {
  const from = await copyTables(connection);
  const before = await takeSnapshot(connection);
  const writers = await show.step(
    `Let ${writerCount} clients write, and go on writing during the backups`,
    async () => {
      const connections = await Promise.all(
        Array.from({ length: writerCount }, () => connect(serverOf(service))),
      );
      const started = startWriters(connections, rowCounts(options.size));
      await sleep(options.warmUpMs);
      return started;
    },
    (started) => `${started.committed()} transactions so far`,
  );
  let backup: Backup;
  try {
    backup = await takeBackups(stack, service, show);
  } finally {
    await writers.stop();
  }
  const to = { file: backup.binlog_file ?? '', position: Number(backup.binlog_position) };
  return show.step(
    `Find out what the server held at the incremental's position, ${to.file} ${to.position}, from its own binlog`,
    async () => {
      const expected = await stateAt(connection, service, from, to);
      return { backup, expected: withoutReference(new Map([...before, ...expected])) };
    },
    ({ expected }) =>
      `${expected.size} checksums and definitions; the writers had ended after ${writers.committed()} transactions`,
  );
}

async function destroy(service: StackService, connection: Connection, show: Show): Promise<void> {
  await show.step(
    `Destroy it: drop the databases and accounts, then remove files behind the server's back`,
    async () => {
      await dropEverything(connection);
      return removeFiles(service.data_directory);
    },
    (removed) => `${removed.length} files are gone, ${removed.slice(0, 3).join(', ')} among them`,
  );
}

async function restore(stack: Stack, service: StackService, backup: Backup, show: Show): Promise<void> {
  await show.step(
    'Restore the incremental, and with it the full that it builds on',
    async () => {
      const order = await stack.client.orderRestore(backup.id, service.service_id);
      show.call('POST', '/restores', { id: backup.id, service_id: service.service_id }, order);
      return followed(() => stack.client.restore(order.id), show);
    },
    (restored) => `${restored.status}: ${restored.message ?? ''}`,
  );
}

function compare(connection: Connection, expected: Snapshot, show: Show): Promise<string[]> {
  return show.step(
    'Compare every table, definition and account with what the server held at the position',
    async () => {
      const [{ version } = { version: '' }] = await rowsOf<{ version: string }>(
        connection,
        'SELECT VERSION() AS version',
      );
      show.line(`the server answers: ${version}`);
      return differences(expected, withoutReference(await takeSnapshot(connection)));
    },
    (findings) =>
      findings.length === 0
        ? `all ${expected.size} are the same`
        : `${findings.length} of ${expected.size} differ`,
  );
}

/** The copy that the truth was found in was in the backup too, as everything was; it is nobody's data. */
function withoutReference(snapshot: Snapshot): Snapshot {
  return new Map([...snapshot].filter(([name]) => !name.includes('shop_reference')));
}

const serverOf = (service: StackService): { defaults_file: string } => ({
  defaults_file: service.defaults_file,
});

async function connected<T>(service: StackService, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await connect(serverOf(service));
  try {
    return await work(connection);
  } finally {
    await connection.end().catch(() => undefined);
  }
}
