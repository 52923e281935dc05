/** Following a restore by server-sent events. */
import { getEventListeners, once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createHttpServer } from '../../api/http-server.ts';
import type { Catalog, RestorePatch, RestoreRecord } from '../../catalog/types.ts';
import { workflowIds } from '../../domain/ids.ts';
import { startOf } from '../../domain/progress.ts';
import { type EventsClient, openEvents } from '../support/events-client.ts';
import { until } from '../support/until.ts';
import { type Harness, openApi, serviceRecord, succeededBackup, tokens } from './harness.ts';

let api: Harness;
let server: Server;
let looks = 0;
let count = 0;

beforeAll(async () => {
  api = await openApi('there', {
    over: (catalog): Catalog => ({
      ...catalog,
      findRestore: async (...which) => {
        looks += 1;
        return catalog.findRestore(...which);
      },
    }),
    events: {
      limits: { streams: 3, perSubject: 2, durationMs: 900_000 },
      pace: { lookMs: 50, heartbeatMs: 200 },
    },
  });
  server = createHttpServer(api.fetch, api.logger, 60_000);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(async () => {
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
  await api?.close();
});

async function running(): Promise<RestoreRecord> {
  // One at a time is all that a service has.
  const service = serviceRecord({ serviceId: `watched-${(count += 1)}` });
  await api.catalog.upsertService(service);
  const backup = await succeededBackup(api.catalog, service, 'a');
  const record = await api.catalog.createRestore({
    organization: 'acme',
    service,
    backup,
    mode: 'side-by-side',
    bucket: '',
    message: 'Restore is scheduled.',
    workflowId: (id) => workflowIds.restore(id, 'abcd'),
  });
  await change(record, { status: 'Running', progress: startOf('planning') });
  return record;
}

async function change({ id }: RestoreRecord, patch: RestorePatch): Promise<void> {
  await api.catalog.updateRestore(id, patch);
}

async function follow(
  { id }: RestoreRecord,
  { token = tokens.viewer, known, at = server }: { token?: string; known?: string; at?: Server } = {},
): Promise<EventsClient> {
  const { port } = at.address() as AddressInfo;
  return await openEvents(`http://127.0.0.1:${port}/skybackup/v1/restores/${id}/events`, {
    'X-API-Key': token,
    ...(known !== undefined && { 'Last-Event-ID': known }),
  });
}

test('each change comes as the whole Restore, the last as `end`, and then the stream ends', async () => {
  const record = await running();
  const stream = await follow(record);
  expect([stream.status, stream.headers['content-type'], stream.headers['cache-control']]).toEqual([
    200,
    'text/event-stream',
    'no-store',
  ]);
  const first = await stream.next();
  expect(first).toMatchObject({
    event: 'restore',
    data: { status: 'Running', progress: { phase: 'planning' } },
  });
  const { body } = await api.ask('GET', `/restores/${record.id}`);
  expect(first?.data).toEqual(body);
  await change(record, { message: 'The copy is being prepared.', progress: startOf('preparing') });
  const second = await stream.next();
  expect(second?.data).toMatchObject({
    message: 'The copy is being prepared.',
    progress: { phase: 'preparing' },
  });
  expect(second?.id).not.toBe(first?.id);
  await change(record, { status: 'Succeeded', message: 'Restore has succeeded!' });
  const last = await stream.next();
  expect(last).toMatchObject({
    event: 'end',
    data: { status: 'Succeeded', message: 'Restore has succeeded!' },
  });
  expect(await stream.next()).toBeUndefined();

  // Whoever has that, and asks again, is told that nothing more comes.
  const again = await follow(record, { known: last!.id });
  expect([again.status, await again.next()]).toEqual([204, undefined]);
  const anew = await follow(record);
  expect([(await anew.next())?.id, await anew.next()]).toEqual([last!.id, undefined]);
});

test('whoever comes again gets what is there now, where it is another; meanwhile comments', async () => {
  const record = await running();
  const stream = await follow(record);
  const first = await stream.next();
  stream.hangUp();
  const same = await follow(record, { known: first!.id });
  const next = same.next();
  await until(async () => same.comments() > 1);
  await change(record, { message: 'Something else.' });
  expect((await next)?.data.message).toBe('Something else.');
  same.hangUp();
  const other = await follow(record, { known: first!.id });
  expect((await other.next())?.data.message).toBe('Something else.');
  other.hangUp();
});

test('one that is taken off the lists is told as it was last', async () => {
  const record = await running();
  await change(record, { status: 'Scheduled' });
  const stream = await follow(record);
  const first = await stream.next();
  expect((await api.ask('DELETE', `/restores/${record.id}`)).status).toBe(200);
  for (let event = await stream.next(); ; event = await stream.next()) {
    if (event?.event === 'restore') continue;
    expect(event).toMatchObject({ event: 'removed', data: { status: 'Scheduled' } });
    expect(event?.id).not.toBe(first?.id);
    break;
  }
  expect(await stream.next()).toBeUndefined();
});

test('so many at once for each, and for all; a client that goes gives its place back', async () => {
  const record = await running();
  const refused = async (token: string): Promise<[number, string[], boolean]> => {
    const { status, errors, headers } = await api.ask('GET', `/restores/${record.id}/events`, { token });
    return [status, errors, Number(headers.get('retry-after')) > 0];
  };
  const [one, two] = [await follow(record), await follow(record)];
  expect(await refused(tokens.viewer)).toEqual([429, ['too_many_streams'], true]);
  const three = await follow(record, { token: tokens.operator });
  expect(await refused(tokens.administrator)).toEqual([503, ['streams_exhausted'], true]);
  // Who asks for the head alone takes no place for longer.
  const head = async (): Promise<number> =>
    (await api.ask('HEAD', `/restores/${record.id}/events`, { token: tokens.viewer })).status;
  one.hangUp();
  // Its connection is closed a moment later.
  let again: EventsClient | undefined;
  await until(async () => {
    if ((await head()) !== 200) return false;
    again = await follow(record);
    return again.status === 200;
  });
  expect(await again?.next()).toMatchObject({ event: 'restore' });
  for (const stream of [two, three, again!]) stream.hangUp();
});

test('however many watch, a restore is looked at once at a time', async () => {
  const record = await running();
  const streams: EventsClient[] = [];
  await until(async () => {
    const stream = await follow(record, { token: tokens.operator });
    if (stream.status === 200) streams.push(stream);
    return streams.length === 2;
  });
  for (const stream of streams) await stream.next();
  const [before, begun] = [looks, Date.now()];
  await change(record, { message: 'Once.' });
  for (const stream of streams) expect((await stream.next())?.data.message).toBe('Once.');
  expect(looks - before).toBeLessThanOrEqual(1 + (Date.now() - begun) / 50);
  for (const stream of streams) stream.hangUp();
  // And not at all when nobody does.
  await until(async () => {
    const now = looks;
    await new Promise((resolve) => setTimeout(resolve, 200));
    return looks === now;
  });
});

test('however often a stream waits, it leaves nothing behind', async () => {
  const pace = { lookMs: 50, heartbeatMs: 1 };
  const limits = { streams: 1, perSubject: 1, durationMs: 900_000 };
  const own = await openApi('away', { beside: api, events: { limits, pace } });
  const watching = await own.restoreEvents.watch(await running(), 'x');
  const { signal } = watching;
  const before = getEventListeners(signal, 'abort').length;
  // What is looked at may change meanwhile.
  for (let waits = 0; waits < 20; waits += 1) await watching.next(watching.now().id);
  expect(getEventListeners(signal, 'abort')).toHaveLength(before);
  const waiting = watching.next(watching.now().id);
  watching.end();
  expect(await waiting).toBeUndefined();
  await own.close();
});

test('the end of the api, and of credentials, ends streams in order', async () => {
  const own = await openApi('there', {
    beside: api,
    events: { limits: { streams: 9, perSubject: 9, durationMs: 60_000 } },
  });
  const record = await running();
  const first = await own.restoreEvents.watch(record, 'x', new Date(Date.now() + 100).toISOString());
  expect(await first.next(first.now().id)).toBeUndefined();
  expect(first.signal.aborted).toBe(true);
  first.end();
  const listening = createHttpServer(own.fetch, own.logger, 60_000).listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const stream = await follow(record, { at: listening });
  expect(await stream.next()).toMatchObject({ event: 'restore' });
  own.restoreEvents.close();
  expect(await stream.next()).toBeUndefined();
  // Nothing holds it.
  listening.closeIdleConnections();
  await new Promise((resolve) => listening.close(resolve));
  const late = await own.ask('GET', `/restores/${record.id}/events`, { token: tokens.viewer });
  expect([late.status, late.errors]).toEqual([503, ['streams_exhausted']]);
  expect(late.messages).toContain('about to end');
  await own.close();
});
