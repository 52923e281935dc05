/** That a customer's bucket had to be waited for is known to the agent: by then a step says nothing of its host. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { storeFor } from '../../activities/host/bucket.ts';
import type { HostRestoreInput } from '../../activities/host/contract.ts';
import { openPlace } from '../../activities/host/foreign-source.ts';
import type { Host } from '../../activities/host/host.ts';
import { timed } from '../../activities/host/timed.ts';
import { sealBucketFor } from '../../activities/sealed-bucket.ts';
import { storageOptions } from '../../config/storage.ts';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import type { StorageCredentials } from '../../domain/storage-credentials.ts';
import { sealSourceFor } from '../../sealing/for-source.ts';
import { Waits } from '../../storage/waits.ts';
import { runActivity } from '../support/activity.ts';

const { recipient, identity } = newAgeIdentity();
const workflowId = 'restore/of-a-test';
const signal = new AbortController().signal;

let server: Server;
/** How many requests are still told to come again. */
let throttled: number;
let reasons: string[];
let host: Host;
let credentials: StorageCredentials;
let endpoints: string[];

beforeEach(async () => {
  [throttled, reasons] = [0, []];
  // It repeats what it was asked with, as a careless one might.
  server = createServer((request, response) => {
    const [status, code] = throttled > 0 ? [503, 'SlowDown'] : [404, 'NoSuchKey'];
    throttled -= 1;
    response.writeHead(status, { 'content-type': 'application/xml' });
    const said = `You said ${request.headers.authorization ?? ''}`;
    response.end(`<Error><Code>${code}</Code><Message>${said}</Message></Error>`);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const endpointUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  endpoints = [new URL(endpointUrl).host];
  const secrets = { accessKeyId: 'AKIACANARY', secretAccessKey: 'canary-secret-0123456789' };
  credentials = { scheme: 's3', ...secrets, endpointUrl };
  const waits = new Waits();
  const begun = waits.begun.bind(waits);
  waits.begun = (location, reason) => {
    reasons.push(`${location} ${reason}`);
    begun(location, reason);
  };
  const ignore = (): void => undefined;
  host = {
    agentId: 'agent-1',
    ageIdentity: identity,
    settings: { storage_options: storageOptions.parse({ retry_for: '60s' }) },
    waits,
    log: { debug: ignore, info: ignore, warn: ignore, error: ignore },
  } as unknown as Host;
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** A backup of ours in a bucket of the customer's. */
async function readOurs(): Promise<void> {
  const backupId = 'a-backup';
  const bucket = sealBucketFor(
    { location: 's3://mine', credentials, endpoints },
    { agentId: host.agentId, backupId },
    recipient,
  );
  const store = await storeFor(host, { backupId, bucket });
  await expect(store.stat('there')).rejects.toMatchObject({ code: 'object_missing' });
}

/** One that was made elsewhere. */
async function readForeign(): Promise<void> {
  const source = sealSourceFor(
    { location: 's3://mine', object: 'there', method: 'mysqldump', endpoints, credentials },
    { agentId: host.agentId, workflowId },
    recipient,
  );
  const order = { workflowId, foreign: { source } } as unknown as HostRestoreInput;
  await expect(openPlace(host, order, signal)).rejects.toThrow();
}

test.each([
  ['of a backup of this deployment', readOurs],
  ['of one that was made elsewhere', readForeign],
])('a read %s that was throttled is not measured, and what is told of it has no secret', async (_, read) => {
  const measured = async (): Promise<number | undefined> =>
    (await runActivity(async () => await timed(host, read)).result).seconds;
  expect(await measured()).toBeGreaterThan(0);
  expect(reasons).toEqual([]);
  throttled = 1;
  expect(await measured()).toBeUndefined();
  expect(reasons).toEqual([expect.stringMatching(/^s3:\/\/mine .*You said/)]);
  expect(reasons[0]).not.toMatch(/canary/i);
  expect(host.waits?.told).toBeUndefined();
});
