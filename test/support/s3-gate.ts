/**
 * A gate before an S3 server: it passes every request on, or refuses it as Amazon S3 refuses, where the server of the
 * tests has no such refusal of its own.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Refusal {
  status: number;
  /** S3's own name for it: `ExpiredToken`. */
  code: string;
  message: string;
  /** Further elements of the error. */
  fields?: string;
  headers?: Record<string, string>;
}

/** What happens to a request: it is passed on, or refused. May take its time, or do something first. */
type Judge = (method: string, url: string) => Refusal | undefined | Promise<Refusal | undefined>;

export class S3Gate {
  /** Replaced by a test; passes everything on at first. */
  judge: Judge = () => undefined;
  readonly #server = createServer((incoming, answer) => void this.#take(incoming, answer));
  readonly #upstream: URL;

  private constructor(upstream: URL) {
    this.#upstream = upstream;
  }

  /** @param upstream of the server: `http://127.0.0.1:9000` */
  static async start(upstream: string): Promise<S3Gate> {
    const gate = new S3Gate(new URL(upstream));
    gate.#server.listen(0, '127.0.0.1');
    await once(gate.#server, 'listening');
    return gate;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #take(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = '', url = '', headers, socket } = incoming;
    const refusal = await this.judge(method, url);
    if (refusal) {
      incoming.resume().on('end', () => refuse(answer, refusal));
      return;
    }
    const { hostname: host, port } = this.#upstream;
    // The headers as they came, the host's among them: the signature covers it.
    const outgoing = request({ host, port, method, path: url, headers, agent: false }, (response) => {
      answer.writeHead(response.statusCode ?? 502, response.rawHeaders);
      response.on('error', () => socket.destroy()).pipe(answer);
    });
    outgoing.on('error', () => socket.destroy());
    answer.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  }
}

function refuse(answer: ServerResponse, { status, code, message, fields = '', headers }: Refusal): void {
  answer.writeHead(status, { 'content-type': 'application/xml', ...headers });
  answer.end(
    `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message>${fields}</Error>`,
  );
}
