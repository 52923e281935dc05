/** A server of Google Cloud Storage on this machine, for the demo and the tests: buckets are folders, objects files. */
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { TidemarkError } from '../domain/errors.ts';
import { startChild } from '../mariadb/processes/child.ts';
import { findPorts } from './ports.ts';
import { findCachedProgram } from './programs.ts';

const version = '1.56.1';
/** How long it may take until it answers. Milliseconds. */
const patienceMs = 30_000;

export interface GcsServer {
  /** `http://127.0.0.1:4443` */
  readonly endpoint: string;
  /** By the names of Google's own tools: what a process needs in its environment to reach it. */
  readonly environment: Record<string, string>;
  /** Ends the server; what it holds as files stays. May be called twice. */
  stop(): Promise<void>;
}

/** The `fake-gcs-server` program. @throws tool_missing */
function findGcsProgram(): Promise<string> {
  return findCachedProgram('fake-gcs-server', version, 'scripts/setup --dev builds it');
}

/**
 * Starts a server on a free port.
 *
 * @param folder of this server alone, with everything that it holds; undefined: it holds it in memory, under names
 *   that no file could have
 * @throws tool_missing; storage_unavailable when it does not start
 */
export async function startGcsServer(folder: string | undefined): Promise<GcsServer> {
  const program = await findGcsProgram();
  const [port = 0] = await findPorts([{ option: 'the port of the GCS server', port: 0 }]);
  const endpoint = `http://127.0.0.1:${port}`;
  if (folder !== undefined) await mkdir(folder, { recursive: true, mode: 0o700 });
  const backend =
    folder === undefined ? ['-backend', 'memory'] : ['-backend', 'filesystem', '-filesystem-root', folder];
  const address = ['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port), '-external-url', endpoint];
  const child = startChild(program, [...address, '-log-level', 'error', ...backend], {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  let ended = false;
  void child.exited.then(() => (ended = true));
  const server: GcsServer = {
    endpoint,
    environment: { STORAGE_EMULATOR_HOST: endpoint },
    stop: async () => {
      await child.end();
    },
  };
  for (const deadline = Date.now() + patienceMs; !ended && Date.now() < deadline; await sleep(50)) {
    if ((await answers(endpoint)) && !ended) return server;
  }
  await child.end();
  const where = folder === undefined ? '' : ` in ${folder}`;
  throw new TidemarkError('storage_unavailable', `${program} did not start${where}.`);
}

/** Makes a bucket at an emulator; one that is there is no error. @throws storage_unavailable */
export async function makeGcsBucket(endpoint: string, name: string): Promise<void> {
  const answer = await fetch(`${endpoint}/storage/v1/b?project=tidemark`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name }),
  }).catch((error: unknown) => {
    const why = `The emulator at ${endpoint} does not answer. Start it, or mend STORAGE_EMULATOR_HOST.`;
    throw new TidemarkError('storage_unavailable', why, { cause: error });
  });
  const conflict = 409;
  if (answer.ok || answer.status === conflict) return;
  throw new TidemarkError(
    'storage_unavailable',
    `The bucket ${name} could not be made: ${answer.status} ${await answer.text()}`,
  );
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    const answer = await fetch(`${endpoint}/storage/v1/b`, { signal: AbortSignal.timeout(2_000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}
