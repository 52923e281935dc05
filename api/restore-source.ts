/** What a restore begins with, and how far it goes: what its request names, found and planned. */
import type { BackupRecord } from '../catalog/types.ts';
import { sortable } from '../domain/archive/instants.ts';
import { planRecovery, requirePlan } from '../domain/archive/plan.ts';
import type { RecoveryPlan, RecoveryTarget } from '../domain/archive/plan-types.ts';
import { TidemarkError } from '../domain/errors.ts';
import { isServiceId, parseBackupId } from '../domain/ids.ts';
import type { RecoveryOrder } from '../domain/operations.ts';
import type { Parts } from './context.ts';
import { pointFields, type RestoreRequest } from './schemas/restore-request.ts';

export interface RestoreSource {
  /** Of a chain, its last. */
  backup: BackupRecord;
  /** Left out for the backup's own instant. */
  recovery?: RecoveryOrder;
  plan?: RecoveryPlan;
}

/**
 * The backup that a request names, or the one that leads best to the point that it names.
 *
 * @param parts with the rates of the host that it is restored on
 * @throws backup_not_found, telling what else the id may have meant; backup_not_restorable; outside_window
 */
export async function restoreSource(
  body: RestoreRequest,
  organization: string,
  parts: Pick<Parts, 'catalog' | 'restoreRates'>,
): Promise<RestoreSource> {
  const { catalog } = parts;
  const id = body.id ?? body.key ?? '';
  const target = targetOf(body);
  const named = parseBackupId(id) ? await catalog.findBackup(id, organization) : undefined;
  if (named) {
    refuseNotRestorable(named);
    if (named.type === 'binarylog') return await toItsEnd(named, target, organization, parts);
    if (!target) return { backup: named };
    refusePart(named);
    return await planned(named.serviceId, { ...target, backupId: named.id }, organization, parts);
  }
  const service = isServiceId(id) ? await catalog.findService(id, organization) : undefined;
  if (service && target) return await planned(service.serviceId, target, organization, parts);
  throw await notFound(id, service !== undefined, organization, parts);
}

/** The point that a request names; undefined where it names none. */
function targetOf(body: RestoreRequest): RecoveryTarget | undefined {
  const { point_in_time: time, gtid, before_gtid: before, latest, timeline } = body;
  const on = timeline === undefined ? {} : { timeline };
  if (time !== undefined) return { time: instantOf(time), ...on };
  if (gtid !== undefined) return { gtid, ...on };
  if (before !== undefined) return { gtid: before, before: true, ...on };
  return latest ? { latest, ...on } : undefined;
}

/** Both forms of the contract, to the microsecond. */
function instantOf(time: string): string {
  return sortable(time.includes('T') ? time : `${time.replace(' ', 'T')}Z`);
}

async function planned(
  serviceId: string,
  target: RecoveryTarget,
  organization: string,
  { catalog, restoreRates }: Pick<Parts, 'catalog' | 'restoreRates'>,
): Promise<RestoreSource> {
  const facts = await catalog.recoveryFacts(serviceId);
  const plan = requirePlan(planRecovery(facts, target, restoreRates));
  const base = plan.chain.at(-1) ?? '';
  const backup = await catalog.findBackup(base, organization);
  if (!backup) {
    throw new TidemarkError('backup_not_found', `The backup "${base}" was removed meanwhile: ask again.`);
  }
  return { backup, recovery: { serviceId, target }, plan };
}

/** It has no data of its own: what it names is the place in the binlog where it ends. */
async function toItsEnd(
  { id, serviceId, binlog, timeline }: BackupRecord,
  target: RecoveryTarget | undefined,
  organization: string,
  parts: Pick<Parts, 'catalog' | 'restoreRates'>,
): Promise<RestoreSource> {
  if (target) {
    throw new TidemarkError(
      'backup_not_restorable',
      `The backup "${id}" is of binlogs, which nothing goes on from: name the service "${serviceId}", or a backup of the ` +
        'type "full", "incremental" or "dump".',
    );
  }
  if (!binlog || timeline === undefined) {
    throw new TidemarkError('backup_not_restorable', `The backup "${id}" does not say where it ends.`);
  }
  const place = { file: binlog.file, position: binlog.position };
  return await planned(serviceId, { place, timeline }, organization, parts);
}

function refuseNotRestorable(backup: BackupRecord): void {
  if (backup.status === 'Succeeded') return;
  throw new TidemarkError(
    'backup_not_restorable',
    `The backup "${backup.id}" is ${backup.status}: ${backup.message} Choose one that Succeeded.`,
  );
}

function refusePart({ id, type, dumpWhole, dumpLoose }: BackupRecord): void {
  if (dumpLoose) {
    throw new TidemarkError(
      'backup_not_restorable',
      `The dump "${id}" has tables of engines without transactions, which are not of its place in the binlog: restore it without ${pointFields.join(', ')}, or name the service as id, for a base that binlogs can be replayed onto.`,
    );
  }
  if (type !== 'dump' || dumpWhole !== false) return;
  throw new TidemarkError(
    'backup_not_restorable',
    `The dump "${id}" holds some databases alone, and binlogs are of all: restore it without ${pointFields.join(', ')}.`,
  );
}

async function notFound(
  id: string,
  isService: boolean,
  organization: string,
  { catalog }: Pick<Parts, 'catalog'>,
): Promise<TidemarkError> {
  const shown = id.slice(0, 250);
  if (/^\d{1,15}$/.test(id)) {
    const meant = await catalog.findSchedule(Number(id), organization);
    return new TidemarkError(
      'backup_not_found',
      meant?.backupId === undefined
        ? `There is no backup "${shown}": the id of a backup is as GET /backups lists it.`
        : `There is no backup "${shown}". Schedule ${shown} made the backup "${meant.backupId}": restore that id.`,
    );
  }
  return new TidemarkError(
    'backup_not_found',
    isService
      ? `"${shown}" is a service: restore one of the backups that GET /backups/${shown} lists, or say how far to go with ` +
          `one of ${pointFields.join(', ')}.`
      : `There is no backup "${shown}". GET /backups lists those there are.`,
  );
}
