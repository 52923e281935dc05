/** The agent's own account in restored data. What was restored may be older than the account, or another server's. */
import type { ServerSettings } from '../../config/agent.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { readClientAccount } from '../server/options.ts';
import { connect, rowsOf } from '../server/sql.ts';
import { passwordDigest, type PrivateServer } from './private-server.ts';

/** What the agent does with its account: backups, the checkpoint before them, following the binlog, a stop. */
const grants = 'RELOAD, PROCESS, BINLOG MONITOR, REPLICATION SLAVE, SUPER, SHUTDOWN';

/**
 * Sees to it that the account of the agent's client file can sign on to this data. One without a password, or root's,
 * is let in by the system's own means and left alone. One that signs on is left as it is.
 */
export async function restoreAgentAccount(server: ServerSettings, target: PrivateServer): Promise<void> {
  const { user, password, host } = await readClientAccount(server);
  if (password === '' || user === 'root') return;
  const overrides = { socket: target.socket, user, password };
  try {
    const connection = await connect(server, overrides);
    await connection.end();
    return;
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'database_access_denied') throw error;
  }
  // Over TCP the server knows the agent by its address, or as localhost where it resolves names.
  const hosts = host === '' ? ['localhost'] : ['localhost', host === '::1' ? '::1' : '127.0.0.1'];
  const { connection } = target;
  for (const from of hosts) {
    const name = `${connection.escape(user)}@${connection.escape(from)}`;
    await rowsOf(connection, `CREATE USER IF NOT EXISTS ${name}`);
    await rowsOf(
      connection,
      `ALTER USER ${name} IDENTIFIED VIA mysql_native_password USING '${passwordDigest(password)}' ACCOUNT UNLOCK`,
    );
    await rowsOf(connection, `GRANT ${grants} ON *.* TO ${name}`);
  }
}
