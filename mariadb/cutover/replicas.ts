/** Who replicates from a server: after its data was replaced, they have other data than it. */
import type { ServerSettings } from '../../config/agent.ts';
import { messageOf } from '../../domain/errors.ts';
import type { Log } from '../context.ts';
import { isServing } from '../server/lifecycle.ts';
import { connect, rowsOf } from '../server/sql.ts';

/**
 * The hosts that read its binlog now, but for our own reader; none where the server does not say. A replica that is
 * away at this moment is not among them.
 */
export async function replicasOf(server: ServerSettings, log: Log): Promise<string[]> {
  try {
    if (!(await isServing(server))) return [];
    await using connection = await connect(server);
    const readers = await rowsOf<{ host: string }>(
      connection,
      "SELECT HOST AS host FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%' " +
        "AND USER <> SUBSTRING_INDEX(USER(), '@', 1)",
    );
    return [...new Set(readers.map(({ host }) => host.replace(/:\d+$/, '')))].sort();
  } catch (error) {
    log.warn({ reason: messageOf(error) }, 'Who replicates from the server could not be seen.');
    return [];
  }
}
