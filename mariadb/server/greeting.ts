/** Whether a server answers: its greeting is enough, no account is needed. */
import { connect as connectSocket, type NetConnectOpts } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerSettings } from '../../config/agent.ts';
import { readServerOptions } from './options.ts';

const answerMs = 5_000;
/** A server whose queue of connections is full takes the next one as soon as it has looked at them. */
const fullQueueMs = 1_000;

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
  return (await patientAnswer(socket)) === 'greeting';
}

/** Whether a server holds the socket, be it one that says nothing: it starts, ends, hangs or has too much to do. */
export async function listens(socket: string): Promise<boolean> {
  return (await patientAnswer(socket)) !== 'nobody';
}

/** `full`: its queue of connections; `silence`: it took the connection and said nothing in time. */
type Answer = 'greeting' | 'full' | 'silence' | 'nobody';

async function patientAnswer(socket: string): Promise<Answer> {
  const end = Date.now() + fullQueueMs;
  let answer = await ask(socket);
  while (answer === 'full' && Date.now() < end) {
    await sleep(50);
    answer = await ask(socket);
  }
  return answer;
}

async function ask(socket: string): Promise<Answer> {
  const place: NetConnectOpts = { path: socket };
  return new Promise((resolve) => {
    const connection = connectSocket(place);
    const answer = (what: Answer): void => {
      connection.destroy();
      resolve(what);
    };
    connection.setTimeout(answerMs, () => answer('silence'));
    connection.on('error', (error: NodeJS.ErrnoException) =>
      answer(error.code === 'EAGAIN' ? 'full' : 'nobody'),
    );
    connection.on('close', () => answer('nobody'));
    // Three bytes of length, a sequence number of 0, then version 10 of the protocol or an error.
    connection.once('data', (data) =>
      answer(data[3] === 0 && (data[4] === 10 || data[4] === 0xff) ? 'greeting' : 'nobody'),
    );
  });
}
