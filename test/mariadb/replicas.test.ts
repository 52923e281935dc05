import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { replicasOf } from '../../mariadb/cutover/replicas.ts';
import { replicasLeft } from '../../domain/after-restore.ts';
import { agentAccount, silentLog, startTestServer, type TestServer } from '../support/mariadb.ts';
import { until } from '../support/until.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ name: 'replicated' });
  await server.query("CREATE USER replica@localhost IDENTIFIED BY 'of a test'");
  await server.query('GRANT REPLICATION SLAVE ON *.* TO replica@localhost');
});
afterAll(() => server.remove());

/** Reads the binlog as a replica does, while `work` goes on. */
async function reading<T>(
  { user, password, id }: { user: string; password: string; id: number },
  work: () => Promise<T>,
): Promise<T> {
  const args = ['--no-defaults', `--socket=${server.socket}`, `--user=${user}`];
  const how = [
    '--read-from-remote-server',
    '--stop-never',
    `--stop-never-slave-server-id=${id}`,
    'bin.000001',
  ];
  const child = spawn('mariadb-binlog', [...args, ...how], {
    stdio: 'ignore',
    env: { ...process.env, MYSQL_PWD: password },
  });
  const ended = once(child, 'exit');
  try {
    return await work();
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

const readers = async (): Promise<unknown[]> =>
  server.query("SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%'");

test('who replicates from a server is named, but for our own reader of its binlog', async () => {
  const found = async (): Promise<string[]> => replicasOf(server.settings, silentLog);
  expect(await found()).toEqual([]);
  const { user, password } = agentAccount;
  await reading({ user, password, id: 77 }, async () => {
    await until(async () => (await readers()).length === 1);
    expect(await found()).toEqual([]);
    await reading({ user: 'replica', password: 'of a test', id: 78 }, async () => {
      await until(async () => (await readers()).length === 2);
      expect(await found()).toEqual(['localhost']);
    });
  });
});

test('a server that is stopped has none that could be seen', async () => {
  await server.stop();
  expect(await replicasOf(server.settings, silentLog)).toEqual([]);
});

test('replicas are named in a sentence, however many there are', () => {
  expect(replicasLeft([])).toEqual([]);
  expect(replicasLeft(['10.0.0.7'])).toEqual([
    'A replica has other data than the server now and must be built anew from it: 10.0.0.7.',
  ]);
  const many = Array.from({ length: 22 }, (_, index) => `10.0.0.${index}`);
  expect(replicasLeft(many)[0]).toMatch(/^Replicas have .*: 10\.0\.0\.0, .*, 10\.0\.0\.19 and 2 more\.$/);
});
