/**
 * Who may do what: the contract's rules, written down once more, for every operation. A new operation needs a row
 * here; one whose requests can name records in several ways has a row for each.
 */
import type { ErrorName } from '../../../domain/errors.ts';
import type { Role } from '../../../domain/operations.ts';
import type { Organization } from './organizations.ts';

export interface Question {
  /** Below the base path. */
  path: string;
  body?: object;
}

export interface Row {
  /** The operation's name. */
  operation: string;
  /** What this row is about, where an operation has several. */
  about?: string;
  /** The least role that may ask. */
  least: Role;
  /**
   * The request: for records of `whose`, by somebody of `asker`'s organization. In the cells "own" the two are one.
   * A cell may use its record up: for the next one there is another.
   */
  ask(whose: Organization, asker: Organization): Question | Promise<Question>;
  /** How those who may ask are answered: 200, or an error of what is tried after all rights are checked. */
  own: 200 | ErrorName;
  /**
   * How the other organization is answered: as if there were no such record; with 200, and an answer that tells
   * nothing of it.
   */
  foreign: 200 | ErrorName;
  /** Whether an own 200 tells of the organization's records, so that their absence elsewhere says something. */
  tells?: true;
}

const at = (path: string, body?: object): Question => ({ path, ...(body && { body }) });

/** A row for an operation on one restore. */
const onRestore = (operation: string, least: Role, own: Row['own'], suffix = ''): Row => ({
  operation,
  least,
  ask: async (whose) => at(`/restores/${(await whose.restore()).id}${suffix}`),
  own,
  foreign: 'restore_not_found',
});

/** A row for an operation on one backup. */
const onBackup = (operation: string, least: Role, own: Row['own'], suffix = ''): Row => ({
  operation,
  least,
  ask: async (whose) => at(`/backups/${(await whose.backup()).id}${suffix}`),
  own,
  foreign: 'backup_not_found',
});

/** A row for an operation on one schedule that repeats. */
const onSchedule = (operation: string, least: Role, body?: object): Row => ({
  operation,
  least,
  ask: async (whose) => at(`/backups/schedules/${await whose.repeating()}`, body),
  own: 200,
  foreign: 'schedule_not_found',
});

/** A row for an operation on one service. */
const onService = (operation: string, least: Role, own: Row['own'], suffix = '', body?: object): Row => ({
  operation,
  least,
  ask: ({ service }) => at(`/services/${service.serviceId}${suffix}`, body),
  own,
  foreign: 'service_not_found',
});

/** Rows for a list: as it is, and filtered by a service. */
const onList = (
  operation: string,
  path: string,
  prepare: (whose: Organization) => Promise<unknown>,
): Row[] => [
  {
    operation,
    least: 'viewer',
    ask: async (whose) => (await prepare(whose), at(path)),
    own: 200,
    foreign: 200,
    tells: true,
  },
  {
    operation,
    about: 'of one service',
    least: 'viewer',
    ask: async (whose) => {
      await prepare(whose);
      const { service, target } = whose;
      return at(`${path}?service_id=${path === '/restores' ? target.serviceId : service.serviceId}`);
    },
    own: 200,
    foreign: 200,
    tells: true,
  },
];

const twoWeeks = 'from=2024-03-01T00:00:00Z&to=2024-03-15T00:00:00Z';

