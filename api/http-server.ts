/**
 * The HTTP server before the app. What never becomes a request of the app, because it is no HTTP or its address
 * cannot be read, is answered here, with the same error object.
 */
import { randomUUID } from 'node:crypto';
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { Duplex } from 'node:stream';
import { getRequestListener, RequestError } from '@hono/node-server';
import { type ErrorName, TidemarkError } from '../domain/errors.ts';
import { errorAnswerOf, internalError } from './answer-error.ts';
import type { ApiLog } from './context.ts';
import { securityHeaders } from './security-headers.ts';

type Fetch = Parameters<typeof getRequestListener>[0];

/** What Node's parser says, and what it is to a client. */
const parserErrors: Record<string, [ErrorName, string]> = {
  HPE_HEADER_OVERFLOW: [
    'headers_too_large',
    'The headers, with the address, have more than 16 KiB: send fewer or shorter ones.',
  ],
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 'The request did not come whole in time: send it again.'],
};

const malformed: [ErrorName, string] = [
  'malformed_request',
  'What came is no HTTP request: its first line or one of its headers cannot be read.',
];

/** How long the rest of a refused request may come before its connection is cut. Milliseconds. */
const lingerMs = 1_000;

/**
 * Not listening yet.
 *
 * @param requestTimeoutMs how long a request may take to come whole
 */
export function createHttpServer(fetch: Fetch, log: ApiLog, requestTimeoutMs: number): Server {
  const listener = getRequestListener(fetch, {
    // The app answers its own errors; what comes here is a request that the app could not be asked.
    errorHandler: (thrown) => {
      const { headers, status, body } = bareAnswer(unaskable(thrown, log), '', log);
      return new Response(body, { status, headers });
    },
  });
  const answering = new WeakMap<Duplex, ServerResponse>();
  // A missing Host header would otherwise be answered by Node, without the error object.
  const timeouts = {
    requestTimeout: requestTimeoutMs,
    headersTimeout: requestTimeoutMs,
    connectionsCheckingInterval: Math.min(Math.ceil(requestTimeoutMs / 4), 5_000),
  };
  const server = createServer({ requireHostHeader: false, ...timeouts }, (incoming, outgoing) => {
    answering.set(incoming.socket, outgoing);
    outgoing.once('close', () => answering.delete(incoming.socket));
    void listener(incoming, outgoing);
  });
  server.on('checkExpectation', (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const error = new TidemarkError(
      'expectation_failed',
      'The Expect header may only be "100-continue": leave it out.',
    );
    const { headers, status, body } = bareAnswer(error, incoming.url ?? '', log);
    outgoing
      .writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body), Connection: 'close' })
      .end(body);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // The client is gone, or has the beginning of an answer: more bytes would be taken for the rest of it.
    if (error.code === 'ECONNRESET' || !socket.writable || answering.get(socket)?.headersSent === true) {
      socket.destroy();
      return;
    }
    const [name, message] = parserErrors[error.code ?? ''] ?? malformed;
    writeRaw(socket, new TidemarkError(name, message), log);
  });
  // CONNECT has a path that is none, and no app could answer it.
  server.on('connect', (_incoming: IncomingMessage, socket: Duplex) => {
    const error = new TidemarkError('method_not_allowed', 'CONNECT is not served here: this is no proxy.');
    writeRaw(socket, error, log);
  });
  return server;
}

function unaskable(thrown: unknown, log: ApiLog): TidemarkError {
  if (thrown instanceof RequestError) {
    return new TidemarkError(
      'malformed_request',
      'The address or the Host header of the request cannot be read: send a path that begins with "/" and a Host of name and port.',
    );
  }
  log.error({ err: thrown }, 'a request could not be answered');
  return internalError(thrown);
}

function writeRaw(socket: Duplex, error: TidemarkError, log: ApiLog): void {
  const { headers, status, body } = bareAnswer(error, '', log);
  const lines = Object.entries({
    ...headers,
    'Content-Length': String(Buffer.byteLength(body)),
    Connection: 'close',
  });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n${head}\r\n${body}`);
  // Cut at once, the answer could be lost with what still comes; never, a client that goes on would hold it for ever.
  const cut = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once('close', () => clearTimeout(cut));
}

function bareAnswer(
  error: TidemarkError,
  path: string,
  log: ApiLog,
): { headers: Record<string, string>; status: number; body: string } {
  const requestId = randomUUID();
  log.info({ request_id: requestId, status: error.status, error: error.code }, 'request');
  return {
    status: error.status,
    headers: { ...securityHeaders, 'Content-Type': 'application/json', 'X-Request-Id': requestId },
    body: JSON.stringify(errorAnswerOf(error, path, requestId)),
  };
}
