/**
 * The whole of Tidemark for one suite: api, control worker and agents as processes of their own, on the run's
 * Temporal server in a namespace of the suite's, over real MariaDB servers.
 */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { stringify } from 'yaml';
import type { ServerSettings } from '../../config/agent.ts';
import { newKeyLine } from '../../sealing/keys.ts';
import { startTestServer, type TestServer, type TestServerOptions } from './mariadb.ts';
import { TestProcess } from './process.ts';
import { runFolder } from './run.ts';
import { createNamespace } from './temporal.ts';

export interface Answer<T = Record<string, unknown>> {
  status: number;
  body: T;
  headers: Headers;
}

export interface BackupBody {
  id: string;
  service_id: string;
  status: string;
  message: string;
  schedule_id: number;
  reference_full_backup: string;
  backup_size: number;
  disk_size_bytes: number;
  binlog_gtid_position: string;
  progress?: { phase: string; percent: number; bytes_done: number };
  copies?: { location: string; status: string; message: string }[];
}

export interface RestoreBody {
  id: number;
  workflow_id: string;
  status: string;
  message: string;
  progress?: { phase: string; percent: number; bytes_done: number };
  reached?: Record<string, string | number>;
}

export interface TestService {
  serviceId: string;
  server: TestServer;
  agent: TestProcess;
  stateDirectory: string;
}

export interface AgentOptions {
  /** Changes of the agent's settings. */
  settings?: Record<string, unknown>;
  /** Another server to work on than a new one. */
  server?: TestServer;
  serverOptions?: TestServerOptions;
  serviceId?: string;
  env?: Record<string, string>;
  /** The agent is not started. */
  stopped?: boolean;
  /** How the agent is let in: as the first of its service (the default), in place of another one, or not at all. */
  enrolment?: 'first' | 'take-over' | 'none';
}

export const ready = {
  api: '"msg":"ready"',
  control: 'The control worker is ready',
  agent: 'The service is registered',
};

export interface StackOptions {
  /** Where Temporal is; default: the run's, in a new namespace. */
  temporal?: { address: string; namespace: string };
  controlSettings?: Record<string, string>;
  apiSettings?: Record<string, string>;
}

export class TestStack {
  readonly folder: string;
  readonly storage: string;
  readonly client: Client;
  readonly api: TestProcess;
  readonly control: TestProcess;
  readonly services: TestService[] = [];
  readonly token = 'a-token-of-the-test-stack-0123456789';
  readonly #env: Record<string, string>;

  private constructor(
    folder: string,
    connection: Connection,
    temporal: { address: string; namespace: string },
    options: StackOptions,
  ) {
    this.folder = folder;
    this.storage = path.join(folder, 'storage');
    this.client = new Client({ connection, namespace: temporal.namespace });
    this.#env = { TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: temporal.namespace };
    const catalog = `sqlite://${folder}/catalog.db`;
    this.api = new TestProcess('api', 'api/main.ts', [], {
      ...this.#env,
      TIDEMARK_PORT: '0',
      TIDEMARK_CATALOG: catalog,
      TIDEMARK_TOKENS_FILE: path.join(folder, 'tokens'),
      TIDEMARK_SEALING_KEY_FILE: path.join(folder, 'sealing-key'),
      ...options.apiSettings,
    });
    this.control = new TestProcess('control worker', 'worker/control.ts', [], {
      ...this.#env,
      TIDEMARK_CATALOG: catalog,
      TIDEMARK_STORAGE: `file://${this.storage}`,
      TIDEMARK_SEALING_KEY_FILE: path.join(folder, 'sealing-key'),
      TIDEMARK_RECONCILE_INTERVAL: '2s',
      // No backup of its own accord in the middle of a test.
      TIDEMARK_NIGHTLY: 'off',
      // Nor anything that follows its server, unless that is what is tested.
      TIDEMARK_BINLOG_ARCHIVE: 'off',
      ...options.controlSettings,
    });
  }

  static async start(name: string, options: StackOptions = {}): Promise<TestStack> {
    const folder = await mkdtemp(path.join(runFolder(), `stack-${name}-`));
    const temporal = options.temporal ?? (await createNamespace(name));
    const connection = await Connection.connect({ address: temporal.address });
    const stack = new TestStack(folder, connection, temporal, options);
    await writeFile(path.join(folder, 'tokens'), `${stack.token} default administrator test\n`, {
      mode: 0o600,
    });
    await writeFile(path.join(folder, 'sealing-key'), `${newKeyLine()}\n`, { mode: 0o600 });
    await Promise.all([stack.api.start(ready.api), stack.control.start(ready.control)]);
    return stack;
  }

  get url(): string {
    const address = [...this.api.output.matchAll(/"address":"(http[^"]+)"/g)].at(-1)?.[1] ?? '';
    return `${address}/skybackup/v1`;
  }

