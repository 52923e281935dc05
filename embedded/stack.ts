/** The whole of Tidemark on one machine: what is started, in which order, and how it ends. */
import { writeFile } from 'node:fs/promises';
import { Client } from '../client/client.ts';
import { TidemarkError } from '../domain/errors.ts';
import { refuseOverlaps } from '../storage/open.ts';
import { identityWarnings } from '../mariadb/restore/identity.ts';
import { isServing } from '../mariadb/server/lifecycle.ts';
import { commonStorage, readAgent, storageEnvironment, writeSampleAgent, type StackAgent } from './agents.ts';
import { prepareDataDirectory } from './data-directory.ts';
import { endLeftovers, stopSurplusServers } from './leftovers.ts';
import { lockData } from './lock.ts';
import { enrolAgents, removeTokens } from './enrolment.ts';
import type { StackOptions } from './options.ts';
import { dataPaths, type DataPaths } from './paths.ts';
import { findPorts } from './ports.ts';
import {
  agentProcess,
  apiProcess,
  namespace,
  serverGraceMs,
  storageCheck,
  temporalProcess,
  withoutForeignSettings,
  workerProcess,
  type Wiring,
} from './processes.ts';
import { apiIsReady, serviceIsReady, untilReady, type Condition } from './readiness.ts';
import { prepareSampleServer, sampleServer, type SampleServer } from './sample-server.ts';
import { keptToken, makeSealingKey } from './secrets.ts';
import { startSampleServer, stopSampleServer } from './sample-lifecycle.ts';
import { describeService, type StackService } from './services.ts';
import { untilStorageUsable } from './storage.ts';
import { Supervised } from './supervisor.ts';
import { findTemporalProgram, temporalIsReady } from './temporal.ts';
import { together } from './together.ts';

/** A stack that answers. */
export interface Stack {
  /** `http://127.0.0.1:8080` */
  api: string;
  /** An administrator's, of the organization `default`; the same at each start in this data directory. */
  token: string;
  temporalAddress: string;
  temporalUi: string;
  services: StackService[];
  /** A client of the API with this token. */
  client: Client;
  /** The processes that are kept running, with the ids they have now. */
  processes(): { name: string; pid: number | undefined }[];
  /** Stops everything, in order, within 10 s. May be called twice. */
  stop(): Promise<void>;
}

/** What is running so far, so that a start that fails half-way is taken back like a whole stack is stopped. */
interface Parts {
  unlock: () => Promise<void>;
  /** Aborted when everything is to stop. */
  ending: AbortController;
  /** Settled once nobody looks at the storage any more. */
  looked?: Promise<void>;
  temporal?: Supervised;
  worker?: Supervised;
  api?: Supervised;
  agents: Supervised[];
  servers: SampleServer[];
}

/**
 * Starts a stack and waits until everything answers. Whatever an earlier one left in the data directory, processes
 * included, is taken over or ended.
 *
 * @param say is told what a person should know while the stack runs: above all, that a process died
 * @param signal gives the start up; everything is stopped again then
 * @throws invalid_setting for a taken port, a data directory that is in use, a storage that cannot be used; tool_missing; internal naming what
 *   does not get ready. Nothing is left running.
 */
