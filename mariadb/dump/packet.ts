/** The largest statement that a running server takes, while something is loaded into it. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../../config/agent.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { removeDurably, writeDurably } from '../restore/files.ts';
import { type Connection, connect, rowsOf } from '../server/sql.ts';
import { largestPacket } from './load.ts';

const packetFile = (folder: string): string => path.join(folder, 'max-allowed-packet');

/** New sessions take the server's own limit: it is put up while the dump is loaded, and noted for whoever comes after. */
export async function raisePacket(connection: Connection, folder: string): Promise<void> {
  const [row] = await rowsOf<{ bytes: number }>(connection, 'SELECT @@GLOBAL.max_allowed_packet AS bytes');
  const bytes = Number(row?.bytes ?? 0);
  if (bytes >= largestPacket) return;
  await writeDurably(packetFile(folder), String(bytes));
  await rowsOf(connection, 'SET GLOBAL max_allowed_packet = ?', [largestPacket]);
}

/** A server that is away has its own limit again when it comes back. */
export async function lowerPacket(server: ServerSettings, folder: string): Promise<void> {
  const noted = Number(await readFile(packetFile(folder), 'utf8').catch(() => ''));
  if (noted === 0) return;
  try {
    await using connection = await connect(server);
    await rowsOf(connection, 'SET GLOBAL max_allowed_packet = ?', [noted]);
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== 'database_unreachable') throw error;
  }
  await removeDurably(packetFile(folder));
}
