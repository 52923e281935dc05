/** Encryption at rest, as a running server tells of it. */
import { type AtRest, atRestSettings, systemKeyId } from '../../domain/at-rest.ts';
import { messageOf } from '../../domain/errors.ts';
import type { Log } from '../../domain/log.ts';
import { has, type ServerFacts } from './facts.ts';
import { type Connection, rowsOf } from './sql.ts';

/** Binlogs have it, too, and are no part of the data. */
const underSystemKey: readonly string[] = ['innodb_encrypt_log', 'aria_encrypt_tables'];

/**
 * What a server of the facts keeps encrypted; undefined when it is nothing, or may not be asked. A note for who restores:
 * whatever the server does not tell is left out, and keeps no backup from being taken.
 */
export async function readAtRest(
  connection: Connection,
  facts: Pick<ServerFacts, 'privileges'>,
  log: Log,
): Promise<AtRest | undefined> {
  try {
    return await askAtRest(connection, facts, log);
  } catch (error) {
    log.warn({ reason: messageOf(error) }, 'The manifest does not say what the server keeps encrypted.');
    return undefined;
  }
}

async function askAtRest(
  connection: Connection,
  facts: Pick<ServerFacts, 'privileges'>,
  log: Log,
): Promise<AtRest | undefined> {
  const [plugin] = await rowsOf<{ name: string }>(
    connection,
    "SELECT PLUGIN_NAME AS name FROM information_schema.PLUGINS WHERE PLUGIN_TYPE = 'ENCRYPTION' AND PLUGIN_STATUS = 'ACTIVE'",
  );
  if (!plugin || !has(facts, 'PROCESS')) return undefined;
  const variables = await rowsOf<{ Variable_name: string; Value: string }>(
    connection,
    `SHOW GLOBAL VARIABLES WHERE Variable_name IN (${atRestSettings.map((name) => `'${name}'`).join(', ')}) AND Value <> 'OFF'`,
  );
  const settings = variables.map(({ Variable_name: name }) => name);
  const ids = await keysInUse(connection, log);
  if (settings.some((name) => underSystemKey.includes(name))) ids.add(systemKeyId);
  if (settings.length === 0 && ids.size === 0) return undefined;
  return { plugin: plugin.name, settings, keyIds: [...ids].toSorted((a, b) => a - b) };
}

/** A table can be encrypted without any of the settings, by its own option. */
async function keysInUse(connection: Connection, log: Log): Promise<Set<number>> {
  try {
    const used = await rowsOf<{ id: number }>(
      connection,
      'SELECT DISTINCT CURRENT_KEY_ID AS id FROM information_schema.INNODB_TABLESPACES_ENCRYPTION ' +
        'WHERE ENCRYPTION_SCHEME = 1 AND CURRENT_KEY_VERSION > 0',
    );
    return new Set(used.map(({ id }) => id));
  } catch (error) {
    // Its table is a plugin of its own, which a server may have switched off.
    log.warn({ reason: messageOf(error) }, 'The manifest does not name the keys of encrypted tables.');
    return new Set();
  }
}
