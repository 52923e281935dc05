/** The agent's own account in restored data. What was restored may be older than the account, or another server's. */
import { userInfo } from 'node:os';
import type { ServerSettings } from '../../config/agent.ts';
import { messageOf, TidemarkError } from '../../domain/errors.ts';
import { readClientAccount, type ClientAccount } from '../server/options.ts';
import { connect, rowsOf, type Connection } from '../server/sql.ts';
import { passwordDigest, type PrivateServer } from './private-server.ts';

/** What the agent does with its account: backups, the checkpoint before them, following the binlog, a stop. */
const agentGrants = 'RELOAD, PROCESS, BINLOG MONITOR, REPLICATION SLAVE, SUPER, SHUTDOWN';

/**
 * Sees to it that the account of the agent's client file can sign on to this data, root's too: a restored server that
 * does not let the agent in counts as failed. One that signs on is left as it is.
 * @returns what a person should know: that it was made, and what it may do
 * @throws private_server_failed when the account cannot be made to sign on
 */
export async function restoreAgentAccount(server: ServerSettings, target: PrivateServer): Promise<string[]> {
  const account = await readClientAccount(server);
  if (await signsOn(server, target, account)) return [];
  const { user, host } = account;
  // Over TCP the server knows the agent by its address, or as localhost where it resolves names.
  const hosts = host === '' ? ['localhost'] : ['localhost', host === '::1' ? '::1' : '127.0.0.1'];
  try {
    for (const from of hosts) await makeAccount(target.connection, account, from);
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw refused(user, messageOf(error), error);
  }
  if (!(await signsOn(server, target, account))) throw refused(user, 'it is made anew and still refused');
  const grants = user === 'root' ? 'ALL PRIVILEGES' : agentGrants;
  return [`The agent's account ${user} was not in the restored data, and was made with ${grants} ON *.*.`];
}

/** Whoever the system lets in over its socket signs on here as at the live server: both see the same system user. */
async function signsOn(
  server: ServerSettings,
  { socket }: PrivateServer,
  { user, password }: ClientAccount,
): Promise<boolean> {
  try {
    await using connection = await connect(server, { socket, user, password });
    const [row] = await rowsOf<{ account: string }>(connection, 'SELECT CURRENT_USER() AS account');
    // Where anonymous accounts exist, anybody signs on, and may do nothing.
    return row?.account.startsWith('@') === false;
  } catch (error) {
    if (error instanceof TidemarkError && error.code === 'database_access_denied') return false;
    throw error;
  }
}

async function makeAccount(connection: Connection, account: ClientAccount, from: string): Promise<void> {
  const name = `${connection.escape(account.user)}@${connection.escape(from)}`;
  const isRoot = account.user === 'root';
  const ways = [wayIn(account)];
  await rowsOf(connection, `CREATE USER IF NOT EXISTS ${name} IDENTIFIED VIA ${ways[0]}`);
  // People use root's account as well, and keep the ways in that they had.
  if (isRoot) ways.push(...(await waysIn(connection, name)).filter((way) => way !== ways[0]));
  await rowsOf(
    connection,
    `ALTER USER ${name} IDENTIFIED VIA ${ways.join(' OR ')} REQUIRE NONE ACCOUNT UNLOCK PASSWORD EXPIRE NEVER`,
  );
  const grants = isRoot ? 'ALL PRIVILEGES' : agentGrants;
  await rowsOf(connection, `GRANT ${grants} ON *.* TO ${name}${isRoot ? ' WITH GRANT OPTION' : ''}`);
}

/** How the agent identifies itself. The server lets only the system user of the account's own name in by its socket. */
function wayIn({ user, password }: ClientAccount): string {
  if (password !== '') return `mysql_native_password USING '${passwordDigest(password)}'`;
  if (user === userInfo().username) return 'unix_socket';
  throw refused(user, `it has no password, and the agent runs as ${userInfo().username}`);
}

/** How an account is identified now: the parts between the ORs, as SHOW CREATE USER gives them. */
async function waysIn(connection: Connection, name: string): Promise<string[]> {
  const [row] = await rowsOf<Record<string, string>>(connection, `SHOW CREATE USER ${name}`);
  const text = Object.values(row ?? {})[0] ?? '';
  const [, digest] = / IDENTIFIED BY PASSWORD '([^']*)'/.exec(text) ?? [];
  if (digest !== undefined) return [`mysql_native_password USING '${digest}'`];
  const [, list] = / IDENTIFIED VIA ((?:\w+(?: USING '[^']*')?(?: OR )?)+)/.exec(text) ?? [];
  return list?.trim().split(' OR ') ?? [];
}

function refused(user: string, reason: string, cause?: unknown): TidemarkError {
  return new TidemarkError(
    'private_server_failed',
    `The agent's account ${user} cannot sign on to the restored data: ${reason}. Give the account a password in the ` +
      'file that server.client_file names, or run the agent as the system user of that name.',
    { cause },
  );
}
