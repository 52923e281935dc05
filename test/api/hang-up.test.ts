/** Clients that are gone before their body is whole. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createHttpServer } from '../../api/http-server.ts';
import { type Harness, type LogLine, openApi, tokens } from './harness.ts';

let api: Harness;
let server: Server;
beforeAll(async () => {
  api = await openApi('away');
  server = createHttpServer(api.fetch, api.logger, 60_000);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
  await api?.close();
});

/** Sends the beginning of a request, hangs up, and waits for its line in the log. */
async function hangUp(id: string, length: string, beginning: string): Promise<LogLine> {
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  const head = [
    'POST /skybackup/v1/restores HTTP/1.1',
    'Host: a',
    `X-API-Key: ${tokens.administrator}`,
    'Content-Type: application/json',
    `X-Request-Id: ${id}`,
    length,
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n${beginning}`);
  await sleep(100);
  socket.destroy();
  for (let tries = 0; tries < 2_400; tries += 1) {
    const line = api.log.find(({ fields, message }) => message === 'request' && fields['request_id'] === id);
    if (line) return line;
    await sleep(25);
  }
  throw new Error('the request was never logged');
}

test.each([
  ['a declared length', 'Content-Length: 1000', '{"id": "x:y:z", '],
  ['chunks', 'Transfer-Encoding: chunked', '5\r\n{"id"\r\n'],
])(
  'a body of %s that breaks off is the doing of the client: 400, and no error of ours',
  async (_what, length, beginning) => {
    const id = `gone-${length.slice(0, 7)}`;
    expect((await hangUp(id, length, beginning)).fields).toMatchObject({ status: 400 });
    const errors = api.log.filter(({ level, fields }) => level !== 'info' && fields['request_id'] === id);
    expect(errors).toEqual([]);
    const page = { page: 1, pageSize: 100, order: 'asc' } as const;
    const { items } = await api.catalog.listAudit('acme', {}, page);
    const told = items.filter(({ requestId }) => requestId === id);
    // Of chunks the length has to be known before anybody is asked who it is.
    expect(told.map(({ outcome, status, error }) => [outcome, status, error])).toEqual(
      length.startsWith('Content') ? [['refused', 400, 'malformed_request']] : [],
    );
  },
);
