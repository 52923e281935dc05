/** What lies where in the stack's data directory. */
import { join } from 'node:path';

/** The root of the repository: the processes are started from their sources. */
export const repositoryRoot = join(import.meta.dirname, '..');

export interface DataPaths {
  root: string;
  /** The catalog's SQLite file. */
  catalog: string;
  /** The database file of Temporal's development server. */
  temporal: string;
  /** An empty profile: keeps the profiles of the user's own Temporal tools out of the stack. */
  temporalConfig: string;
  /** The default object store. */
  storage: string;
  /** Who may do what at the api; 0600, made at the first start. */
  tokens: string;
  /** Under which the api seals secrets; 0600, made once: what was sealed is lost without it. */
  sealingKey: string;
  /** One log a process. */
  logs: string;
  /** Who runs: the lock of the stack and a record of each of its processes. */
  run: string;
  /** Settings files of the sample agents, and each agent's state. */
  agents: string;
  /** A folder for each sample server. */
  mariadb: string;
}

/** @param root absolute */
export function dataPaths(root: string): DataPaths {
  return {
    root,
    catalog: join(root, 'catalog.db'),
    temporal: join(root, 'temporal.db'),
    temporalConfig: join(root, 'run', 'temporal.toml'),
    storage: join(root, 'storage'),
    tokens: join(root, 'tokens'),
    sealingKey: join(root, 'sealing-key'),
    logs: join(root, 'logs'),
    run: join(root, 'run'),
    agents: join(root, 'agents'),
    mariadb: join(root, 'mariadb'),
  };
}
