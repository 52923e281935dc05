/** The agent: one process beside each MariaDB server. It takes its orders from Temporal and needs no other way in. */
import './small-heap.ts';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Client } from '@temporalio/client';
import { type NativeConnection, Worker } from '@temporalio/worker';
import pino from 'pino';
import { Following } from '../activities/host/following.ts';
import { hostBulkActivities, hostControlActivities, hostFollowActivities } from '../activities/host/index.ts';
import { type Host, Turn } from '../activities/host/host.ts';
import { proofActivities } from '../activities/prover/proof.ts';
import { type AgentSettings, agentSettings, enrolmentTokenFile } from '../config/agent.ts';
import { misplaced } from '../activities/host/placement.ts';
import { fileHelp } from '../config/describe.ts';
import { loadFromFile } from '../config/load.ts';
import { exitWithMessage } from '../config/process.ts';
import { managedStorage } from '../domain/copies.ts';
import { signReport } from '../domain/enrolment.ts';
import { messageOf, TidemarkError } from '../domain/errors.ts';
import { agentTaskQueue } from '../domain/ids.ts';
import type { Layout } from '../domain/layout.ts';
import type { Log } from '../domain/log.ts';
import { acquireLock } from '../mariadb/lock.ts';
import { passEnvironment } from '../mariadb/processes/environment.ts';
import { outliveLateKills } from '../mariadb/server/late-kill.ts';
import { inspectLayout } from '../mariadb/server/layout.ts';
import { type LazyOpenOptions, openCopies, openLazily } from '../storage/open.ts';
import type { ObjectStore } from '../storage/store.ts';
import { openArchive } from '../storage/segments.ts';
import { Waits } from '../storage/waits.ts';
import { loadTemporal, type TemporalSettings } from '../temporal/connect.ts';
import { type ArchivedBinlogOrder, writeArchivedBinlog } from './archived-binlog.ts';
import { loadIdentity } from './agent-identity.ts';
import { Announcer } from './announcer.ts';
import { keepHouse, settleLeftovers } from './housekeeper.ts';
import { keepServerRunning } from './server-keeper.ts';
import { SignalLine } from './signal-line.ts';
import { onStopSignal } from './stop-signal.ts';
import { storeMeter } from './store-meter.ts';
import { connectPatiently, installRuntime, runWorkers, workerDefaults } from './temporal-runtime.ts';
import { Waker } from './waker.ts';

outliveLateKills();
await exitWithMessage(async () => {
  const asked = readCommandLine();
  if (asked?.binlog) await showBinlog(asked.settings, asked.binlog);
  else if (asked) await main(asked.settings);
});

interface Asked {
  settings: AgentSettings;
  /** An archived binlog is wanted, and no agent. */
  binlog?: ArchivedBinlogOrder;
}

function readCommandLine(): Asked | undefined {
  const help = fileHelp(
    'The agent of Tidemark: npm run agent -- --config FILE\n' +
      'An archived binlog of its service: npm run agent -- binlog NAME [--timeline ID] [--output FILE] --config FILE',
    agentSettings,
  );
  try {
    const { values, positionals } = parseArgs({
      options: {
        help: { type: 'boolean', short: 'h' },
        config: { type: 'string' },
        timeline: { type: 'string' },
        output: { type: 'string' },
      },
      allowPositionals: true,
    });
    if (values.help) process.stdout.write(`${help}\n`);
    else if (values.config === undefined)
      throw new Error('--config FILE is missing: the settings of this agent.');
    else
      return {
        settings: loadFromFile(agentSettings, path.resolve(values.config)),
        ...wanted(values, positionals),
      };
  } catch (error) {
    if (error instanceof TidemarkError) throw error;
    throw new TidemarkError('invalid_setting', `${messageOf(error)} See --help.`, { cause: error });
  }
  return undefined;
}

/** @throws for what is not understood */
function wanted(
  { timeline, output }: { timeline?: string | undefined; output?: string | undefined },
  [command, file, ...others]: readonly string[],
): Pick<Asked, 'binlog'> {
  if (command === undefined && timeline === undefined && output === undefined) return {};
  if (command !== 'binlog' || file === undefined || others.length > 0)
    throw new Error(
      'Besides --config FILE there is "binlog NAME", which takes --timeline ID and --output FILE.',
    );
  return { binlog: { file, timeline, ...(output !== undefined && { output: path.resolve(output) }) } };
}

/** Beside an agent that runs, or without one: it reads the store alone. What is said goes to standard error. */
async function showBinlog(settings: AgentSettings, order: ArchivedBinlogOrder): Promise<void> {
  const log = pino({ name: 'binlog', level: settings.log_level }, pino.destination(2));
  const ended = new AbortController();
  process.once('SIGINT', () => ended.abort(new Error('It was interrupted.')));
  process.once('SIGTERM', () => ended.abort(new Error('It was interrupted.')));
  passEnvironment(settings.pass_environment);
  const store = openLazily(settings.storage, { options: settings.storage_options, log });
  const archive = openArchive(store, settings.service_id);
  const said = await writeArchivedBinlog(order, { settings, archive, signal: ended.signal, log });
  process.stderr.write(`${said}\n`);
}

