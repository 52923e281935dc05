/** PATCH /services/{id}: what a service is set to. */
import { z } from '@hono/zod-openapi';
import type { ServiceRecord } from '../../catalog/types.ts';
import { spreadOffset } from '../../domain/cron-runs.ts';
import type { DumpFilter } from '../../domain/dump.ts';
import { TidemarkError } from '../../domain/errors.ts';
import { joinedEncryption, noEncryption, requireRecipients } from '../../domain/encryption.ts';
import { parseDuration } from '../../domain/durations.ts';
import { minuteWithin, nightlyCron, nightlyTime } from '../../domain/nightly.ts';
import { drillOffset } from '../../domain/proofs/offset.ts';
import {
  applySettings,
  dumpFilterOf,
  type BinlogSettings,
  type ChainSettings,
  orderedEncryption,
  type ServiceDefaults,
  type ServiceSettings,
  type ServiceSettingsPatch,
} from '../../domain/service-settings.ts';
import { changedPolicy, type RetentionPolicy } from '../../domain/retention/policy.ts';
import { findService } from '../find.ts';
import type { Parts } from '../context.ts';
import { operation } from '../operation.ts';
import { nothing } from '../schemas/common.ts';
import { service } from '../schemas/service.ts';
import { serviceSettingsRequest, type ServiceSettingsRequest } from '../schemas/service-settings.ts';
import { describeService } from './get-service.ts';

export const updateService = operation({
  name: 'updateService',
  method: 'patch',
  path: '/services/{id}',
  summary: 'Change what a service is set to',
  description: 'What is not named stays. `"default"` makes the service follow the deployment again.',
  role: 'administrator',
  params: z.strictObject({ id: z.string() }),
  query: nothing,
  body: serviceSettingsRequest,
  answer: service,
  errors: ['service_not_found', 'encryption_required'],
  async handle({ params: { id }, body, caller: { organization } }, parts) {
    const record = await findService(parts.catalog, id, organization);
    refuseUnknownCopies(body, parts.defaults);
    const known = await parts.catalog.findServiceSettings([record.serviceId]);
    const change = changeOf(body, known.get(record.serviceId) ?? {});
    requireRecipientsWith(change, record, parts.defaults);
    if (Object.keys(change).length > 0) await parts.catalog.updateServiceSettings(record.serviceId, change);
    if (body.nightly) await setNightly(record, body.nightly, parts);
    if (body.drill !== undefined) await setDrill(record, body.drill, parts);
    return describeService(record, parts);
  },
});

function changeOf(
  { retention, encryption, copies, chain, binlog, dump, keep_previous: kept }: ServiceSettingsRequest,
  known: ServiceSettings,
): ServiceSettingsPatch {
  return {
    ...(retention && { retention: changedRetention(retention, known.retention ?? {}) }),
    ...(encryption && {
      encryption: encryption.recipients === 'default' ? 'default' : { recipients: encryption.recipients },
    }),
    ...(copies && { copies }),
    ...(chain && { chain: changedChain(chain, known.chain ?? {}) }),
    ...(binlog && { binlog: changedBinlog(binlog, known.binlog ?? {}) }),
    ...(dump && { dump: changedDump(dump, dumpFilterOf(known)) }),
    ...(kept !== undefined && { keepPreviousMs: kept === 'default' ? kept : parseDuration(kept) }),
  };
}

function changedRetention(
  { days, keep, min_fulls: minFulls }: NonNullable<ServiceSettingsRequest['retention']>,
  known: RetentionPolicy,
): RetentionPolicy | 'default' {
  // What is left out of a body is undefined here.
  return changedPolicy(known, { days, keep: keep, minFulls });
}

function changedChain(
  asked: NonNullable<ServiceSettingsRequest['chain']>,
  known: Partial<ChainSettings>,
): Partial<ChainSettings> {
  const { incremental_base: base, max_chain: maxChain, max_share: maxShare } = asked;
  return changed({ base, maxChain, maxShare }, known);
}

function changedBinlog(
  asked: NonNullable<ServiceSettingsRequest['binlog']>,
  known: Partial<BinlogSettings>,
): Partial<BinlogSettings> {
  const { archive, interval, full_after_hole: fullAfterHole } = asked;
  const intervalMs = interval === undefined || interval === 'default' ? interval : parseDuration(interval);
  return changed({ archive, intervalMs, fullAfterHole }, known);
}

/** Without any name in it, it is as if it was never set. */
function changedDump(
  { include, exclude }: NonNullable<ServiceSettingsRequest['dump']>,
  known: DumpFilter,
): DumpFilter | 'default' {
  const changed = { include: include ?? known.include, exclude: exclude ?? known.exclude };
  return changed.include.length + changed.exclude.length === 0 ? 'default' : changed;
}

/** What is not named stays, and what is "default" goes. */
function changed<T extends object>(
  asked: { [K in keyof T]: T[K] | 'default' | undefined },
  known: Partial<T>,
): Partial<T> {
  const named = Object.entries(asked).filter(([, value]) => value !== undefined);
  const merged = Object.entries<unknown>({ ...known, ...Object.fromEntries(named) });
  return Object.fromEntries(merged.filter(([, value]) => value !== 'default')) as Partial<T>;
}

/** @throws encryption_required when no backup could be taken any more */
function requireRecipientsWith(
  { encryption }: ServiceSettingsPatch,
  record: ServiceRecord,
  defaults: ServiceDefaults,
): void {
  if (!encryption) return;
  const ordered = orderedEncryption(applySettings({}, { encryption }), defaults);
  requireRecipients(joinedEncryption(record.encryption ?? noEncryption, ordered), record.serviceId);
}

/** Anybody with a key could have the deployment write anywhere, otherwise. */
function refuseUnknownCopies({ copies }: ServiceSettingsRequest, { copyLocations }: ServiceDefaults): void {
  const unknown = Array.isArray(copies)
    ? copies.find((location) => !copyLocations.includes(location))
    : undefined;
  if (unknown === undefined) return;
  const known =
    copyLocations.length === 0
      ? 'The deployment names none: its setting "copies" is empty'
      : `The deployment knows ${copyLocations.join(', ')}`;
  throw new TidemarkError(
    'invalid_request',
    `The field "copies" has to be a list of locations that the deployment names in its setting "copies". ${known}; ` +
      'nothing was changed.',
  );
}

async function setDrill(
  { serviceId }: ServiceRecord,
  schedule: string,
  { catalog, orders }: Parts,
): Promise<void> {
  const offsetSeconds = drillOffset(serviceId, orders.scheduleSpreadMs);
  await catalog.setDrill(serviceId, schedule === 'off' ? undefined : { schedule, offsetSeconds });
  await orders.drill(serviceId);
}

async function setNightly(
  record: ServiceRecord,
  { hour, minute }: NonNullable<ServiceSettingsRequest['nightly']>,
  { catalog, orders, defaults }: Parts,
): Promise<void> {
  const { serviceId } = record;
  const time =
    hour === 'default'
      ? nightlyTime(serviceId, defaults.nightlyWindow)
      : minute === undefined
        ? minuteWithin(serviceId, hour)
        : { hour, minute };
  const { id } = await catalog.setNightly({
    service: record,
    schedule: nightlyCron(time),
    offsetSeconds: (schedule) => spreadOffset(schedule, orders.scheduleSpreadMs),
  });
  await orders.schedule(id);
}
