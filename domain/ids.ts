/**
 * The grammar of every id, name and key. No other module puts one together or takes one apart.
 */
import { TidemarkError } from './errors.ts';

/** Names that are path segments of the API and can therefore not be a service's. */
const reservedServiceIds = new Set(['schedules', 'status', 'lookup', 'pointintime']);
const nameRule = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;
const hexRule = /^[0-9a-f]{32}$/;

/** Whether `value` can be a service id or a server's name: no colon, no slash, at most 100 characters. */
export function isServiceId(value: string): boolean {
  return nameRule.test(value) && !reservedServiceIds.has(value);
}

export function isServerName(value: string): boolean {
  return nameRule.test(value);
}

export interface BackupIdParts {
  /** 32 hex digits, random. */
  hex: string;
  serviceId: string;
  serverName: string;
}

/** `eda3…2e32:dbtgf28216706:tx-filip-mdb-ms-0` */
export function formatBackupId({ hex, serviceId, serverName }: BackupIdParts): string {
  return `${hex}:${serviceId}:${serverName}`;
}

/** The parts of a backup id, or undefined when `id` is not one. */
export function parseBackupId(id: string): BackupIdParts | undefined {
  const [hex, serviceId, serverName, ...rest] = id.split(':');
  if (hex === undefined || serviceId === undefined || serverName === undefined || rest.length > 0)
    return undefined;
  if (!hexRule.test(hex) || !isServiceId(serviceId) || !isServerName(serverName)) return undefined;
  return { hex, serviceId, serverName };
}

/** As {@link parseBackupId}, where an id that does not parse is a defect or a damaged record. */
function requireBackupId(id: string): BackupIdParts {
  const parts = parseBackupId(id);
  if (!parts) throw new TidemarkError('backup_not_found', `"${id}" is not a backup id.`);
  return parts;
}

export const workflowIds = {
  /** A backup of one schedule's run. The hex is the backup's own, so that a repeated start is recognised. */
  backup: (backupId: string, scheduleId: number): string => {
    const { hex, serviceId } = requireBackupId(backupId);
    return `backup/${serviceId}/${scheduleId}/${hex}`;
  },
  /** Whether `workflowId` can be of the workflow that took this backup. */
  isBackup: (workflowId: string, backupId: string): boolean => {
    const [, , scheduleId = ''] = workflowId.split('/');
    return (
      /^[1-9]\d{0,14}$/.test(scheduleId) && workflowId === workflowIds.backup(backupId, Number(scheduleId))
    );
  },
  /**
   * The nonce tells a restore from one of the same number in another catalog, or in this one before it was itself
   * brought back from a backup: on a host, what the one replaced must never be put over the data of the other.
   */
  restore: (restoreId: number, nonce: string): string => `restore/${restoreId}/${nonce}`,
  /** The number of the restore that a workflow carries out; undefined for what is none. */
  restoreOf: (workflowId: string): number | undefined => {
    const [, digits = ''] = /^restore\/([1-9]\d{0,14})\/[^/]+$/.exec(workflowId) ?? [];
    return digits === '' ? undefined : Number(digits);
  },
  /** The nonce tells one undo of a restore from the next, where the first was refused. */
  undo: (restoreId: number, nonce: string): string => `undo/${restoreId}/${nonce}`,
  /** A question whether a restore can be undone. */
  inspectUndo: (restoreId: number, nonce: string): string => `undo/${restoreId}/question/${nonce}`,
  /** The nonce tells the verifications of one backup apart. */
  verification: (backupId: string, nonce: string): string => {
    const { hex, serviceId } = requireBackupId(backupId);
    return `verify/${serviceId}/${hex}/${nonce}`;
  },
  /** The nonce tells the proofs of one service apart. */
  proof: (serviceId: string, nonce: string): string => `proof/${serviceId}/${nonce}`,
  /** Copying a backup elsewhere: never twice at a time. */
  copy: (backupId: string): string => {
    const { hex, serviceId } = requireBackupId(backupId);
    return `copy/${serviceId}/${hex}`;
  },
  /** What tidies up after a workflow that was ended from outside. */
  cleanUp: (workflowId: string): string => `${workflowId}/clean-up`,
  agent: (agentId: string): string => `agent/${agentId}`,
  /** One question whether an agent is there; the nonce tells questions apart. */
  /** Of what is only planned: many may be at a time. */
  restorePlan: (serviceId: string, nonce: string): string => `restore-plan/${serviceId}/${nonce}`,
  ping: (agentId: string, nonce: string): string => `agent/${agentId}/ping/${nonce}`,
  /** One question for transactions of a service's archive. */
  transactions: (serviceId: string, nonce: string): string => `transactions/${serviceId}/${nonce}`,
  /** Following the binlog of a service: one for as long as there is the service. */
  follow: (serviceId: string): string => `follow/${serviceId}`,
  reconcile: (): string => 'reconcile',
  retention: (): string => 'retention',
  /** Removing what was deleted on instruction. */
  removals: (): string => 'removals',
};

