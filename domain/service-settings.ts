/** The settings of one service that the API can change. What is not set follows the deployment's own settings. */
import type { DumpFilter } from './dump.ts';
import type { EncryptionPolicy } from './encryption.ts';
import { policyOf, type RetentionPolicy } from './retention/policy.ts';

/** Part of every day, in minutes from 00:00 UTC; it may reach over midnight. */
export interface NightlyWindow {
  startMinute: number;
  minutes: number;
}

/** How long chains of incrementals grow. */
export interface ChainSettings {
  /** What an incremental builds on: the newest backup of the chain, or its full. */
  base: 'last' | 'full';
  /** The most incrementals that a restore has to apply. */
  maxChain: number;
  /** How much the incrementals of a chain may have, in percent of their full's size, until a full is taken in time. */
  maxShare: number;
}

/** How the binlogs of a service are archived. */
export interface BinlogSettings {
  archive: boolean;
  /** How long what is new in the binlog waits at most until it is shipped, milliseconds. */
  intervalMs: number;
  /** Whether a full is taken at once where a hole or another timeline was found. */
  fullAfterHole: boolean;
}

export interface ServiceSettings {
  /** What is left out follows the deployment, `days` and `keep` together. */
  retention?: RetentionPolicy;
  /** In place of the deployment's recipients; an empty list is no encryption. */
  encryption?: Pick<EncryptionPolicy, 'recipients'>;
  /** Locations, in place of the deployment's; an empty list is no copy. */
  copies?: string[];
  /** What is left out follows the deployment. */
  chain?: Partial<ChainSettings>;
  /** Likewise. */
  binlog?: Partial<BinlogSettings>;
  /** Which databases a dump holds; left out: all. */
  dump?: DumpFilter;
  /** How long what a restore replaces is kept, milliseconds; left out: as the agent's own settings say. */
  keepPreviousMs?: number;
}

/** What holds for every service of the deployment. */
export interface ServiceDefaults {
  retention: RetentionPolicy;
  /** Whether a service is given a nightly backup. */
  nightly: boolean;
  nightlyWindow: NightlyWindow;
  encryption: EncryptionPolicy;
  /** Locations that backups are copied to. */
  copies: string[];
  /** All that a service may name. */
  copyLocations: string[];
  chain: ChainSettings;
  binlog: BinlogSettings;
}

/** What a service's settings are changed to; `default` makes one follow the deployment again. */
export type ServiceSettingsPatch = { [K in keyof ServiceSettings]?: ServiceSettings[K] | 'default' };

/** @example applySettings({ retention: { days: 30 } }, { retention: 'default' }) // {} */
export function applySettings(settings: ServiceSettings, patch: ServiceSettingsPatch): ServiceSettings {
  const merged = Object.entries({ ...settings, ...patch });
  return Object.fromEntries(merged.filter(([, value]) => value !== 'default' && value !== undefined));
}

/** Whom backups are for as the service, or else the deployment, says. The agent adds what its own settings pin. */
export function orderedEncryption(settings: ServiceSettings, defaults: ServiceDefaults): EncryptionPolicy {
  const { unencrypted } = defaults.encryption;
  return { recipients: (settings.encryption ?? defaults.encryption).recipients, unencrypted };
}

/** Where backups are copied to, as the service, or else the deployment, says: of the locations that there are. */
export function orderedCopies(settings: ServiceSettings, defaults: ServiceDefaults): string[] {
  const wanted = settings.copies ?? defaults.copies;
  return defaults.copyLocations.filter((location) => wanted.includes(location));
}

/** Which databases a dump of the service holds. */
export function dumpFilterOf({ dump }: ServiceSettings): DumpFilter {
  return dump ?? { include: [], exclude: [] };
}

/** How a service's chains grow. */
export function chainSettingsOf(settings: ServiceSettings, defaults: ServiceDefaults): ChainSettings {
  return { ...defaults.chain, ...settings.chain };
}

/** How its binlogs are archived. */
export function binlogSettingsOf(settings: ServiceSettings, defaults: ServiceDefaults): BinlogSettings {
  return { ...defaults.binlog, ...settings.binlog };
}

/** What of a service's backups is kept. */
export function retentionOf(settings: ServiceSettings, defaults: ServiceDefaults): RetentionPolicy {
  return policyOf(settings.retention ?? {}, defaults.retention);
}
