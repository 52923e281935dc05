/** Finds out that a port is taken before anything is started, rather than in the log of what could not start. */
import { createServer, type Server } from 'node:net';
import { TidemarkError } from '../domain/errors.ts';

export interface PortWish {
  /** The option that sets it, for the message: `--port`. */
  option: string;
  /** 0: any free one. */
  port: number;
}

const host = '127.0.0.1';

/**
 * The ports to use, in the order of the wishes: each is free now. All are held until the last is found, so that no
 * two wishes get the same.
 *
 * @throws invalid_setting naming port and option when one is taken.
 */
export async function findPorts(wishes: readonly PortWish[]): Promise<number[]> {
  const held: Server[] = [];
  try {
    const ports: number[] = [];
    for (const wish of wishes) {
      const other = wishes.find((entry, index) => index < ports.length && entry.port === wish.port);
      if (wish.port !== 0 && other) {
        throw new TidemarkError(
          'invalid_setting',
          `${other.option} and ${wish.option} are both ${wish.port}. Choose another for one of them, or 0 for any free port.`,
        );
      }
      const server = await hold(wish);
      held.push(server);
      const address = server.address();
      ports.push(typeof address === 'object' && address ? address.port : wish.port);
    }
    return ports;
  } finally {
    await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

function hold({ option, port }: PortWish): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === 'EADDRINUSE' ? 'is taken by another program' : `cannot be used (${error.message})`;
      reject(
        new TidemarkError(
          'invalid_setting',
          `Port ${port} on ${host} ${reason}. Choose another with ${option}, or ${option} 0 for any free one.`,
          { cause: error },
        ),
      );
    });
    server.listen({ host, port, exclusive: true }, () => resolve(server));
  });
}
