/**
 * The app over a real catalog and Temporal, asked as a client asks. Every answer is held against the OpenAPI
 * document that the app serves.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { defaultTimings } from '../../domain/operations.ts';
import { basePath, createApp, type EdgeOptions } from '../../api/app.ts';
import type { ApiLog } from '../../api/context.ts';
import { ordersThrough } from '../../api/orders.ts';
import { progressThrough } from '../../api/progress.ts';
import { apiKeysIn } from '../../api/auth/api-keys.ts';
import { authenticator } from '../../api/auth/authenticate.ts';
import type { Authenticate } from '../../api/auth/caller.ts';
import { parseTokens } from '../../api/auth/tokens-file.ts';
import { withRequestIds } from '../../api/request-log.ts';
import { RestoreEvents, type RestoreEventsOptions } from '../../api/restore-events.ts';
import { type KeyRing, keyRing } from '../../sealing/key-ring.ts';
import { openCatalog } from '../../catalog/open.ts';
import type { BackupPatch, BackupRecord, Catalog, ServiceRecord } from '../../catalog/types.ts';
import { noEncryption } from '../../domain/encryption.ts';
import { workflowIds } from '../../domain/ids.ts';
import type { RestoreRates } from '../../domain/archive/estimate.ts';
import { ratesOfSettings } from '../../domain/archive/rates.ts';
import type { BackupType } from '../../domain/operations.ts';
import type { ServiceDefaults } from '../../domain/service-settings.ts';
import { startOf } from '../../domain/progress.ts';
import { type Checker, checkerOf, type OpenApi } from '../support/openapi.ts';
import { createNamespace } from '../support/temporal.ts';

export interface Answer {
  status: number;
  headers: Headers;
  body: Record<string, unknown>;
  /** The answer as it came. */
  text: string;
  /** `error` of every entry of an error object. */
  errors: string[];
  /** `message` of every entry of an error object, a line each. */
  messages: string;
}

export interface Question {
  /** A token of {@link tokens}; empty: no credentials. */
  token?: string;
  headers?: Record<string, string>;
  /** An object is sent as JSON, a text as it is. */
  body?: unknown;
  /** Where the connection comes from. */
  address?: string;
}

export interface LogLine {
  level: 'info' | 'warn' | 'error';
  fields: Record<string, unknown>;
  message: string;
}

export interface HarnessOptions extends Pick<EdgeOptions, 'limits' | 'trustedProxies'> {
  /** Another api, whose Temporal and catalog this one shares, as a process of its own would. */
  beside?: Harness;
  /** Puts something before the catalog. */
  over?: (catalog: Catalog) => Catalog;
  /** What holds for a service, in place of {@link serviceDefaults}. */
  defaults?: ServiceDefaults;
  /** How restores are followed by events. */
  events?: Partial<Pick<RestoreEventsOptions, 'limits' | 'pace'>>;
  /** Who may ask, in place of {@link tokens} and API keys. */
  authenticateBy?: (catalog: Catalog) => Authenticate;
}

export interface Harness {
  client: Client;
  /** Of the catalog. */
  location: string;
  catalog: Catalog;
  restoreEvents: RestoreEvents;
  namespace: { address: string; namespace: string };
  log: LogLine[];
  logger: ApiLog;
  /** The app as a server is given it. */
  fetch: ReturnType<typeof createApp>['fetch'];
  /** Asks below the base path. */
  ask(method: string, path: string, question?: Question): Promise<Answer>;
  /** Asks for a path as it is. */
  askRaw(method: string, path: string, question?: Question): Promise<Answer>;
  close(): Promise<void>;
}

export const tokens = {
  administrator: 'token-of-an-administrator',
  operator: 'token-of-an-operator',
  viewer: 'token-of-a-viewer',
  stranger: 'token-of-another-organization',
};

const tokensFile = `# the tokens of the tests
${tokens.administrator} acme Administrator alice
${tokens.operator} acme MEMBER
${tokens.viewer} acme viewer
${tokens.stranger} other administrator`;

/** As the contract's documents print them. */
export const awsCredentials = Buffer.from(
  `[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\nregion = us-east-1\n`,
).toString('base64');

/** Nobody listens on port 1. */
const nowhere = { address: '127.0.0.1:1', namespace: 'default' };

/** What holds where a test sets nothing else. */
export const restoreRates: RestoreRates = ratesOfSettings({
  physical: 100_000_000,
  dump: 10_000_000,
  binlog: 1_000_000,
  fixedSeconds: 10,
});

export const serviceDefaults: ServiceDefaults = {
  copies: [],
  copyLocations: [],
  retention: { days: 7 },
  nightly: true,
  nightlyWindow: { startMinute: 0, minutes: 360 },
  encryption: noEncryption,
  chain: { base: 'last', maxChain: 7, maxShare: 100 },
  binlog: { archive: true, intervalMs: 10_000, fullAfterHole: true },
};

/** A ring with one key that is always the same. */
export function testKeyRing(): KeyRing {
  return keyRing(Buffer.alloc(32, 7).toString('base64'), 'sealing-key');
}

let checker: Checker | undefined;

