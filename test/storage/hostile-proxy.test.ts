import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { drawFault, randomBelow } from '../support/hostile-faults.ts';
import { HostileProxy, type Fault } from '../support/hostile-proxy.ts';

/** Answers every request with its own body, and remembers what it was sent. */
let server: Server;
let proxy: HostileProxy;
const heard: Buffer[] = [];

beforeAll(async () => {
  server = createServer((incoming, answer) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('error', () => undefined);
    incoming.on('end', () => {
      const body = Buffer.concat(chunks);
      heard.push(body);
      answer.writeHead(200, { 'content-length': body.length, 'x-path': incoming.url });
      answer.end(body);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  proxy = await HostileProxy.start(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
afterAll(async () => {
  await proxy.close();
  server.close();
});
afterEach(() => {
  proxy.calm();
  proxy.met.length = 0;
  heard.length = 0;
});

interface Answer {
  status: number;
  retryAfter: string | undefined;
  promised: number;
  body: Buffer;
  /** How it ended: `whole`, or what the connection said. */
  end: string;
}

/** Sends a body through the proxy; gives up after `patienceMs` with the end `silence`. */
async function send(body: Buffer, path = '/echo', patienceMs = 2000): Promise<Answer> {
  const answer: Answer = { status: 0, retryAfter: undefined, promised: 0, body: Buffer.alloc(0), end: '' };
  return new Promise((resolve) => {
    const outgoing = request(`${proxy.url}${path}`, { method: 'POST', agent: false });
    const finish = (end: string): void => {
      clearTimeout(timer);
      if (answer.end === '') answer.end = end;
      outgoing.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish('silence'), patienceMs);
    outgoing.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    outgoing.on('response', (response: IncomingMessage) => {
      answer.status = response.statusCode ?? 0;
      answer.retryAfter = response.headers['retry-after'];
      answer.promised = Number(response.headers['content-length'] ?? 0);
      response.on('data', (chunk: Buffer) => {
        answer.body = Buffer.concat([answer.body, chunk]);
      });
      response.on('error', (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
      response.on('end', () => finish('whole'));
    });
    outgoing.end(body);
  });
}

const body = Buffer.alloc(100_000, 'abcdefghij');

async function meet(fault: Fault, patienceMs?: number): Promise<Answer> {
  proxy.order(fault);
  const answer = await send(body, '/echo', patienceMs);
  expect(proxy.met).toEqual([{ method: 'POST', url: '/echo', ranged: false, fault }]);
  return answer;
}

function differing(one: Buffer, other: Buffer): number {
  return one.reduce((count, byte, index) => count + (byte === other[index] ? 0 : 1), 0);
}

describe('a hostile proxy', () => {
  test('passes on what no fault was ordered for, unchanged', async () => {
    const answer = await send(body, '/some/path?and=query');
    expect(answer).toMatchObject({ status: 200, end: 'whole', promised: body.length });
    expect(answer.body.equals(body)).toBe(true);
    expect(proxy.met).toEqual([]);
  });

  test('answers in the place of the server', async () => {
    const answer = await meet({ kind: 'status', status: 429, retryAfterSeconds: 7 });
    expect(answer).toMatchObject({ status: 429, retryAfter: '7', end: 'whole' });
    expect(heard).toEqual([]);
  });

  test('resets in the middle of a request, of which the server hears nothing', async () => {
    for (const afterBytes of [0, 30_000]) {
      proxy.met.length = 0;
      const answer = await meet({ kind: 'reset-upload', afterBytes });
      expect(['ECONNRESET', 'EPIPE']).toContain(answer.end);
    }
    expect(heard).toEqual([]);
  });

  test('resets in the middle of an answer', async () => {
    const answer = await meet({ kind: 'reset-download', afterBytes: 30_000 });
    expect(answer).toMatchObject({ status: 200, end: 'ECONNRESET', promised: body.length });
    expect(answer.body.length).toBeLessThanOrEqual(30_000);
    expect(heard).toHaveLength(1);
  });

  test('ends an answer before the length that its header gives', async () => {
    const answer = await meet({ kind: 'truncate', afterBytes: 30_000 });
    expect(answer).toMatchObject({ status: 200, promised: body.length, end: 'ECONNRESET' });
    expect(answer.body).toHaveLength(30_000);
  });

  test('falls silent in the middle of an answer, or before it', async () => {
    const stalled = await meet({ kind: 'stall', afterBytes: 30_000 }, 300);
    expect(stalled).toMatchObject({ status: 200, end: 'silence' });
    expect(stalled.body).toHaveLength(30_000);
    proxy.met.length = 0;
    expect(await meet({ kind: 'never' }, 300)).toMatchObject({ status: 0, end: 'silence' });
    expect(heard).toHaveLength(1);
  });

  test('passes a request on late', async () => {
    const begun = performance.now();
    const answer = await meet({ kind: 'late', ms: 200 });
    expect(performance.now() - begun).toBeGreaterThan(190);
    expect(answer.body.equals(body)).toBe(true);
  });

  test('changes one byte on the way there, or on the way back', async () => {
    const there = await meet({ kind: 'flip-upload', at: 0.5 });
    expect(differing(heard[0] ?? Buffer.alloc(0), body)).toBe(1);
    expect(there).toMatchObject({ status: 200, end: 'whole' });
    proxy.met.length = 0;
    const back = await meet({ kind: 'flip-download', at: 0.999 });
    expect(heard[1]?.equals(body)).toBe(true);
    expect(back.body).toHaveLength(body.length);
    expect(differing(back.body, body)).toBe(1);
  });

  test('lets the server do its work and loses the answer', async () => {
    expect(await meet({ kind: 'lose-answer' })).toMatchObject({ status: 0, end: 'ECONNRESET' });
    expect(heard[0]?.equals(body)).toBe(true);
  });

  test('keeps a fault for the request that it is meant for', async () => {
    proxy.order({ kind: 'status', status: 503 }, ({ url }) => url === '/chosen');
    expect(await send(body, '/other')).toMatchObject({ status: 200 });
    expect(await send(body, '/chosen')).toMatchObject({ status: 503 });
    expect(await send(body, '/chosen')).toMatchObject({ status: 200 });
  });

  test('draws the same faults in the same order from the same seed', async () => {
    const draw = (seed: number): Fault[] => {
      const next = randomBelow(seed);
      return Array.from({ length: 200 }, () => drawFault(next));
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(new Set(draw(1).map(({ kind }) => kind)).size).toBe(10);
    proxy.drawFrom(3, 1, (_, { kind }) => kind === 'status');
    const statuses = [];
    for (let count = 0; count < 30; count++) statuses.push((await send(Buffer.from('x'))).status);
    expect(new Set(statuses)).toEqual(new Set([200, 429, 500, 503]));
    expect(proxy.met.length).toBeLessThan(30);
  });
});
