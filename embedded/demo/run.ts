/** The demo's steps, from loading the data to comparing it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, rowsOf, type Connection } from '../../mariadb/server/sql.ts';
import { loadSampleData, measureDatabases, rowCounts } from '../sample-data/load.ts';
import { sampleDatabases } from '../sample-data/schema.ts';
import { startWriters } from '../sample-data/writers.ts';
import type { StackService } from '../services.ts';
import type { Stack } from '../stack.ts';
import { shipBinlogs, showWindow, takeBackups } from './backups.ts';
import { type Customers, startCustomers } from './customers.ts';
import { dropEverything, dropOrders, removeFiles } from './destroy.ts';
import type { DemoOptions } from './options.ts';
import { copyTables, stateAt } from './reference.ts';
import { compareOrders, findDrop, restoreTo, type Scene, secondBefore, undo, wallClock } from './restores.ts';
import { megabytes, type Show } from './show.ts';
import { differences, takeSnapshot, type Snapshot } from './snapshot.ts';

const writerCount = 3;
const customerCount = 2;

interface Accident {
  /** The transaction that should not have happened. */
  gtid: string;
  /** When it was asked for, microseconds since 1970. */
  at: number;
  /** What the server held just before it. */
  expected: Snapshot;
}

/**
 * @returns what is not the same after the restores, a line each
 * @throws when a step fails: a backup, a restore, or the server itself
 */
export async function runDemo(stack: Stack, options: DemoOptions, show: Show): Promise<string[]> {
  const [service] = stack.services;
  if (!service) throw new Error('The stack has no service.');
  const scene = { stack, service, show };
  await connected(service, (connection) => load(connection, options, show));
  // A connection of its own: what SHOW CREATE prints depends on the database that was used last.
  const { incremental, accident, customers } = await connected(service, (connection) =>
    tellStory(scene, connection, options),
  );
  const orders = customers.orders();

  const before = await restoreTo(
    scene,
    'Bring it back to just before that transaction, from the incremental on, with the full that it builds on',
    incremental,
    { before_gtid: accident.gtid },
  );
  const findings = await connected(service, async (connection) => [
    ...(await compare(connection, accident.expected, show)),
    ...(await compareOrders(connection, show, { orders, restored: before })),
  ]);

  await undo(scene, before);
  await connected(service, (connection) => destroy(scene, connection));
  const time = secondBefore(accident.at);
  const again = await restoreTo(scene, 'Bring what is left of it back to the second', incremental, {
    point_in_time: wallClock(time),
  });
  return await connected(service, async (connection) => [
    ...findings,
    ...(await compareOrders(connection, show, { orders, restored: again, time })),
  ]);
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

/** Backups while clients write, until somebody drops a table. */
async function tellStory(
  scene: Scene,
  connection: Connection,
  options: DemoOptions,
): Promise<{ incremental: string; accident: Accident; customers: Customers }> {
  const { stack, service, show } = scene;
  const from = await copyTables(connection);
  const unwritten = await takeSnapshot(connection);
  const opened = (count: number): Promise<Connection[]> =>
    Promise.all(Array.from({ length: count }, () => connect(serverOf(service))));
  const { writers, customers } = await show.step(
    `Let ${writerCount} clients write and ${customerCount} customers order, also during the backups`,
    async () => {
      const started = {
        writers: startWriters(await opened(writerCount), rowCounts(options.size)),
        customers: startCustomers(await opened(customerCount)),
      };
      await sleep(options.warmUpMs);
      return started;
    },
    (started) =>
      `${started.writers.committed()} transactions and ${started.customers.orders().length} orders so far`,
  );
  let incremental: string;
  try {
    incremental = (await takeBackups(stack, service, show)).id;
  } finally {
    await writers.stop();
  }
  const at = await show.step(
    'Somebody drops the table of the orders',
    async () => {
      const asked = Date.now() * 1000;
      await dropOrders(connection);
      await customers.ended;
      return asked;
    },
    () => `the customers had ${customers.orders().length} orders confirmed`,
  );
  await shipBinlogs(stack, service, show);
  await showWindow(stack, service, show);
  const found = await findDrop(scene, 'shop.orders', new Date(at / 1000 - 1_000).toISOString());
  const to = { file: found.binlog_file, position: found.binlog_position };
  const expected = await show.step(
    `Find out what the server held there, at ${to.file} ${to.position}, from its own binlog`,
    async () => withoutReference(new Map([...unwritten, ...(await stateAt(connection, service, from, to))])),
    ({ size }) => `${size} checksums and definitions`,
  );
  return { incremental, accident: { gtid: found.gtid, at, expected }, customers };
}

async function destroy({ service, show }: Scene, connection: Connection): Promise<void> {
  const orders = await rowsOf(connection, "SHOW TABLES FROM shop LIKE 'orders'");
  if (orders.length > 0)
    throw new Error('The table of the orders is there, as it was not before the restore.');
  await show.step(
    `Destroy it: drop the databases and accounts, then remove files behind the server's back`,
    async () => {
      await dropEverything(connection);
      return removeFiles(service.data_directory);
    },
    (removed) => `${removed.length} files are gone, ${removed.slice(0, 3).join(', ')} among them`,
  );
}

function compare(connection: Connection, expected: Snapshot, show: Show): Promise<string[]> {
  return show.step(
    'Compare every table, definition and account with what the server held there',
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
