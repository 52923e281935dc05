/**
 * Agents of Node's HTTP client that spare the processor. As it comes, each read of a connection takes new memory, whose
 * bytes are copied to new memory once more for whoever reads the body: most of what a download costs is collecting
 * both. Here a connection reads into one buffer of its own, again and again.
 */
import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';

/** What a fast network has ready at once. Each connection has so much. */
const bufferBytes = 128 * 1024;

interface OnRead {
  buffer: Buffer;
  callback: (bytes: number) => boolean;
}

type Connected = (error: Error | null, stream: Duplex) => void;

/** For `http:` addresses. Not for those behind a proxy: a tunnel is read in another way first. */
class HttpAgent extends http.Agent {
  override createConnection(
    options: http.ClientRequestArgs,
    connected?: Connected,
  ): Duplex | null | undefined {
    return connect((own) => super.createConnection(own, connected), options);
  }
}

/** For `https:` addresses. */
class HttpsAgent extends https.Agent {
  override createConnection(options: https.RequestOptions, connected?: Connected): Duplex | null | undefined {
    return connect((own) => super.createConnection(own, connected), options);
  }
}

/** One agent for each scheme of an address, with the same options. */
export function thriftyAgents(options: https.AgentOptions): { http: http.Agent; https: https.Agent } {
  return { http: new HttpAgent(options), https: new HttpsAgent(options) };
}

/**
 * The parser of HTTP is done with a chunk, and has copied what it keeps of it, when the event's listeners return; so
 * the buffer may be read into again then.
 */
function connect<Options>(
  create: (options: Options) => Duplex | null | undefined,
  options: Options,
): Duplex | null | undefined {
  const buffer = Buffer.allocUnsafeSlow(bufferBytes);
  const onread: OnRead = {
    buffer,
    callback: (bytes) => {
      made?.emit('data', buffer.subarray(0, bytes));
      return true;
    },
  };
  const made = create({ ...options, onread });
  return made;
}
