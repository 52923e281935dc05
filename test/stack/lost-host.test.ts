/** A host that is lost at any moment, with its agent and its data: how little of what was confirmed goes with it. */
import { afterAll, beforeAll, expect } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { meeting, type SegmentArchive } from '../../domain/archive/header.ts';
import { openStore } from '../../storage/open.ts';
import { openArchive } from '../../storage/segments.ts';
import { headersOf, rebuilt } from '../support/archived.ts';
import { longRun } from '../support/long.ts';
import { testIf } from '../support/skip.ts';
import { TestStack, type TestService, until } from '../support/stack.ts';

const intervalMs = 2_000;
/** How far an archive may be behind beside its interval. */
const slackMs = 2_000;
const losses = 20;
/** Hosts that live beside each other until they are lost. */
const atOnce = 5;
const writers = 3;
const writePauseMs = 10;

const inFull = testIf(longRun, 'it takes minutes, see npm run test:long');

interface Write {
  text: string;
  who: number;
  /** When it was confirmed: milliseconds since 1970. */
  at: number;
}

interface ServiceBody {
  archive: { binlog_file?: string; binlog_position?: string };
}

interface Window {
  intervals: { start_time: string; end_time: string }[];
}

let stack: TestStack;

beforeAll(async () => {
  const settings = {
    TIDEMARK_BINLOG_ARCHIVE: 'on',
    TIDEMARK_ARCHIVE_INTERVAL: `${intervalMs}ms`,
    TIDEMARK_FULL_AFTER_HOLE: 'off',
    TIDEMARK_SILENCE_TIMEOUT: '5s',
    TIDEMARK_RETRY_PAUSE: '200ms',
  };
  stack = await TestStack.start('lost-host', { apiSettings: settings, controlSettings: settings });
}, 240_000);

afterAll(() => stack?.stop());

/** A service with writers, and what was confirmed to them. */
class Written {
  readonly service: TestService;
  readonly writes: Write[] = [];
  readonly #archive: SegmentArchive;
  #writing = false;
  #writers: Promise<void>[] = [];

  private constructor(service: TestService, archive: SegmentArchive) {
    this.service = service;
    this.#archive = archive;
  }

  static async begin(name: string): Promise<Written> {
    const service = await stack.addService(name);
    await service.server.query('CREATE DATABASE shop');
    await service.server.query(
      'CREATE TABLE shop.t (id INT PRIMARY KEY AUTO_INCREMENT, who INT, t CHAR(36))',
    );
    const host = new Written(service, openArchive(await openStore(pathToFileURL(stack.storage).href), name));
    host.goOn();
    return host;
  }

  async #write(who: number): Promise<void> {
    while (this.#writing) {
      const text = randomUUID();
      const done = await this.service.server
        .query('INSERT INTO shop.t (who, t) VALUES (?, ?)', [who, text])
        .catch(() => undefined);
      if (done) this.writes.push({ text, who, at: Date.now() });
      await sleep(writePauseMs);
    }
  }

  goOn(): void {
    this.#writing = true;
    this.#writers = Array.from({ length: writers }, (_, who) => this.#write(who));
  }

  async rest(): Promise<void> {
    this.#writing = false;
    await Promise.all(this.#writers);
  }

  /** Waits until all that is written by now is archived. */
  async caughtUp(): Promise<void> {
    const { server, serviceId } = this.service;
    const [{ File: file, Position: position } = { File: '', Position: 0 }] = await server.query<{
      File: string;
      Position: number;
    }>('SHOW MASTER STATUS');
    const there = async (): Promise<ServiceBody> => {
      const { status, body } = await stack.request<ServiceBody>('GET', `/services/${serviceId}`);
      expect(status).toBe(200);
      return body;
    };
    const reached = ({ archive }: ServiceBody): boolean =>
      archive.binlog_file === file && Number(archive.binlog_position) >= position;
    await until(there, reached, `the archive at ${file}:${position}`);
  }

  /** The bytes of all timelines. The events of rows have texts as they are. */
  async archived(): Promise<string> {
    const parts: string[] = [];
    for (const { id } of await this.#archive.timelines()) {
      for await (const file of this.#archive.files(id)) {
        const { segments } = meeting(await headersOf(this.#archive, id, file));
        const whole = segments.findLast(({ wholeEnd, start }) => wholeEnd > start)?.wholeEnd ?? 0;
        const bytes = await rebuilt(this.#archive, id, file);
        parts.push(bytes.subarray(0, whole).toString('latin1'));
      }
    }
    return parts.join('');
  }

  async window(): Promise<Window> {
    const { serviceId } = this.service;
    const { status, body } = await stack.request<Window>('GET', `/services/${serviceId}/recovery-window`);
    expect(status).toBe(200);
    return body;
  }
}

function within(at: number, { start_time: from, end_time: to }: Window['intervals'][number]): boolean {
  return at >= Date.parse(from) && at <= Date.parse(to);
}

inFull(
  'a host that is lost takes no more with it than the interval and a moment',
  async () => {
    const behind: number[] = [];
    for (let turn = 0; turn < losses; turn += atOnce) {
      const numbers = Array.from({ length: atOnce }, (_, index) => turn + index);
      const hosts = await Promise.all(numbers.map((number) => Written.begin(`lost-${number}`)));
      for (const { service } of hosts) await stack.takeBackup(service.serviceId);
      behind.push(...(await Promise.all(hosts.map(lose))));
    }
    process.stderr.write(`lost with a host, ms: ${behind.toSorted((a, b) => a - b).join(' ')}\n`);
    expect(behind).toHaveLength(losses);
    expect(Math.max(...behind)).toBeLessThanOrEqual(intervalMs + slackMs);
  },
  3_600_000,
);

/** Ends the agent and the server of a service at any moment, and removes the data. @returns how far its archive was behind then, in ms */
async function lose(host: Written): Promise<number> {
  const { agent, server } = host.service;
  await host.caughtUp();
  await sleep(Math.random() * 3 * intervalMs);
  const lostAt = Date.now();
  await Promise.all([agent.end('SIGKILL'), server.kill()]);
  await rm(server.dataDirectory, { recursive: true });
  await host.rest();
  const archived = await host.archived();
  const missing = host.writes.filter(({ text, at }) => at <= lostAt && !archived.includes(text));
  // Of each writer nothing is there that came after something that is not.
  for (let who = 0; who < writers; who += 1) {
    const own = host.writes.filter((write) => write.who === who);
    const first = own.findIndex(({ text }) => !archived.includes(text));
    const after = own.slice(first < 0 ? own.length : first);
    expect(after.filter(({ text }) => archived.includes(text))).toEqual([]);
  }
  // What is promised is there.
  const { intervals } = await host.window();
  const promised = host.writes.filter(({ at }) => intervals.some((one) => within(at, one)));
  expect(promised.filter(({ text }) => !archived.includes(text))).toEqual([]);
  return lostAt - Math.min(lostAt, ...missing.map(({ at }) => at));
}