/** Schedules in Temporal; the deployment is named because several may share a namespace. */
export const scheduleIds = {
  format: (deploymentId: string, scheduleId: number): string => `schedule/${deploymentId}/${scheduleId}`,
  /** The number of a schedule of this deployment; undefined for what is not one. */
  parse: (deploymentId: string, id: string): number | undefined => {
    const prefix = `schedule/${deploymentId}/`;
    const digits = id.startsWith(prefix) ? id.slice(prefix.length) : '';
    return /^[1-9]\d{0,14}$/.test(digits) ? Number(digits) : undefined;
  },
  /** Temporal adds the time at which the run was due. */
  run: (deploymentId: string, scheduleId: number): string =>
    `${scheduleIds.format(deploymentId, scheduleId)}/run`,
};

/** The drills of services in Temporal; likewise. */
export const drillIds = {
  format: (deploymentId: string, serviceId: string): string => `drill/${deploymentId}/${serviceId}`,
  /** The service of a drill of this deployment; undefined for what is none. */
  parse: (deploymentId: string, id: string): string | undefined => {
    const prefix = `drill/${deploymentId}/`;
    const serviceId = id.startsWith(prefix) ? id.slice(prefix.length) : '';
    return isServiceId(serviceId) ? serviceId : undefined;
  },
  /** Temporal adds the time at which the run was due. */
  run: (deploymentId: string, serviceId: string): string => `${drillIds.format(deploymentId, serviceId)}/run`,
};

export const controlTaskQueue = 'tidemark';
/** Long work of the control workers, a little at a time, so that what is short never waits for it. */
export const controlBulkTaskQueue = 'tidemark:bulk';

export type AgentQueue = 'control' | 'bulk' | 'follow' | 'prove';

/** The task queues of one agent: `agent:<agent_id>:control`, `:bulk`, `:follow` and `:prove`. */
export function agentTaskQueue(agentId: string, queue: AgentQueue): string {
  return `agent:${agentId}:${queue}`;
}

/** A range of one binlog file of one timeline. */
interface SegmentKey {
  timeline: string;
  file: string;
  start: number;
  end: number;
}

function rangeName(start: number, end: number): string {
  return [start, end].map((position) => String(position).padStart(12, '0')).join('-');
}

/** Keys in an object store: path segments joined by `/`, relative to the storage's prefix. */
export const objectKeys = {
  service: (serviceId: string): string => `${serviceId}/service.json`,
  /** Where the backups of a service lie, each in a folder named by the hex of its id. */
  backupsFolder: (serviceId: string): string => `${serviceId}/backups`,
  backupFolder: (backupId: string): string => {
    const { hex, serviceId } = requireBackupId(backupId);
    return `${objectKeys.backupsFolder(serviceId)}/${hex}`;
  },
  /** Parts count from 1: `part-000001`. */
  part: (backupId: string, index: number): string =>
    `${objectKeys.backupFolder(backupId)}/part-${String(index).padStart(6, '0')}`,
  manifest: (backupId: string): string => `${objectKeys.backupFolder(backupId)}/manifest.json`,
  /** Who writes a backup. */
  writer: (backupId: string): string => `${objectKeys.backupFolder(backupId)}/writer.json`,
  timelinesFolder: (serviceId: string): string => `${serviceId}/timelines`,
  timeline: (serviceId: string, timeline: string): string =>
    `${objectKeys.timelinesFolder(serviceId)}/${timeline}/timeline.json`,
  /** The folder of one archived binlog file. */
  binlogFolder: (serviceId: string, timeline: string, file: string): string =>
    `${objectKeys.timelinesFolder(serviceId)}/${timeline}/${file}`,
  /** Positions have 12 digits, so that names sort as the ranges do: `000000000000-000000524288`. */
  segmentHeader: (serviceId: string, { timeline, file, start, end }: SegmentKey): string =>
    `${objectKeys.binlogFolder(serviceId, timeline, file)}/${rangeName(start, end)}.json`,
  segment: (serviceId: string, key: SegmentKey & { encrypted: boolean }): string =>
    `${objectKeys.binlogFolder(serviceId, key.timeline, key.file)}/${rangeName(key.start, key.end)}.zst${key.encrypted ? '.age' : ''}`,
  /** The same where another writer's bytes have that name: with their digest, which the header has too. */
  segmentBeside: (serviceId: string, key: SegmentKey & { encrypted: boolean; sha256: string }): string => {
    const [, name, ending] = /^(.*?)(\.zst.*)$/.exec(objectKeys.segment(serviceId, key)) ?? [];
    return `${name}.${key.sha256}${ending}`;
  },
  /** By which the storage of a deployment is known again. */
  deployment: (deploymentId: string): string => `.tidemark/deployments/${deploymentId}.json`,
  /** Written, read and deleted to see that a customer's bucket can be used. */
  bucketProbe: (nonce: string): string => `.tidemark/probes/bucket-${nonce}`,
  /** Proof that two processes see the same store. */
  probe: (agentId: string, side: 'agent' | 'control'): string => `.tidemark/probes/${agentId}/${side}`,
};

/** The organization's search attributes in Temporal, all of type Keyword. */
export const searchAttributeNames = ['ServiceId', 'Operation', 'BackupType'] as const;
