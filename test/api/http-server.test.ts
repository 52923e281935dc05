/** Requests as bytes: what no client library would send. */
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Hono } from 'hono';
import { createHttpServer } from '../../api/http-server.ts';
import { withRequestIds } from '../../api/request-log.ts';
import { errorAnswer } from '../../api/schemas/error.ts';
import { secured } from '../../api/security-headers.ts';
import type { ApiEnvironment } from '../../api/context.ts';

let server: Server;
let port: number;
const lines: Record<string, unknown>[] = [];

beforeAll(async () => {
  const write = (fields: object, message: string): number => lines.push({ ...fields, message });
  const app = new Hono<ApiEnvironment>();
  app.use(secured());
  app.all('/echo', async (c) => c.json({ length: (await c.req.arrayBuffer()).byteLength }));
  app.get('/own', (c) =>
    c.body('page', 200, { 'Content-Security-Policy': "default-src 'self'", 'Cache-Control': 'public' }),
  );
  server = createHttpServer(app.fetch, withRequestIds({ info: write, warn: write, error: write }), 60_000);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterAll(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
});

interface RawAnswer {
  status: number;
  headers: Map<string, string>;
  body: string;
}

/** Sends bytes, and reads until the server closes. */
async function send(bytes: string): Promise<RawAnswer> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('utf8').on('data', (more: string) => (text += more));
  socket.on('error', () => {});
  socket.write(bytes);
  await once(socket, 'close');
  const [head = '', ...rest] = text.replace('HTTP/1.1 100 Continue\r\n\r\n', '').split('\r\n\r\n');
  const [first = '', ...fields] = head.split('\r\n');
  return {
    status: Number(first.split(' ')[1]),
    headers: new Map(
      fields.map((field) => [field.split(': ')[0]?.toLowerCase() ?? '', field.split(': ')[1] ?? '']),
    ),
    body: rest.join('\r\n\r\n'),
  };
}

/** A request whose connection is closed after its answer. */
const request = (first: string, ...headers: string[]): string =>
  `${[first, ...headers, 'Connection: close'].join('\r\n')}\r\n\r\n`;

describe('what is no request of the app has the error object', () => {
  test.each([
    ['no HTTP', 'hello\r\n\r\n', 400, 'malformed_request'],
    ['a method that is none', request('BREW / HTTP/1.1', 'Host: a'), 400, 'malformed_request'],
    ['a method in small letters', request('get /echo HTTP/1.1', 'Host: a'), 400, 'malformed_request'],
    ['another protocol', request('GET /echo FTP/1.0', 'Host: a'), 400, 'malformed_request'],
    [
      'a header that is none',
      request('GET /echo HTTP/1.1', 'Host: a', 'no header'),
      400,
      'malformed_request',
    ],
    [
      'two lengths',
      request('POST /echo HTTP/1.1', 'Host: a', 'Content-Length: 1', 'Content-Length: 2'),
      400,
      'malformed_request',
    ],
    ['no Host', request('GET /echo HTTP/1.1'), 400, 'malformed_request'],
    ['a Host that is none', request('GET /echo HTTP/1.1', 'Host: a/b?c'), 400, 'malformed_request'],
    ['a path that is none', request('GET echo HTTP/1.1', 'Host: a'), 400, 'malformed_request'],
    ['an authority', request('CONNECT a:443 HTTP/1.1', 'Host: a'), 405, 'method_not_allowed'],
    [
      'too large headers',
      request('GET /echo HTTP/1.1', 'Host: a', `X: ${'x'.repeat(20_000)}`),
      431,
      'headers_too_large',
    ],
    [
      'too long an address',
      request(`GET /${'x'.repeat(20_000)} HTTP/1.1`, 'Host: a'),
      431,
      'headers_too_large',
    ],
    [
      'another expectation',
      request('POST /echo HTTP/1.1', 'Host: a', 'Expect: a-miracle'),
      417,
      'expectation_failed',
    ],
    [
      'a chunk that is none',
      `${request('POST /echo HTTP/1.1', 'Host: a', 'Transfer-Encoding: chunked')}zz\r\n`,
      400,
      'malformed_request',
    ],
  ])('%s', async (_name, bytes, status, name) => {
    const answer = await send(bytes);
    expect(answer.status).toBe(status);
    const body = errorAnswer.parse(JSON.parse(answer.body));
    expect([body.code, body.errors.map(({ error }) => error)]).toEqual([status, [name]]);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(answer.headers.get('x-request-id')).toBe(body.trace_id);
    expect(lines.some((line) => line['request_id'] === body.trace_id)).toBe(true);
    expect(answer.body).not.toMatch(/HPE_|node|\.ts|at \w+ \(/);
  });

  test('and nobody else notices', async () => {
    expect((await send(request('GET /echo HTTP/1.1', 'Host: a'))).body).toBe('{"length":0}');
    expect(
      (await send(request('OPTIONS /echo HTTP/1.1', 'Host: localhost:1', 'Expect: 100-continue'))).status,
    ).toBe(200);
  });
});

test('every answer has the headers that keep a browser harmless, and none that tells what runs here', async () => {
  const { headers } = await send(request('GET /echo HTTP/1.1', 'Host: a'));
  expect(headers.get('x-content-type-options')).toBe('nosniff');
  expect(headers.get('x-frame-options')).toBe('DENY');
  expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.get('referrer-policy')).toBe('no-referrer');
  expect([headers.has('server'), headers.has('x-powered-by')]).toEqual([false, false]);
});

test('a page keeps the policy that it sets itself', async () => {
  const { headers } = await send(request('GET /own HTTP/1.1', 'Host: a'));
  expect([headers.get('content-security-policy'), headers.get('cache-control')]).toEqual([
    "default-src 'self'",
    'public',
  ]);
});

test('a request that drips is answered 408 in time, and its connection does not outlive the answer', async () => {
  const log = withRequestIds({ info: () => {}, warn: () => {}, error: () => {} });
  const app = new Hono<ApiEnvironment>();
  app.post('/echo', async (c) => c.json({ length: (await c.req.arrayBuffer()).byteLength }));
  const patient = createHttpServer(app.fetch, log, 400);
  patient.listen(0, '127.0.0.1');
  await once(patient, 'listening');
  // A client that takes no notice of the answer's end.
  const socket = connect({
    port: (patient.address() as AddressInfo).port,
    host: '127.0.0.1',
    allowHalfOpen: true,
  });
  let text = '';
  socket.setEncoding('utf8').on('data', (more: string) => (text += more));
  socket.on('error', () => {});
  socket.write(
    'POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n',
  );
  const drip = setInterval(() => socket.write(' '), 50);
  try {
    // Writing to it fails at last: an error, and then its end.
    await new Promise((resolve) => socket.once('close', resolve));
    expect(text).toMatch(/^HTTP\/1\.1 408 /);
    const body = errorAnswer.parse(JSON.parse(text.split('\r\n\r\n')[1] ?? ''));
    expect(body.errors.map(({ error }) => error)).toEqual(['request_timeout']);
  } finally {
    clearInterval(drip);
    socket.destroy();
    patient.closeAllConnections();
    await new Promise((resolve) => patient.close(resolve));
  }
});