  async request<T = Record<string, unknown>>(
    method: string,
    pathname: string,
    body?: unknown,
  ): Promise<Answer<T>> {
    const response = await fetch(`${this.url}${pathname}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: (text === '' ? {} : JSON.parse(text)) as T,
      headers: response.headers,
    };
  }

  /** A service with a server and an agent of its own. */
  async addService(name: string, options: AgentOptions = {}): Promise<TestService> {
    const server = options.server ?? (await startTestServer({ name, ...options.serverOptions }));
    const stateDirectory = path.join(this.folder, `agent-${name}`);
    await mkdir(stateDirectory, { recursive: true });
    const serviceId = options.serviceId ?? name;
    const agent = new TestProcess(
      `agent of ${name}`,
      'worker/agent.ts',
      ['--config', `${stateDirectory}.yaml`],
      { ...this.#env, ...options.env },
    );
    const service = { serviceId, server, agent, stateDirectory };
    await this.configure(service, options.settings);
    const { enrolment = 'first' } = options;
    if (enrolment !== 'none') await this.enrol(service, { take_over: enrolment === 'take-over' });
    this.services.push(service);
    if (!options.stopped) await agent.start(ready.agent);
    return service;
  }

  /** Has an agent enrolled: the token is put where the agent looks for it. @returns the answer */
  async enrol(service: TestService, fields: Record<string, unknown> = {}): Promise<Answer> {
    const answer = await this.request('POST', '/agents', { service_id: service.serviceId, ...fields });
    if (answer.status !== 200) throw new Error(`the enrolment was refused: ${JSON.stringify(answer.body)}`);
    await writeFile(tokenFile(service), `${String(answer.body['token'])}\n`, { mode: 0o600 });
    return answer;
  }

  /** Writes the agent's settings file; it takes effect at its next start. */
  async configure(service: TestService, settings: Record<string, unknown> = {}): Promise<void> {
    const text = {
      service_id: service.serviceId,
      state_directory: service.stateDirectory,
      enrolment_token_file: tokenFile(service),
      storage: `file://${this.storage}`,
      server: fileForm(service.server.settings),
      ...settings,
    };
    await writeFile(`${service.stateDirectory}.yaml`, stringify(text));
  }

  /** The `server` settings of an agent as they stand in its file. */
  serverSettings(service: TestService): Record<string, unknown> {
    return fileForm(service.server.settings);
  }

  async orderBackup(serviceId: string, type = 'full'): Promise<string> {
    const { status, body } = await this.#order('/backups/schedules', {
      service_id: serviceId,
      backup_type: type,
      schedule: 'once',
    });
    if (status !== 200) throw new Error(`the backup was refused: ${JSON.stringify(body)}`);
    return String(body.backup_id);
  }

  /** Gives an order, again where a Temporal that is too busy to answer is the reason that nothing was started. */
  async #order(pathname: string, body: object): Promise<Answer> {
    const answer = (): Promise<Answer> => this.request('POST', pathname, body);
    return await until(answer, ({ status }) => status !== 503, `an answer of ${pathname}`);
  }

  async backupOf(backupId: string): Promise<BackupBody> {
    const { body } = await this.request<BackupBody>('GET', `/backups/${encodeURIComponent(backupId)}`);
    return body;
  }

  async restoreOf(id: number): Promise<RestoreBody> {
    return (await this.request<RestoreBody>('GET', `/restores/${id}`)).body;
  }

  /** The workflow that carries a restore out. */
  async workflowOf(restoreId: number): Promise<string> {
    return (await this.restoreOf(restoreId)).workflow_id;
  }

  /** Waits until a backup's status is final. */
  async backupEnd(backupId: string): Promise<BackupBody> {
    return await untilOver(() => this.backupOf(backupId), `backup ${backupId}`);
  }

  async takeBackup(serviceId: string, type = 'full'): Promise<BackupBody> {
    const backup = await this.backupEnd(await this.orderBackup(serviceId, type));
    if (backup.status !== 'Succeeded') throw new Error(`the backup failed: ${backup.message}`);
    return backup;
  }

  async orderRestore(
    backupId: string,
    serviceId: string,
    fields: Record<string, unknown> = {},
  ): Promise<number> {
    const { status, body } = await this.#order('/restores', {
      id: backupId,
      service_id: serviceId,
      ...fields,
    });
    if (status !== 200) throw new Error(`the restore was refused: ${JSON.stringify(body)}`);
    return Number(body.id);
  }

  async restoreEnd(id: number): Promise<RestoreBody> {
    return await untilOver(() => this.restoreOf(id), `restore ${id}`);
  }

  /** @throws with the message of the restore, where it did not succeed */
  async restored(id: number): Promise<RestoreBody> {
    const ended = await this.restoreEnd(id);
    if (ended.status !== 'Succeeded') throw new Error(`restore ${id}: ${ended.status}: ${ended.message}`);
    return ended;
  }

  async restore(
    backupId: string,
    serviceId: string,
    fields: Record<string, unknown> = {},
  ): Promise<RestoreBody> {
    return await this.restored(await this.orderRestore(backupId, serviceId, fields));
  }

  async stop(): Promise<void> {
    await Promise.all(this.services.map(({ agent }) => agent.end()));
    await Promise.all([this.api.end(), this.control.end()]);
    await Promise.all(this.services.map(({ server }) => server.remove()));
    await this.client.connection.close();
  }
}

function tokenFile({ stateDirectory }: TestService): string {
  return `${stateDirectory}.token`;
}

/** Work takes seconds, and each question about it takes time of the processes that do it. Milliseconds. */
async function untilOver<T extends { status: string }>(ask: () => Promise<T>, what: string): Promise<T> {
  return await until(ask, isOver, `the end of ${what}`, 180_000, 300);
}

/** Asks again and again until the answer is as wanted. */
export async function until<T>(
  ask: () => Promise<T>,
  wanted: (value: T) => boolean,
  what: string,
  ms = 180_000,
  everyMs = 100,
): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await ask();
    if (wanted(value)) return value;
    if (Date.now() > deadline)
      throw new Error(`${what} did not come in time; last: ${JSON.stringify(value)}`);
    await sleep(everyMs);
  }
}

function isOver({ status }: { status: string }): boolean {
  return ['Succeeded', 'Failed', 'Cancelled'].includes(status);
}

/** Settings as they stand in a file: what was parsed to milliseconds is written as text again. */
function fileForm(server: ServerSettings): Record<string, unknown> {
  return { ...server, start_timeout: `${server.start_timeout}ms`, stop_timeout: `${server.stop_timeout}ms` };
}
