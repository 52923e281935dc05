/** The agent's account on a copy of a server's data, whatever accounts the copy has. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import type { Layout } from '../../domain/layout.ts';
import { restoreAgentAccount } from '../../mariadb/restore/account.ts';
import { withPrivateServer, type PrivateServer } from '../../mariadb/restore/private-server.ts';
import { inspectLayout } from '../../mariadb/server/layout.ts';
import { connect, rowsOf } from '../../mariadb/server/sql.ts';
import { serverOwner, testAttempt } from '../support/copies.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';
import { testIf } from '../support/skip.ts';

const { username } = userInfo();
let server: TestServer;
let layout: Layout;
let directory: string;

beforeAll(async () => {
  server = await startTestServer({ name: 'account', stopped: true });
  layout = await inspectLayout(server.settings);
  directory = path.join(server.folder, 'copy');
  execFileSync('cp', ['-a', server.dataDirectory, directory]);
});
afterAll(() => server.remove());

async function onCopy(work: (target: PrivateServer) => Promise<void>): Promise<void> {
  const owner = await serverOwner();
  const attempt = await testAttempt();
  await withPrivateServer({ server: server.settings, layout, directory, owner, attempt }, work);
}

async function agentOf(user: string, password: string): Promise<ServerSettings> {
  const file = path.join(server.folder, `${user}.cnf`);
  await writeFile(file, `[client]\nuser="${user}"\npassword="${password}"\nsocket="${server.socket}"\n`);
  return { ...server.settings, client_file: file };
}

async function grantsOf(settings: ServerSettings, { socket }: PrivateServer): Promise<string> {
  await using agent = await connect(settings, { socket });
  return JSON.stringify(await rowsOf(agent, 'SHOW GRANTS'));
}

describe("the agent's account", () => {
  test('is made where the data has none, and an account that anybody has does not pass for it', async () => {
    const settings = await agentOf('keeper', 'of now');
    await onCopy(async (target) => {
      await rowsOf(target.connection, "CREATE OR REPLACE USER ''@'localhost'");
      await restoreAgentAccount(settings, target);
      expect(await grantsOf(settings, target)).toMatch(/RELOAD.*PROCESS.*BINLOG MONITOR/);
      await rowsOf(target.connection, "DROP USER ''@'localhost'");
    });
  });

  test('is let in again when the data has it locked, expired or bound to TLS', async () => {
    const settings = await agentOf('shut', 'of now');
    await onCopy(async (target) => {
      for (const state of ['ACCOUNT LOCK', 'PASSWORD EXPIRE', 'REQUIRE SSL']) {
        await rowsOf(
          target.connection,
          `CREATE OR REPLACE USER shut@localhost IDENTIFIED BY 'of now' ${state}`,
        );
        await restoreAgentAccount(settings, target);
        expect(await grantsOf(settings, target)).toMatch(/RELOAD/);
      }
    });
  });

  test('without a password is let in as the system user of its name, and nobody else is', async () => {
    const settings = await agentOf(username, '');
    await onCopy(async (target) => {
      await rowsOf(
        target.connection,
        `CREATE OR REPLACE USER '${username}'@localhost IDENTIFIED BY 'of old'`,
      );
      await restoreAgentAccount(settings, target);
      expect(await grantsOf(settings, target)).toMatch(/RELOAD|ALL PRIVILEGES/);
      const other = await agentOf('somebody-else', '');
      await expect(restoreAgentAccount(other, target)).rejects.toMatchObject({
        code: 'private_server_failed',
      });
    });
  });

  test("is root with the password of now; the password of the data, people's, still works", async () => {
    const settings = await agentOf('root', 'of now');
    await onCopy(async (target) => {
      await rowsOf(target.connection, "CREATE OR REPLACE USER root@localhost IDENTIFIED BY 'of old'");
      await restoreAgentAccount(settings, target);
      expect(await grantsOf(settings, target)).toMatch(/ALL PRIVILEGES.*WITH GRANT OPTION/);
      await using people = await connect(settings, { socket: target.socket, password: 'of old' });
      expect(await rowsOf(people, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    });
  });

  testIf(username === 'root', 'only root is let in as root')(
    'is root without a password; the password of the data still works',
    async () => {
      const settings = await agentOf('root', '');
      await onCopy(async (target) => {
        const ways = "mysql_native_password AS PASSWORD('of old') OR ed25519 AS PASSWORD('x')";
        await rowsOf(target.connection, "INSTALL SONAME 'auth_ed25519'").catch(() => []);
        await rowsOf(target.connection, `CREATE OR REPLACE USER root@localhost IDENTIFIED VIA ${ways}`);
        await restoreAgentAccount(settings, target);
        expect(await grantsOf(settings, target)).toMatch(/ALL PRIVILEGES.*WITH GRANT OPTION/);
        await using people = await connect(settings, { socket: target.socket, password: 'of old' });
        expect(await rowsOf(people, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      });
    },
  );
});