/** @param temporal `away` for an address where nobody listens */
export async function openApi(temporal: 'there' | 'away', options: HarnessOptions = {}): Promise<Harness> {
  const {
    beside,
    over = (plain) => plain,
    authenticateBy,
    defaults = serviceDefaults,
    events,
    ...edge
  } = options;
  const folder = await mkdtemp(join(tmpdir(), 'api-'));
  const namespace = beside?.namespace ?? (temporal === 'there' ? await createNamespace('api') : nowhere);
  const location = beside?.location ?? `sqlite://${folder}/catalog.db`;
  const connection = Connection.lazy({ address: namespace.address });
  const client = new Client({ connection, namespace: namespace.namespace });
  const catalog = over(await openCatalog(location));
  await catalog.migrate();
  const lines: LogLine[] = [];
  const write =
    (level: LogLine['level']) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields: { ...fields }, message });
    };
  const log = withRequestIds({ info: write('info'), warn: write('warn'), error: write('error') });
  const progress = progressThrough(client);
  const limits = { streams: 100, perSubject: 20, durationMs: 900_000 };
  const restoreEvents = new RestoreEvents({ catalog, progress, limits, log, ...events });
  const app = createApp({
    catalog,
    orders: ordersThrough(client, {
      address: namespace.address,
      timings: { ...defaultTimings, agentWaitMs: 5_000 },
      scheduleSpreadMs: 300_000,
      catalog,
      log,
    }),
    progress,
    restoreEvents,
    keyRing: testKeyRing(),
    defaults,
    restoreRates,
    externalEndpoints: ['127.0.0.1:7070'],
    authenticate:
      authenticateBy?.(catalog) ??
      authenticator({
        tokens: parseTokens(tokensFile, 'tokens'),
        apiKeys: apiKeysIn(catalog, log),
      }),
    log,
    ...edge,
  });
  // The document is the program's, whatever its settings are.
  checker ??= checkerOf((await (await app.request('/openapi.json')).json()) as OpenApi);
  const check = checker;

  const askRaw: Harness['askRaw'] = async (method, path, question = {}) => {
    const { token = tokens.administrator, headers = {}, body, address = '192.0.2.1' } = question;
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const init = {
      method,
      headers: {
        ...(token === '' ? {} : { Authorization: `Bearer ${token}` }),
        ...(text === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(text === undefined ? {} : { body: text }),
    };
    const response = await app.request(path, init, { incoming: { socket: { remoteAddress: address } } });
    const contentType = response.headers.get('content-type') ?? '';
    const content = await response.text();
    check({ method, path, status: response.status, contentType, text: content });
    const isJson = /^application\/([\w.]+\+)*json/.test(contentType);
    const answer = isJson && content !== '' ? (JSON.parse(content) as Record<string, unknown>) : {};
    const errors = (answer['errors'] ?? []) as { error: string; message: string }[];
    return {
      status: response.status,
      headers: response.headers,
      body: answer,
      text: content,
      errors: errors.map(({ error }) => error),
      messages: errors.map(({ message }) => message).join('\n'),
    };
  };
  return {
    client,
    location,
    catalog,
    restoreEvents,
    namespace,
    log: lines,
    logger: log,
    fetch: app.fetch,
    askRaw,
    ask: async (method, path, question) => askRaw(method, basePath + path, question),
    async close() {
      restoreEvents.close();
      await connection.close();
      await catalog.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A service of the organization of {@link tokens}, unless told otherwise. */
export function serviceRecord(changes: Partial<ServiceRecord> = {}): ServiceRecord {
  const now = new Date().toISOString();
  return {
    serviceId: 'dbtgf28044362',
    serviceName: 'orders',
    organization: 'acme',
    labels: { stage: 'test' },
    cloudProvider: '',
    agentId: 'agent-1',
    serverName: 'mdb-ms-0',
    serverVersion: '10.11.14-MariaDB',
    serverRunning: true,
    layout: {
      members: [{ kind: 'data', directory: '/var/lib/mysql', mountPoint: false, files: [] }],
      innodbDataFiles: ['ibdata1:12M:autoextend'],
      innodbPageSize: 16_384,
      lowerCaseTableNames: 0,
      binlogBasename: 'binlog',
      obstacles: [],
    },
    storage: 'file:///srv/backups',
    hostname: 'db-1',
    agentVersion: '0.1.0',
    warnings: [],
    encryption: noEncryption,
    registeredAt: now,
    lastSeenAt: now,
    ...changes,
  };
}

/** A backup of a service, Succeeded. @param hexDigit makes its id: 32 times this digit */
export async function succeededBackup(
  catalog: Catalog,
  service: ServiceRecord,
  hexDigit: string,
  { type = 'full', ...patch }: BackupPatch & { type?: BackupType } = {},
): Promise<BackupRecord> {
  const backupId = `${hexDigit.repeat(32)}:${service.serviceId}:${service.serverName}`;
  let workflowId = '';
  const { backup } = await catalog.createOneTimeBackup({
    organization: service.organization,
    service,
    type,
    backupId,
    message: 'Backup is scheduled.',
    workflowId: (scheduleId) => (workflowId = workflowIds.backup(backupId, scheduleId)),
  });
  await catalog.updateBackup(backupId, {
    status: 'Succeeded',
    message: 'Backup has succeeded!',
    startedAt: '2024-03-26T17:18:57.123Z',
    endedAt: '2024-03-26T17:19:01.900Z',
    pointInTime: '2024-03-26T17:18:20.001Z',
    binlog: { file: 'binlog.000007', position: 4711, gtid: '0-1-42' },
    storedBytes: 5_327_326,
    uncompressedBytes: 125_829_120,
    manifestSha256: 'ab'.repeat(32),
    progress: { ...startOf('done', 5_327_326), percent: 100, bytesDone: 5_327_326 },
    ...patch,
  });
  await catalog.releasePlace(workflowId);
  return (await catalog.findBackup(backupId, service.organization)) ?? backup;
}