export async function startStack(
  options: StackOptions,
  say: (message: string) => void,
  signal: AbortSignal = new AbortController().signal,
): Promise<Stack> {
  const paths = dataPaths(options.data);
  await prepareDataDirectory(paths);
  const parts: Parts = {
    unlock: await lockData(paths.root, paths.run),
    ending: new AbortController(),
    agents: [],
    servers: [],
  };
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => (stopping ??= stopParts(parts));
  try {
    return { ...(await startParts(parts, options, paths, say, signal)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  parts: Parts,
  options: StackOptions,
  paths: DataPaths,
  say: (message: string) => void,
  signal: AbortSignal,
): Promise<Omit<Stack, 'stop'>> {
  await endLeftovers(paths.run);
  await stopSurplusServers(paths.mariadb, options.samples);
  const program = await findTemporalProgram();
  const named = options.agents.map(readAgent);
  const storage = commonStorage(named, options.storage, `file://${paths.storage}`);
  const wiring: Wiring = {
    data: options.data,
    storage,
    movedFrom: options.movedFrom,
    environment: options.environment,
    storageEnvironment: storageEnvironment(named),
    copies: options.copies,
    externalEndpoints: options.externalEndpoints,
    recipients: options.recipients,
    logLevel: options.logLevel,
    nightly: options.nightly,
    ...(await choosePorts(options)),
  };
  refuseOverlaps(storage, options.copies, 'with --copy');
  await refuseIdentity(options.identity);
  const token = await keptToken(paths.tokens);
  await makeSealingKey(paths.sealingKey);
  await writeFile(paths.temporalConfig, '[profile.default]\n');
  const began = Date.now();
  const address = `127.0.0.1:${wiring.temporalPort}`;
  const hasAttributes = (): Promise<boolean> =>
    temporalIsReady(program, address, namespace, withoutForeignSettings());
  const keep = (spec: ConstructorParameters<typeof Supervised>[0]): Supervised => new Supervised(spec, say);

  const unusable = new AbortController();
  const either = AbortSignal.any([signal, parts.ending.signal, unusable.signal]);
  const usable = untilStorageUsable(storageCheck(wiring), options.readyTimeoutMs, say, either);
  // Nothing else is waited for then.
  parts.looked = usable.catch((error: unknown) => unusable.abort(error));
  parts.temporal = keep(temporalProcess(wiring, program));
  await parts.temporal.start();
  // They wait for Temporal by themselves; loading their code, and bundling the workflows, takes longer than its start.
  parts.worker = keep(workerProcess(wiring));
  parts.api = keep(apiProcess(wiring));
  await together([parts.worker.start(), parts.api.start()]);
  const temporal = { what: 'its search attributes', process: parts.temporal, check: hasAttributes };
  const samples = startSamples(parts, options, storage, say, either);
  await together<unknown>([usable, samples, untilReady([temporal], options.readyTimeoutMs, either)]);
  const agents = [...(await samples), ...named];
  await enrolAgents(paths, agents);

  parts.agents.push(...agents.map((agent) => keep(agentProcess(wiring, agent))));
  await together(parts.agents.map((agent) => agent.start()));

  const api = `http://127.0.0.1:${wiring.port}`;
  // Readiness asks again by itself.
  const client = new Client(api, token, { attempts: 1 });
  const conditions = agents.map(({ settings: { service_id: id, server } }, index): Condition => ({
    what: `${id} in GET /services, its agent alive`,
    process: parts.agents[index] as Supervised,
    // Asked each time: an agent that has to settle a restore first starts its server later.
    check: () => serviceIsReady(client, id, began, () => isServing(server)),
  }));
  const apiCondition = { what: 'GET /readyz', process: parts.api, check: () => apiIsReady(api) };
  await untilReady([apiCondition, ...conditions], options.readyTimeoutMs, signal);
  await removeTokens(paths, agents);
  return {
    api,
    token,
    client,
    temporalAddress: address,
    temporalUi: `http://127.0.0.1:${wiring.uiPort}`,
    services: await Promise.all(agents.map(describeService)),
    processes: () =>
      [parts.temporal, parts.worker, parts.api, ...parts.agents].flatMap((part) =>
        part ? [{ name: part.spec.name, pid: part.pid }] : [],
      ),
  };
}

/** @returns the agents of the sample servers, which are made where they are missing, and started */
async function startSamples(
  parts: Parts,
  options: StackOptions,
  storage: string,
  say: (message: string) => void,
  signal: AbortSignal,
): Promise<StackAgent[]> {
  const paths = dataPaths(options.data);
  for (let index = 1; index <= options.samples; index += 1)
    parts.servers.push(sampleServer(paths.mariadb, index));
  const startOne = async (server: SampleServer, index: number): Promise<StackAgent> => {
    await prepareSampleServer(server, index + 1, signal);
    const { copies, identity, logLevel } = options;
    const agent = await writeSampleAgent(paths.agents, server, { storage, copies, identity, logLevel });
    await startSampleServer(agent.settings, say, signal);
    return agent;
  };
  return together(parts.servers.map(startOne));
}

/** @throws invalid_setting when the file of identities cannot be used: a restore would be the first to find out */
async function refuseIdentity(file: string | undefined): Promise<void> {
  if (file === undefined) return;
  const [fault] = await identityWarnings({ age_identity_file: file });
  if (fault !== undefined) throw new TidemarkError('invalid_setting', `--identity: ${fault}`);
}

async function choosePorts(options: StackOptions): Promise<Pick<Wiring, 'port' | 'temporalPort' | 'uiPort'>> {
  const [port = 0, temporalPort = 0, uiPort = 0] = await findPorts([
    { option: '--port', port: options.port },
    { option: '--temporal-port', port: options.temporalPort },
    { option: '--ui-port', port: options.uiPort },
  ]);
  return { port, temporalPort, uiPort };
}

/** Nothing new comes in first, then those who work, then what they work with. */
async function stopParts(parts: Parts): Promise<void> {
  parts.ending.abort();
  await parts.looked;
  await parts.api?.stop();
  await Promise.all(parts.agents.map((agent) => agent.stop()));
  await parts.worker?.stop();
  await Promise.all(parts.servers.map((server) => stopSampleServer(server, serverGraceMs)));
  await parts.temporal?.stop();
  await parts.unlock();
}
