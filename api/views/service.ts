/** A service's record as the API shows it. */
import type { DrillRecord, LatestProofs } from '../../catalog/proof-types.ts';
import type { NightlyRecord } from '../../catalog/retention-types.ts';
import type { BackupRecord, ServiceRecord } from '../../catalog/types.ts';
import { formatDuration } from '../../domain/durations.ts';
import { tellSchedule } from '../../domain/schedule.ts';
import { joinedEncryption, noEncryption } from '../../domain/encryption.ts';
import {
  binlogSettingsOf,
  dumpFilterOf,
  orderedCopies,
  chainSettingsOf,
  orderedEncryption,
  type ServiceDefaults,
  type ServiceSettings,
} from '../../domain/service-settings.ts';
import type { ArchivingStatusView } from '../schemas/archiving.ts';
import type { ServiceView } from '../schemas/service.ts';
import { given, wallClock, wholeSeconds } from './format.ts';
import { drillView, lastProofs } from './proof.ts';
import { policyView } from './retention.ts';

/** Twice the interval at which agents announce themselves, and a minute. */
export const silenceMs = 11 * 60_000;

/** What was decided for a service, and what was proven of it. */
export interface ServiceChoices {
  settings?: ServiceSettings | undefined;
  nightly?: NightlyRecord | undefined;
  drill?: DrillRecord | undefined;
  proofs?: LatestProofs | undefined;
}

export function serviceView(
  record: ServiceRecord,
  { settings = {}, nightly, drill, proofs }: ServiceChoices,
  defaults: ServiceDefaults,
  now: number,
): ServiceView {
  return {
    service_id: record.serviceId,
    service_name: record.serviceName,
    server_name: record.serverName,
    server_version: record.serverVersion,
    server_running: record.serverRunning,
    ...given('cloud_provider', record.cloudProvider),
    labels: record.labels,
    storage: record.storage,
    agent: {
      id: record.agentId,
      hostname: record.hostname,
      version: record.agentVersion,
      last_seen_at: wholeSeconds(record.lastSeenAt),
      alive: now - Date.parse(record.lastSeenAt) < silenceMs,
    },
    layout: {
      members: record.layout.members.map(({ kind, directory, mountPoint }) => ({
        kind,
        directory,
        mount_point: mountPoint,
      })),
      obstacles: record.layout.obstacles,
    },
    binlog: record.layout.binlogBasename !== '',
    warnings: record.warnings,
    registered_at: wholeSeconds(record.registeredAt),
    retention: policyView(settings, defaults),
    encryption: encryptionView(record, settings, defaults),
    copies: {
      locations: orderedCopies(settings, defaults),
      origin: settings.copies ? 'service' : 'deployment',
    },
    chain: chainView(settings, defaults),
    archiving: binlogView(settings, defaults),
    dump: dumpView(settings),
    ...(settings.keepPreviousMs !== undefined && { keep_previous: formatDuration(settings.keepPreviousMs) }),
    nightly: nightlyView(nightly, now),
    ...(record.prover && { prover: { own_host: record.prover.ownHost } }),
    ...drillView(drill, now),
    ...lastProofs(proofs),
  };
}

function dumpView(settings: ServiceSettings): ServiceView['dump'] {
  const { include, exclude } = dumpFilterOf(settings);
  return { include: [...include], exclude: [...exclude] };
}

function binlogView(settings: ServiceSettings, defaults: ServiceDefaults): ServiceView['archiving'] {
  const { archive, intervalMs, fullAfterHole } = binlogSettingsOf(settings, defaults);
  return { archive, interval: formatDuration(intervalMs), full_after_hole: fullAfterHole };
}

function chainView(settings: ServiceSettings, defaults: ServiceDefaults): ServiceView['chain'] {
  const { base, maxChain, maxShare } = chainSettingsOf(settings, defaults);
  return { incremental_base: base, max_chain: maxChain, max_share: maxShare };
}

function encryptionView(
  { encryption: own = noEncryption }: ServiceRecord,
  settings: ServiceSettings,
  defaults: ServiceDefaults,
): ServiceView['encryption'] {
  const ordered = orderedEncryption(settings, defaults);
  return {
    recipients: ordered.recipients,
    origin: settings.encryption ? 'service' : 'deployment',
    pinned: own.recipients,
    unencrypted: joinedEncryption(own, ordered).unencrypted,
  };
}

function nightlyView(nightly: NightlyRecord | undefined, now: number): ServiceView['nightly'] {
  if (!nightly) return { state: 'none' };
  const { schedule } = nightly;
  if (!schedule) return { state: 'deleted' };
  const { scheduledAt } = tellSchedule(schedule, now);
  return {
    state: schedule.suspended ? 'suspended' : 'scheduled',
    schedule_id: schedule.id,
    schedule: schedule.schedule,
    ...given('next_run', scheduledAt && wholeSeconds(scheduledAt)),
  };
}

/** The same with what comes of its backups and its archive. */
export function withBackups(
  view: ServiceView,
  newest: BackupRecord[],
  archive: ArchivingStatusView,
  now: number,
): ServiceView {
  const points = newest.flatMap(({ pointInTime }) =>
    pointInTime === undefined ? [] : [Date.parse(pointInTime)],
  );
  const ofBackups = Math.max(0, Math.floor((now - Math.max(...points)) / 1000));
  const { lag_seconds: ofArchive = Infinity, worst_lag_seconds: worst } = archive;
  const lost = Math.min(ofBackups, ofArchive);
  return {
    ...view,
    archive,
    last_backups: Object.fromEntries(
      newest.map((record) => [
        record.type,
        {
          id: record.id,
          ...given('end_time', record.endedAt && wholeSeconds(record.endedAt)),
          ...given('point_in_time', record.pointInTime && wallClock(record.pointInTime)),
          storage_bytes: record.storedBytes,
          disk_size_bytes: record.uncompressedBytes,
        },
      ]),
    ),
    ...(points.length === 0 ? {} : { rpo_seconds: lost }),
    ...(worst !== undefined && points.length > 0 && { rpo_seconds_worst: Math.max(lost, worst) }),
  };
}
