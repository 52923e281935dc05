/** Dumps that others made, tried beside the running server that they are to go into. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { HostRestoreInput } from '../../activities/host/contract.ts';
import { foreignActivities } from '../../activities/host/foreign.ts';
import type { Host } from '../../activities/host/host.ts';
import { replaceActivities } from '../../activities/host/replace.ts';
import { restoreActivities } from '../../activities/host/restore.ts';
import { newAgeIdentity } from '../../domain/age-identity.ts';
import { sealSourceFor } from '../../sealing/for-source.ts';
import { runActivity } from '../support/activity.ts';
import { openHost } from '../support/host.ts';
import { startTestServer, type TestServer } from '../support/mariadb.ts';

let server: TestServer;
let host: Host;
let restoreId = 0;
const { recipient, identity } = newAgeIdentity();
const run = <T>(work: () => Promise<T>): Promise<T> => runActivity(work).result;

beforeAll(async () => {
  server = await startTestServer({ name: 'foreign', privileges: 'ALL PRIVILEGES' });
  const opened = await openHost({
    service_id: 'foreign-1',
    state_directory: path.join(server.folder, 'state'),
    storage: `file://${path.join(server.folder, 'storage')}`,
    server: {
      defaults_file: server.settings.defaults_file,
      client_file: server.settings.client_file,
      control: { kind: 'direct' },
    },
  });
  host = { ...opened, ageIdentity: identity };
  await server.query('CREATE DATABASE shop');
  await server.query('CREATE TABLE shop.orders (id INT PRIMARY KEY) SELECT 9 AS id');
  await server.query('CREATE TABLE shop.customers (id INT PRIMARY KEY) SELECT 1 AS id');
});
afterAll(() => server?.remove());

const head =
  '-- MariaDB dump 10.19\n-- Host: localhost    Database: shop\n-- Server version\t10.11.19-MariaDB\n\n';
const tail = '-- Dump completed on 2026-11-23  8:00:00\n';
const named = 'CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop`;\nUSE `shop`;\n';
const tableOf = (name: string): string =>
  `DROP TABLE IF EXISTS \`${name}\`;\nCREATE TABLE \`${name}\` (\n  \`id\` int\n);\nINSERT INTO \`${name}\` VALUES (7);\n`;

async function put(text: string): Promise<void> {
  const folder = path.join(server.folder, 'storage', 'foreign-1');
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'dump.sql'), text);
}

/** Looks at a dump, as the plan of a restore does. */
async function examined(
  text: string,
  mode: HostRestoreInput['mode'] = 'side-by-side',
): Promise<HostRestoreInput> {
  await put(text);
  restoreId += 1;
  const workflowId = 'restore/of-a-test';
  const location = host.store.location;
  const source = sealSourceFor(
    { location, object: 'foreign-1/dump.sql', method: 'mysqldump', endpoints: [] },
    { agentId: host.agentId, workflowId },
    recipient,
  );
  const order = {
    restoreId,
    workflowId,
    mode,
    backupId: '/dump.sql',
    manifestSha256: '',
    foreign: { source },
  };
  const facts = await run(() => foreignActivities(host).examineForeign(order));
  return { ...order, foreign: { source, facts } };
}

async function orders(): Promise<unknown[]> {
  return await server.query('SELECT id FROM shop.orders');
}

test('one that brings more than its databases is refused, and what it would change is named', async () => {
  const bad = [
    'CREATE OR REPLACE USER `root`@`localhost` IDENTIFIED BY "x";',
    'SET GLOBAL max_connections = 77;',
    'INSERT INTO mysql.servers (Server_name) VALUES ("away");',
    'CREATE PROCEDURE mysql.p() SELECT 1;',
  ].join('\n');
  const order = await examined(`${head}${named}${tableOf('orders')}${bad}\n${tail}`);
  const names = [
    'routine mysql.p',
    'table mysql.global_priv',
    'table mysql.proxies_priv',
    'table mysql.servers',
    'variable max_connections',
  ];
  await expect(run(() => restoreActivities(host).fetchBackup(order))).rejects.toMatchObject({
    code: 'source_unsafe',
    message: expect.stringContaining(`changes ${names.map((name) => `the ${name}`).join(', ')}, too`),
  });
  expect(await orders()).toEqual([{ id: 9 }]);
});

test('one that does not say of what tables it is takes no other tables with it', async () => {
  const order = await examined(`${head}${tableOf('orders')}${tail}`);
  await expect(run(() => restoreActivities(host).fetchBackup(order))).rejects.toMatchObject({
    code: 'source_no_backup',
    message: expect.stringContaining('are not in it: customers.'),
  });
  expect(await orders()).toEqual([{ id: 9 }]);
});

test('in place, where it would be loaded untried, it is refused', async () => {
  await expect(examined(`${head}${named}${tableOf('orders')}${tail}`, 'in-place')).rejects.toMatchObject({
    code: 'source_unsafe',
    message: expect.stringContaining('"side-by-side"'),
  });
});

test('one with all tables, routines and events of its database goes in', async () => {
  const more =
    'DELIMITER ;;\nCREATE PROCEDURE `p`()\nBEGIN\nSELECT 1;\nEND ;;\n' +
    'CREATE EVENT `e` ON SCHEDULE EVERY 1 DAY DO SELECT 1 ;;\nDELIMITER ;\n';
  const order = await examined(`${head}${tableOf('orders')}${tableOf('customers')}${more}${tail}`);
  await run(() => restoreActivities(host).fetchBackup(order));
  await run(() => replaceActivities(host).replaceDatabases(order));
  expect(await orders()).toEqual([{ id: 7 }]);
});

test('one that was replaced since it was looked at is refused before anything is dropped', async () => {
  const text = `${head}${named}${tableOf('orders')}${tail}`;
  const before = await orders();
  const order = await examined(text);
  const changed = {
    code: 'source_changed',
    message: expect.stringContaining('changed since it was looked at'),
  };
  // Of the same size, and of what an agent kept of it that knew no identities.
  await put(text.replace('VALUES (7)', 'VALUES (8)'));
  await expect(run(() => restoreActivities(host).fetchBackup(order))).rejects.toMatchObject(changed);
  await expect(run(() => replaceActivities(host).replaceDatabases(order))).rejects.toMatchObject(changed);
  delete order.foreign?.facts?.identity;
  await put(`${text}\n${tail}`);
  await expect(run(() => restoreActivities(host).fetchBackup(order))).rejects.toMatchObject(changed);
  await expect(run(() => replaceActivities(host).replaceDatabases(order))).rejects.toMatchObject(changed);
  await put(text.replace('10.11.19', '10.11.18'));
  await expect(run(() => restoreActivities(host).fetchBackup(order))).rejects.toMatchObject(changed);
  await put(text.replace('-- Dump completed', '-- Some remark...'));
  await expect(run(() => restoreActivities(host).fetchBackup(order))).rejects.toMatchObject({
    code: 'source_damaged',
  });
  expect(await orders()).toEqual(before);
});
