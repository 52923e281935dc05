/** The connections that read into memory of their own, against servers of the test's own. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { thriftyAgents } from '../../storage/network/agents.ts';
import { certificate, privateKey } from '../support/certificate.ts';

const body = randomBytes(3 * 1024 * 1024 + 7);
const connections = new Set<Socket>();
const answer: http.RequestListener = (request, response) => {
  connections.add(request.socket);
  if (request.url === '/broken') response.writeHead(200, { 'content-length': body.length + 1 });
  response.write(body);
  if (request.url === '/broken') setImmediate(() => request.socket.destroy());
  else response.end();
};
const agents = thriftyAgents({ keepAlive: true, ca: certificate });

describe.each(['http', 'https'] as const)('a connection by %s', (scheme) => {
  const server =
    scheme === 'http'
      ? http.createServer(answer)
      : https.createServer({ cert: certificate, key: privateKey }, answer);
  beforeAll(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterAll(() => {
    agents[scheme].destroy();
    server.closeAllConnections();
    server.close();
  });

  async function ask(path: string): Promise<http.IncomingMessage> {
    const { port } = server.address() as AddressInfo;
    const client = scheme === 'http' ? http : https;
    const request = client.get({ host: '127.0.0.1', port, path, agent: agents[scheme] });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    return response;
  }

  test('brings what was sent, also to who keeps it, and serves the next request', async () => {
    connections.clear();
    for (let request = 0; request < 3; request += 1) {
      const kept: Buffer[] = [];
      for await (const chunk of await ask('/')) kept.push(chunk as Buffer);
      expect(createHash('sha256').update(Buffer.concat(kept)).digest()).toEqual(
        createHash('sha256').update(body).digest(),
      );
    }
    expect(connections.size).toBe(1);
  });

  test('brings it as fast as it is read, and no faster', async () => {
    const response = await ask('/');
    let bytes = 0;
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
      await new Promise((resolve) => setImmediate(resolve));
      expect(response.readableLength).toBeLessThan(body.length / 2);
    }
    expect(bytes).toBe(body.length);
  });

  test('fails what breaks off in the middle', async () => {
    const response = await ask('/broken');
    const read = async (): Promise<void> => {
      for await (const chunk of response) void chunk;
    };
    await expect(read()).rejects.toMatchObject({ code: 'ECONNRESET' });
  });
});
