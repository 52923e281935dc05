/**
 * PostgreSQL servers: a cluster in a temporary folder, on 127.0.0.1 and a free port, with a password. The keeper of
 * the run (keeper.ts) has one for all suites that need a database and no more, and ends what a suite could not.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  readdirSync,
} from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { askKeeper } from './run.ts';

/** How long the server may take to begin or end on a loaded machine. Milliseconds. */
const patienceMs = 60_000;

const password = "it's a p%sswörd/?#@: ";

export interface TestDatabases {
  readonly password: string;
  /** `postgres://…` of a new, empty database, without the password. */
  createDatabase(): Promise<string>;
}

/** A server that is a suite's own. */
export interface TestPostgres extends TestDatabases {
  readonly port: number;
  /** Ends every connection from the server's side, as a restart or an administrator would. */
  dropConnections(): Promise<void>;
  /** Ends the server at once, as a crash of its machine would. */
  kill(): Promise<void>;
  /** Starts it again, on the same port. */
  start(): Promise<void>;
  /** Ends the server and removes its folder. */
  stop(): Promise<void>;
}

/** The run's server. It starts with the first call of a run. */
export async function sharedPostgres(): Promise<TestDatabases> {
  const port = Number(await askKeeper('postgres'));
  return { password, createDatabase: async () => await createDatabase(port) };
}

/** @throws Error with what `initdb` or the server said */
export async function startPostgres(): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'postgres-'));
  const server = new Server(folder);
  try {
    await server.initialize();
    await server.start();
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

class Server implements TestPostgres {
  readonly password = password;
  readonly #folder: string;
  readonly #data: string;
  readonly #account = unprivilegedAccount();
  #port = 0;
  #process: ChildProcess | undefined;

  constructor(folder: string) {
    this.#folder = folder;
    this.#data = join(folder, 'data');
  }

  async initialize(): Promise<void> {
    mkdirSync(this.#data);
    const passwordFile = join(this.#folder, 'password');
    writeFileSync(passwordFile, `${this.password}\n`);
    if (this.#account) {
      for (const path of [this.#folder, this.#data, passwordFile]) {
        chownSync(path, this.#account.uid, this.#account.gid);
      }
    }
    const initdb = this.#spawn('initdb', [
      '--pgdata',
      this.#data,
      '--username=tidemark',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // Not the order of bytes, so that the catalog's own order shows. ICU needs no locale on the machine.
      '--locale=C',
      '--locale-provider=icu',
      '--icu-locale=en',
      '--no-sync',
    ]);
    const [code] = (await once(initdb, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`initdb failed. ${this.#log()}`);
  }

  async start(): Promise<void> {
    const end = Date.now() + patienceMs;
    const again = this.#port !== 0;
    for (;;) {
      if (!again) this.#port = await freePort();
      if (await this.#startOnce(end)) return;
      // Another process took the port, or children of a killed server have not noticed yet.
      if (Date.now() > end) throw new Error(`PostgreSQL did not start. ${this.#log()}`);
      await sleep(100);
    }
  }

  async #startOnce(end: number): Promise<boolean> {
    const server = this.#spawn('postgres', [
      '-D',
      this.#data,
      '-c',
      `port=${this.#port}`,
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      `unix_socket_directories=${this.#folder}`,
      '-c',
      'shared_buffers=16MB',
      '-c',
      'fsync=off',
      // Suites that share it have a pool for each catalog that they open.
      '-c',
      'max_connections=400',
    ]);
    this.#process = server;
    while (server.exitCode === null && server.signalCode === null && Date.now() < end) {
      if (await this.#answers()) return true;
      await sleep(50);
    }
    return false;
  }

  get port(): number {
    return this.#port;
  }

  async createDatabase(): Promise<string> {
    return await createDatabase(this.#port);
  }

  async dropConnections(): Promise<void> {
    await administer(
      this.#port,
      "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'",
    );
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    // SIGINT is PostgreSQL's fast shutdown: it does not wait for its clients.
    await this.#end('SIGINT');
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const server = this.#process;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    const ended = once(server, 'exit');
    server.kill(signal);
    await ended;
  }

  async #answers(): Promise<boolean> {
    try {
      await administer(this.#port, 'select 1');
      return true;
    } catch {
      return false;
    }
  }

  #spawn(program: string, args: string[]): ChildProcess {
    const log = openSync(join(this.#folder, 'log'), 'a');
    const child = spawn(join(programFolder(), program), args, {
      cwd: this.#folder,
      stdio: ['ignore', log, log],
      ...this.#account,
    });
    child.on('error', () => {});
    closeSync(log);
    return child;
  }

  #log(): string {
    return readFileSync(join(this.#folder, 'log'), 'utf8').slice(-2000);
  }
}

async function createDatabase(port: number): Promise<string> {
  const name = `catalog_${randomBytes(6).toString('hex')}`;
  await administer(port, `create database ${name}`);
  return `postgres://tidemark@127.0.0.1:${port}/${name}`;
}

async function administer(port: number, statement: string): Promise<void> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: 'tidemark',
    password,
    database: 'postgres',
  });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** PostgreSQL refuses to run as root. Debian's package brings an account for it. */
function unprivilegedAccount(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (option: string): number => {
    const answer = spawnSync('id', [option, 'postgres'], { encoding: 'utf8' });
    if (answer.status !== 0)
      throw new Error('There is no account "postgres": install the package postgresql.');
    return Number(answer.stdout);
  };
  return { uid: id('-u'), gid: id('-g') };
}

/** Debian keeps the server's programs out of the PATH, in a folder for each major version. */
function programFolder(): string {
  const versions = readdirSync('/usr/lib/postgresql').toSorted((a, b) => Number(b) - Number(a));
  const newest = versions[0];
  if (newest === undefined) throw new Error('There is no PostgreSQL: install the package postgresql.');
  return `/usr/lib/postgresql/${newest}/bin`;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