export const rows: readonly Row[] = [
  // Backups.
  ...onList('listBackups', '/backups', async (whose) => whose.backup()),
  {
    operation: 'getBackupStatus',
    least: 'viewer',
    ask: async (whose) => (
      await whose.backup(),
      at('/backups/status', { service_id: whose.service.serviceId })
    ),
    own: 200,
    foreign: 'service_not_found',
    tells: true,
  },
  {
    operation: 'getBackups',
    about: 'of one service',
    least: 'viewer',
    ask: async (whose) => (await whose.backup(), at(`/backups/${whose.service.serviceId}`)),
    own: 200,
    foreign: 'service_not_found',
    tells: true,
  },
  { ...onBackup('getBackups', 'viewer', 200), about: 'one backup', tells: true },
  onBackup('deleteBackup', 'administrator', 200),
  onBackup('verifyBackup', 'administrator', 200, '/verify'),
  onBackup('getVerification', 'viewer', 'verification_not_found', '/verify'),
  // Schedules.
  {
    operation: 'createSchedule',
    about: 'once',
    least: 'operator',
    ask: ({ service }) =>
      at('/backups/schedules', { backup_type: 'full', schedule: 'once', service_id: service.serviceId }),
    own: 200,
    foreign: 'service_not_found',
    tells: true,
  },
  {
    operation: 'createSchedule',
    about: 'again and again',
    least: 'administrator',
    ask: ({ service }) =>
      at('/backups/schedules', {
        backup_type: 'full',
        schedule: '30 2 * * *',
        service_id: service.serviceId,
      }),
    own: 200,
    foreign: 'service_not_found',
    tells: true,
  },
  {
    operation: 'createSchedule',
    about: 'again and again, only explained',
    least: 'administrator',
    ask: ({ service }) =>
      at('/backups/schedules?explain=true', {
        backup_type: 'full',
        schedule: '30 2 * * *',
        service_id: service.serviceId,
      }),
    own: 200,
    foreign: 'service_not_found',
    tells: true,
  },
  ...onList('listSchedules', '/backups/schedules', async (whose) => whose.repeating()),
  { ...onSchedule('getSchedule', 'viewer'), tells: true },
  { ...onSchedule('updateSchedule', 'administrator', { suspended: true }), tells: true },
  onSchedule('deleteSchedule', 'administrator'),
  // Restores.
  {
    operation: 'createRestore',
    about: 'of a backup to a service',
    least: 'administrator',
    ask: async (whose) =>
      at('/restores', { id: (await whose.backup()).id, service_id: whose.target.serviceId }),
    own: 'agent_unavailable',
    foreign: 'service_not_found',
  },
  {
    operation: 'createRestore',
    about: "of a backup to the asker's service",
    least: 'administrator',
    ask: async (whose, asker) =>
      at('/restores', { key: (await whose.backup()).id, service_id: asker.target.serviceId }),
    own: 'agent_unavailable',
    foreign: 'backup_not_found',
  },
  {
    operation: 'createRestore',
    about: "of the asker's backup to a service",
    least: 'administrator',
    ask: async (whose, asker) =>
      at('/restores', { id: (await asker.backup()).id, service_id: whose.target.serviceId }),
    own: 'agent_unavailable',
    foreign: 'service_not_found',
  },
  {
    operation: 'createRestore',
    about: "by a schedule's number, taken for a backup's id",
    least: 'administrator',
    ask: async (whose, asker) =>
      at('/restores', { id: String(await whose.schedule()), service_id: asker.target.serviceId }),
    own: 'backup_not_found',
    foreign: 'backup_not_found',
  },
  ...onList('listRestores', '/restores', async (whose) => whose.restore()),
  {
    operation: 'lookupRestore',
    about: 'a backup',
    least: 'viewer',
    ask: async (whose) => at('/restores/lookup', { backup_id: (await whose.backup()).id }),
    own: 200,
    foreign: 'backup_not_found',
    tells: true,
  },
  {
    operation: 'lookupRestore',
    about: "the asker's backup as one of a service",
    least: 'viewer',
    ask: async (whose, asker) =>
      at('/restores/lookup', { backup_id: (await asker.backup()).id, service_id: whose.service.serviceId }),
    own: 200,
    foreign: 'service_not_found',
    tells: true,
  },
  {
    operation: 'lookupPointsInTime',
    least: 'viewer',
    ask: () => at('/restores/pointintime/lookup'),
    own: 200,
    foreign: 200,
  },
  { ...onRestore('getRestore', 'viewer', 200), tells: true },
  onRestore('deleteRestore', 'administrator', 200),
  onRestore('cancelRestore', 'administrator', 'restore_ended', '/cancel'),
  onRestore('undoRestore', 'administrator', 'agent_unavailable', '/undo'),
  onRestore('getRestoreEvents', 'viewer', 200, '/events'),
  // Services.
  {
    operation: 'listServices',
    least: 'viewer',
    ask: () => at('/services'),
    own: 200,
    foreign: 200,
    tells: true,
  },
  { ...onService('getService', 'viewer', 200), tells: true },
  onService('updateService', 'administrator', 200, '', { retention: { days: 9 }, nightly: { hour: 3 } }),
  onService('getRetention', 'viewer', 200, '/retention'),
  onService('getRecoveryWindow', 'viewer', 200, '/recovery-window'),
  onService('listTransactions', 'viewer', 200, `/transactions?${twoWeeks}`),
  onService('getBinlog', 'viewer', 'binlog_not_found', '/binlogs/binlog.000001'),
  onService('listProofs', 'viewer', 200, '/proofs'),
  onService('createProof', 'administrator', 200, '/proofs'),
  // Agents.
  {
    operation: 'createAgent',
    least: 'administrator',
    ask: ({ service }) => at('/agents', { service_id: service.serviceId }),
    own: 200,
    foreign: 'service_not_found',
    tells: true,
  },
  ...onList('listAgents', '/agents', async (whose) => whose.agent()),
  {
    operation: 'revokeAgent',
    least: 'administrator',
    ask: async (whose) => at(`/agents/${await whose.agent()}`),
    own: 200,
    foreign: 'agent_not_found',
  },
  // The caller, and what callers did.
  { operation: 'whoAmI', least: 'viewer', ask: () => at('/whoami'), own: 200, foreign: 200 },
  {
    operation: 'listAudit',
    least: 'administrator',
    ask: () => at('/audit'),
    own: 200,
    foreign: 200,
    tells: true,
  },
];
