/**
 * A hostile network: an HTTP proxy between a store's client and its server, both on 127.0.0.1, that does to requests
 * what networks and stores do on bad days. A fault is ordered for the next request, or drawn by a seed for some of
 * them; every other request is passed on as it is.
 */
import { once } from 'node:events';
import { Agent, createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { drawFault, randomBelow } from './hostile-faults.ts';

/** What can be done to one request. Where a body is shorter than `afterBytes`, half of it takes its place. */
export type Fault =
  /** Answered by the proxy, without a word to the server. */
  | { kind: 'status'; status: number; retryAfterSeconds?: number }
  /** The connection is reset once so much of the request's body has come; the server hears nothing. */
  | { kind: 'reset-upload'; afterBytes: number }
  /** The server answers; the connection is reset once so much of its answer's body has gone. */
  | { kind: 'reset-download'; afterBytes: number }
  /** The answer's head promises the whole body, and the connection ends properly before it. */
  | { kind: 'truncate'; afterBytes: number }
  /** The answer's body begins, and then nothing more comes; the connection stays. */
  | { kind: 'stall'; afterBytes: number }
  /** The request is passed on after a while. */
  | { kind: 'late'; ms: number }
  /** The request is read to its end and never answered. */
  | { kind: 'never' }
  /** One bit of one byte of the body on its way is changed; `at` is its place, from 0 (first) to below 1. */
  | { kind: 'flip-upload'; at: number }
  | { kind: 'flip-download'; at: number }
  /** The server does what it was asked for; the connection is reset in place of its answer. */
  | { kind: 'lose-answer' };

/** A request as far as a fault may choose by it. */
export interface Passing {
  method: string;
  /** Path and query. */
  url: string;
  /** Whether it asks for a range of an object. */
  ranged: boolean;
}

/** A fault, and whom it happened to. */
export type Met = Passing & { fault: Fault };

/** Bodies that are longer are a defect of the test: they are held in memory to be spoilt. */
const mostBytes = 256 * 1024 * 1024;

export class HostileProxy {
  /** What was done so far, in order. */
  readonly met: Met[] = [];
  readonly #server = createServer((incoming, answer) => void this.#take(incoming, answer));
  /** A connection for each request: one that a fault broke must not spoil the next request's. */
  readonly #agent = new Agent({ keepAlive: false });
  readonly #upstream: { host: string; port: number };
  readonly #end = new AbortController();
  #ordered: { fault: Fault; fits: (passing: Passing) => boolean }[] = [];
  #drawn: { next: () => number; rate: number; fits: (passing: Passing, fault: Fault) => boolean } | undefined;

  private constructor(upstream: URL) {
    this.#upstream = { host: upstream.hostname, port: Number(upstream.port) };
  }

  /** @param upstream of the server: `http://127.0.0.1:9000` */
  static async start(upstream: string): Promise<HostileProxy> {
    const proxy = new HostileProxy(new URL(upstream));
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** Where a client finds the server through this proxy: `http://127.0.0.1:41234`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Orders a fault for the next request that fits. Faults wait in a row; each is for one request. */
  order(fault: Fault, fits: (passing: Passing) => boolean = () => true): void {
    this.#ordered.push({ fault, fits });
  }

  /**
   * From now on each request meets a fault with a probability of `rate`.
   *
   * @param seed the same one draws the same faults in the same order
   * @param fits whether a drawn fault may happen to this request; where not, it is passed on as it is
   */
  drawFrom(seed: number, rate: number, fits: (passing: Passing, fault: Fault) => boolean = () => true): void {
    this.#drawn = { next: randomBelow(seed), rate, fits };
  }

  /** No more faults: what was ordered and did not happen is forgotten. */
  calm(): void {
    this.#ordered = [];
    this.#drawn = undefined;
  }

  /** Ends every connection. */
  async close(): Promise<void> {
    this.#end.abort();
    this.#agent.destroy();
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #take(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const passing = {
      method: incoming.method ?? '',
      url: incoming.url ?? '',
      ranged: incoming.headers.range !== undefined,
    };
    const fault = this.#faultFor(passing);
    // A client that goes away in the middle is the client's right; its request ends here.
    for (const stream of [incoming, answer]) stream.on('error', () => answer.destroy());
    if (fault) this.met.push({ ...passing, fault });
    try {
      await this.#meet(fault, incoming, answer);
    } catch {
      incoming.socket.destroy();
    }
  }

  #faultFor(passing: Passing): Fault | undefined {
    const index = this.#ordered.findIndex(({ fits }) => fits(passing));
    if (index >= 0) return this.#ordered.splice(index, 1)[0]?.fault;
    if (!this.#drawn || this.#drawn.next() >= this.#drawn.rate) return undefined;
    const fault = drawFault(this.#drawn.next);
    return this.#drawn.fits(passing, fault) ? fault : undefined;
  }

  async #meet(fault: Fault | undefined, incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    if (!fault) return this.#pass(incoming, answer);
    switch (fault.kind) {
      case 'late':
        await sleep(fault.ms, undefined, { signal: this.#end.signal });
        return this.#pass(incoming, answer);
      case 'status': {
        await read(incoming);
        const wait = fault.retryAfterSeconds;
        answer.writeHead(fault.status, wait === undefined ? {} : { 'retry-after': String(wait) });
        answer.end();
        return;
      }
      case 'never':
        await read(incoming);
        return;
      case 'reset-upload': {
        const length = Number(incoming.headers['content-length'] ?? Infinity);
        await read(incoming, Math.min(fault.afterBytes, length / 2));
        incoming.socket.resetAndDestroy();
        return;
      }
      default:
        return this.#spoil(fault, incoming, answer);
    }
  }

  /** The faults that need the server's own answer. */
  async #spoil(fault: Fault, incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const sent = await read(incoming);
    if (fault.kind === 'flip-upload') flip(sent, fault.at);
    const response = await this.#forward(incoming, sent);
    const body = await read(response);
    if (fault.kind === 'lose-answer') {
      incoming.socket.resetAndDestroy();
      return;
    }
    if (fault.kind === 'flip-download') flip(body, fault.at);
    const head = response.rawHeaders;
    answer.writeHead(response.statusCode ?? 502, head);
    if (!('afterBytes' in fault)) {
      answer.end(body);
      return;
    }
    answer.flushHeaders();
    const part = body.subarray(0, Math.min(fault.afterBytes, Math.floor(body.length / 2)));
    // An answer without a body is whole with its head; the connection then ends behind it.
    await new Promise<void>((resolve) => answer.write(part, () => resolve()));
    // The client must have seen the part before the reset, which throws away what was not read.
    if (fault.kind === 'reset-download') {
      await sleep(20);
      incoming.socket.resetAndDestroy();
    }
    if (fault.kind === 'truncate') incoming.socket.end();
  }

  async #pass(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const outgoing = this.#begin(incoming);
    answer.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    outgoing.on('error', () => incoming.socket.destroy());
    response.on('error', () => incoming.socket.destroy());
    answer.writeHead(response.statusCode ?? 502, response.rawHeaders);
    response.pipe(answer);
  }

  async #forward(incoming: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    const outgoing = this.#begin(incoming);
    outgoing.end(body);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return response;
  }

  /** Headers as they came, the host's among them: a signature covers it. */
  #begin(incoming: IncomingMessage): ReturnType<typeof request> {
    const headers = pairsOf(incoming.rawHeaders).filter(
      // The proxy has answered it already, and the other belongs to each connection.
      ([name]) => !/^(expect|connection)$/i.test(name),
    );
    return request({
      ...this.#upstream,
      agent: this.#agent,
      method: incoming.method ?? 'GET',
      path: incoming.url ?? '/',
      headers: headers.flat(),
    });
  }
}

function pairsOf(raw: readonly string[]): [name: string, value: string][] {
  return raw.flatMap((name, index) =>
    index % 2 === 0 ? [[name, raw[index + 1] ?? ''] satisfies [string, string]] : [],
  );
}

/** A message's body, or as much of it as has come once `enough` is there; the message is not ended by that. */
async function read(message: IncomingMessage, enough = Infinity): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  if (enough === 0) return Buffer.alloc(0);
  await new Promise<void>((resolve, reject) => {
    message.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      length += chunk.length;
      if (length > mostBytes) reject(new Error('The body is too large for the proxy.'));
      if (length >= enough) resolve();
    });
    message.on('end', resolve);
    message.on('error', reject);
    message.on('close', () => reject(new Error('The message ended in its middle.')));
  });
  return Buffer.concat(chunks);
}

function flip(body: Buffer, at: number): void {
  const index = Math.floor(body.length * at);
  const byte = body[index];
  if (byte !== undefined) body[index] = byte ^ 0x01;
}