async function main(settings: AgentSettings): Promise<void> {
  const temporal = loadTemporal();
  const log = pino({ name: `agent ${settings.service_id}`, level: settings.log_level });
  const signal = onStopSignal(log);
  installRuntime(log);
  passEnvironment(settings.pass_environment);
  await refuseMisplaced(settings, log);
  const lockPath = path.join(settings.state_directory, 'agent.lock');
  await using _only = await acquireLock(lockPath, {
    operation: `the agent of ${settings.service_id}`,
    waitMs: 5_000,
  });
  const identity = await loadIdentity(settings.state_directory);
  await settleLeftovers({ agentId: identity.agentId, settings, log });
  // Whether the database runs is not the store's to decide.
  const meter = storeMeter();
  const waits = new Waits();
  const given = { log, meter, waits };
  const store = openLazily(settings.storage, { options: settings.storage_options, ...given });
  const copies = openCopies(settings.copies, store, given);
  const [waker, tidying] = [new Waker(), new Waker()];
  const line = new SignalLine();
  const host: Host = {
    agentId: identity.agentId,
    ageIdentity: identity.identity,
    settings,
    store,
    copies,
    impatient: openImpatiently(settings, given),
    waits,
    log,
    announceNow: () => waker.wake(),
    tidyNow: () => tidying.wake(),
    signal: async (workflowId, name, content) => await line.signal(workflowId, name, content),
    signReport: (told) => signReport(told, identity.signingKey),
    following: new Following(),
    attempts: new Map(),
    turn: new Turn(),
  };
  const announcer = new Announcer({ host, identity, tokenFile: enrolmentTokenFile(settings), waker });
  const tasks = [
    keepHouse(host, tidying, signal),
    keepServerRunning(host, signal),
    serveTemporal(host, announcer, line, temporal, signal),
  ];
  await Promise.all(tasks);
}

/** Every place that a backup can be read from, given up sooner than where there is no other. */
function openImpatiently(
  { storage, storage_options, copies, restore }: AgentSettings,
  given: Pick<LazyOpenOptions, 'log' | 'meter' | 'waits'>,
): ReadonlyMap<string, ObjectStore> {
  const places = [{ name: managedStorage, location: storage, options: storage_options }].concat(
    copies.map(({ location, options }) => ({ name: location, location, options })),
  );
  return new Map(
    places.map(({ name, location, options }) => {
      const soon = { ...options, retry_for: Math.min(options.retry_for, restore.change_over_after) };
      return [name, openLazily(location, { ...given, options: soon })];
    }),
  );
}

/** @throws invalid_setting before anything is written where it must not be */
async function refuseMisplaced(settings: AgentSettings, log: Log): Promise<void> {
  let layout: Layout;
  try {
    layout = await inspectLayout(settings.server);
  } catch (error) {
    // An option file that cannot be read is said again with each announcement, and may be mended meanwhile.
    log.warn({ reason: messageOf(error) }, "The server's files could not be looked at.");
    return;
  }
  const findings = misplaced(settings, layout);
  if (findings.length > 0) throw new TidemarkError('invalid_setting', findings.join('\n'));
}

/** One that was revoked goes on announcing itself, so that it is heard when it is enrolled again. */
async function serveTemporal(
  host: Host,
  announcer: Announcer,
  line: SignalLine,
  temporal: TemporalSettings,
  signal: AbortSignal,
): Promise<void> {
  const { log } = host;
  const { connectionOptions, namespace } = temporal;
  await runWorkers(
    () => connectPatiently(temporal, log, signal),
    async (connection) => {
      const workers = announcer.released ? [] : await createWorkers(host, connection, namespace);
      if (!announcer.released)
        log.info({ agentId: host.agentId, address: connectionOptions.address }, 'The agent is ready.');
      const client = new Client({ connection, namespace });
      line.client = client;
      return { workers, alongside: (ended) => announcer.run(client, ended) };
    },
    log,
    signal,
  );
}

/**
 * Many slots for short orders, so that a stop or a cancellation never waits behind a copy; two for long work. Following
 * has two, too: an attempt that Temporal gave up on may end beside the one that goes on.
 */
async function createWorkers(host: Host, connection: NativeConnection, namespace: string): Promise<Worker[]> {
  const common = { ...workerDefaults(host.log), connection, namespace };
  return [
    await Worker.create({
      ...common,
      taskQueue: agentTaskQueue(host.agentId, 'control'),
      activities: hostControlActivities(host),
      maxConcurrentActivityTaskExecutions: 20,
    }),
    await Worker.create({
      ...common,
      taskQueue: agentTaskQueue(host.agentId, 'bulk'),
      activities: hostBulkActivities(host),
      maxConcurrentActivityTaskExecutions: 2,
    }),
    await Worker.create({
      ...common,
      taskQueue: agentTaskQueue(host.agentId, 'follow'),
      activities: hostFollowActivities(host),
      maxConcurrentActivityTaskExecutions: 2,
    }),
    ...(host.settings.prover
      ? [
          await Worker.create({
            ...common,
            taskQueue: agentTaskQueue(host.agentId, 'prove'),
            activities: { ...proofActivities(host) },
            // It proves one service at a time.
            maxConcurrentActivityTaskExecutions: 1,
          }),
        ]
      : []),
  ];
}
