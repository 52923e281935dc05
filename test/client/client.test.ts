/** What the client makes of an api that is slow, away, in trouble, or no api at all. */
import { afterEach, expect, test } from '@jest/globals';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { apiAddress, Client } from '../../client/client.ts';
import { ApiRefusal, ApiUnreachable } from '../../client/errors.ts';
import { untilEnded } from '../../client/follow.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, count: number) => void;

let server: Server | undefined;
let asked: IncomingMessage[] = [];

/** @returns the address of a server that answers as told */
async function serve(handler: Handler): Promise<string> {
  asked = [];
  server = createServer((request, response) => {
    asked.push(request);
    response.setHeader('x-stand-in', 'yes');
    handler(request, response, asked.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

function answer(response: ServerResponse, status: number, body: object, headers: object = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', 'x-request-id': 'r-1', ...headers });
  response.end(JSON.stringify(body));
}

const refusal = (error: string): object => ({ code: 0, errors: [{ error, message: `It is ${error}.` }] });

async function failureOf(work: Promise<unknown>): Promise<Error> {
  return work.then(
    () => new Error('it succeeded'),
    (error: unknown) => error as Error,
  );
}

test.each([
  ['http://h:1', 'http://h:1/skybackup/v1'],
  ['http://h:1/', 'http://h:1/skybackup/v1'],
  ['https://h/skybackup/v1/', 'https://h/skybackup/v1'],
  ['https://h/2024/skybackup/v1', 'https://h/skybackup/v1'],
  ['https://h/behind/a/proxy', 'https://h/behind/a/proxy/skybackup/v1'],
])('the address %s is %s', (given, expected) => {
  expect(apiAddress(given)).toBe(expected);
});

test('a refusal has the words of the API and the id of the request', async () => {
  const url = await serve((_, response) => answer(response, 404, refusal('service_not_found')));
  const error = await failureOf(new Client(url, 't').service('a/b'));
  expect(error).toBeInstanceOf(ApiRefusal);
  expect(error).toMatchObject({ status: 404, requestId: 'r-1', message: 'It is service_not_found.' });
  expect(asked.map(({ url: path }) => path)).toEqual(['/skybackup/v1/services/a%2Fb']);
});

test('the same is asked again while the API asks for patience, an order under one key', async () => {
  const url = await serve((_, response, count) => {
    if (count < 3) answer(response, 503, refusal('temporal_unavailable'), { 'retry-after': '0' });
    else answer(response, 200, { id: 1 });
  });
  expect(await new Client(url, 't').orderBackup('s')).toEqual({ id: 1 });
  const keys = asked.map(({ headers }) => headers['idempotency-key']);
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
  await new Client(url, 't').orderBackup('s');
  expect(asked.at(-1)?.headers['idempotency-key']).not.toBe(keys[0]);
});

test('nobody waits longer than a person would', async () => {
  const url = await serve((_, response) => answer(response, 429, refusal('x'), { 'retry-after': '60' }));
  expect(await failureOf(new Client(url, 't').services())).toMatchObject({
    status: 429,
    retryAfterMs: 60_000,
  });
  expect(asked).toHaveLength(1);
});

test('what was deleted by an attempt whose answer got lost is deleted', async () => {
  const url = await serve((request, response, count) => {
    if (count === 1) request.socket.destroy();
    else answer(response, 404, refusal('restore_not_found'));
  });
  expect(await new Client(url, 't').deleteRestore(1)).toBeUndefined();
  expect(await failureOf(new Client(url, 't').deleteRestore(1))).toMatchObject({ status: 404 });
});

test('an order whose answer never came may have been carried out, and the message says so', async () => {
  const url = await serve(() => undefined);
  const error = await failureOf(new Client(url, 't', { timeoutMs: 50, attempts: 2 }).orderBackup('s'));
  expect(error).toBeInstanceOf(ApiUnreachable);
  expect(error.message).toBe(
    `${url} did not answer within 0.05 s. It may have been carried out all the same: look before you ask again.`,
  );
});

test('a redirection is not followed: the token is for the address that was given', async () => {
  const url = await serve((_, response) => response.writeHead(302, { location: 'http://other/' }).end());
  const error = await failureOf(new Client(url, 'secret', { attempts: 1 }).services());
  expect(error.message).toBe(`${url} redirects to http://other/: write the address of the API itself.`);
  expect(asked).toHaveLength(1);
});

test('what answers and is no API is told by its status and type', async () => {
  const url = await serve((_, response) =>
    response.writeHead(502, { 'content-type': 'text/html' }).end('<p>'),
  );
  const error = await failureOf(new Client(url, 't', { attempts: 1 }).services());
  expect(error.message).toContain(`What answers at ${url} is not Tidemark's API: status 502, text/html.`);
});

test('following goes on while the API is away for a while, and tells of it once', async () => {
  const told: string[] = [];
  const states = ['Running', 'away', 'away', 'Running', 'Succeeded'];
  const look = async (): Promise<{ status: string }> => {
    const status = states.shift() ?? '';
    if (status === 'away') throw new ApiUnreachable('It is away.', false);
    return { status };
  };
  const options = { everyMs: 1, outageMs: 10_000, away: ({ message }: Error) => told.push(message) };
  expect(await untilEnded(look, () => undefined, options)).toEqual({ status: 'Succeeded' });
  expect(told).toEqual(['It is away.']);
});

test('following ends with the reason of its signal', async () => {
  const signal = AbortSignal.abort(new Error('enough'));
  const look = async (): Promise<{ status: string }> => ({ status: 'Running' });
  expect(await failureOf(untilEnded(look, undefined, { signal }))).toMatchObject({ message: 'enough' });
});
