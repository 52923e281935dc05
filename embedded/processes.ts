/** How each process of a stack is started. */
import { join } from 'node:path';
import { dataPaths, repositoryRoot } from './paths.ts';
import type { StackAgent } from './agents.ts';
import { compileCacheOf } from './compile-cache.ts';
import { tokenFileOf } from './enrolment.ts';
import type { ProcessSpec } from './supervisor.ts';
import { temporalArguments } from './temporal.ts';

/** What the processes have to be told. */
export interface Wiring {
  data: string;
  port: number;
  temporalPort: number;
  uiPort: number;
  storage: string;
  /** Where the storage was before, when its backups there are given up. */
  movedFrom: string | undefined;
  /** Added to the environment of the processes that use the store. */
  environment: Record<string, string>;
  /** How the control worker uses the store, as settings in its environment. */
  storageEnvironment: Record<string, string>;
  /** Where finished backups are copied to. */
  copies: string[];
  /** Hosts that credentials of customers may name as their endpoint. */
  externalEndpoints: string[];
  /** Whom backups are encrypted for. */
  recipients: string[];
  logLevel: string;
  nightly: 'on' | 'off';
}

/** The namespace that Temporal's own tools look at when they are told nothing. */
export const namespace = 'default';

/**
 * How long each may take to end by itself. In the order in which they are stopped, one after the other, with the
 * sample servers before Temporal: together less than the 10 s after which somebody at a terminal loses patience.
 */
const grace = { api: 1_000, agent: 2_500, worker: 1_500, temporal: 1_500 };
export const serverGraceMs = 3_000;

export function temporalProcess(wiring: Wiring, program: string): ProcessSpec {
  const args = temporalArguments({
    port: wiring.temporalPort,
    uiPort: wiring.uiPort,
    database: dataPaths(wiring.data).temporal,
    namespace,
  });
  // Its database has what every operation was about.
  return { ...base(wiring, 'temporal'), program, args, umask: 0o077, graceMs: grace.temporal };
}

export function apiProcess(wiring: Wiring): ProcessSpec {
  const paths = dataPaths(wiring.data);
  const settings = {
    TIDEMARK_LISTEN: '127.0.0.1',
    TIDEMARK_PORT: String(wiring.port),
    TIDEMARK_CATALOG: `sqlite://${paths.catalog}`,
    TIDEMARK_TOKENS_FILE: paths.tokens,
    TIDEMARK_SEALING_KEY_FILE: paths.sealingKey,
    ...deploymentSettings(wiring),
  };
  return { ...node(wiring, 'api', ['api/main.ts'], settings), graceMs: grace.api };
}

export function workerProcess(wiring: Wiring): ProcessSpec {
  const settings = {
    TIDEMARK_CATALOG: `sqlite://${dataPaths(wiring.data).catalog}`,
    TIDEMARK_STORAGE: wiring.storage,
    ...wiring.storageEnvironment,
    ...(wiring.movedFrom !== undefined && { TIDEMARK_STORAGE_MOVED_FROM: wiring.movedFrom }),
    TIDEMARK_SEALING_KEY_FILE: dataPaths(wiring.data).sealingKey,
    ...deploymentSettings(wiring),
  };
  const withKeys = { ...wiring.environment, ...settings };
  return { ...node(wiring, 'worker', ['worker/control.ts'], withKeys, true), graceMs: grace.worker };
}

/** Sees, with all that the control worker has, that the storage can be used. */
export function storageCheck(wiring: Wiring): ProcessSpec {
  const { environment, ...spec } = workerProcess(wiring);
  return { ...spec, ...node(wiring, 'storage-check', ['embedded/storage-check.ts'], {}), environment };
}

/** What api and control worker have alike. */
function deploymentSettings(wiring: Wiring): Record<string, string> {
  return {
    TIDEMARK_NIGHTLY: wiring.nightly,
    TIDEMARK_COPIES: wiring.copies.join(','),
    TIDEMARK_EXTERNAL_ENDPOINTS: wiring.externalEndpoints.join(','),
    TIDEMARK_RECIPIENTS: wiring.recipients.join(','),
    TIDEMARK_LOG_LEVEL: wiring.logLevel,
  };
}

export function agentProcess(wiring: Wiring, agent: StackAgent): ProcessSpec {
  const name = `agent-${agent.settings.service_id}`;
  const settings = {
    ...wiring.environment,
    TIDEMARK_ENROLMENT_TOKEN_FILE: tokenFileOf(dataPaths(wiring.data), agent),
  };
  return {
    ...node(wiring, name, ['worker/agent.ts', '--config', agent.settingsFile], settings, true),
    graceMs: grace.agent,
  };
}

function node(
  wiring: Wiring,
  name: string,
  [file = '', ...args]: string[],
  settings: Record<string, string>,
  usesStore = false,
): Omit<ProcessSpec, 'graceMs'> {
  const temporal = {
    TEMPORAL_ADDRESS: `127.0.0.1:${wiring.temporalPort}`,
    TEMPORAL_NAMESPACE: namespace,
    TEMPORAL_CONFIG_FILE: dataPaths(wiring.data).temporalConfig,
  };
  return {
    ...base(wiring, name, { ...temporal, ...compileCacheOf(file), ...settings }, usesStore),
    program: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', join(repositoryRoot, file), ...args],
  };
}

function base(
  wiring: Wiring,
  name: string,
  settings: Record<string, string> = {},
  usesStore = false,
): Omit<ProcessSpec, 'program' | 'args' | 'graceMs'> {
  const paths = dataPaths(wiring.data);
  return {
    name,
    environment: { ...withoutForeignSettings(), ...(usesStore ? {} : withoutCloudKeys()), ...settings },
    logFile: join(paths.logs, `${name}.log`),
    recordFile: join(paths.run, `${name}.json`),
  };
}

/**
 * Takes away what the caller's environment says about Tidemark and Temporal: it is meant for other servers, and a
 * process of the stack that followed it would work on them. Where programs are cached, and which test run this is,
 * is true for all.
 */
export function withoutForeignSettings(): NodeJS.ProcessEnv {
  const foreign = Object.keys(process.env).filter((key) => /^TEMPORAL_|^TIDEMARK_(?!CACHE$|TEST_)/.test(key));
  return Object.fromEntries(foreign.map((key) => [key, undefined]));
}

/**
 * Takes away by what the clouds' own tools reach their stores, the keys among it: for processes that touch no store. A
 * process's environment is read by whoever reads its memory, or a report of its crash.
 */
function withoutCloudKeys(): NodeJS.ProcessEnv {
  const keys = Object.keys(process.env).filter((key) =>
    /^(AWS_|GOOGLE_|GCLOUD_|GCE_|CLOUDSDK_|STORAGE_EMULATOR_HOST$)/.test(key),
  );
  return Object.fromEntries(keys.map((key) => [key, undefined]));
}
