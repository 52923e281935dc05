/** Whether a server answers: its greeting is enough, no account is needed. */
import { connect as connectSocket, type NetConnectOpts } from 'node:net';
import type { ServerSettings } from '../../config/agent.ts';
import { readServerOptions } from './options.ts';

const answerMs = 5_000;

/**
 * Whether the server accepts connections: its first packet has come, be it a greeting or the refusal of a server
 * that is full.
 */
export async function isServing(
  server: Pick<ServerSettings, 'programs' | 'defaults_file'>,
): Promise<boolean> {
  return greets((await readServerOptions(server)).get('socket') ?? '');
}

/** The same for a socket that is known already; cheap enough to be asked many times a second. */
export async function greets(socket: string): Promise<boolean> {
  const place: NetConnectOpts = { path: socket };
  return new Promise((resolve) => {
    const connection = connectSocket(place);
    const answer = (serving: boolean): void => {
      connection.destroy();
      resolve(serving);
    };
    connection.setTimeout(answerMs, () => answer(false));
    connection.on('error', () => answer(false));
    connection.on('close', () => answer(false));
    // Three bytes of length, a sequence number of 0, then version 10 of the protocol or an error.
    connection.once('data', (data) => answer(data[3] === 0 && (data[4] === 10 || data[4] === 0xff)));
  });
}
