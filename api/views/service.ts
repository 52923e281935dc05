/** A service's record as the API shows it. */
import type { BackupRecord, ServiceRecord } from '../../catalog/types.ts';
import type { ServiceView } from '../schemas/service.ts';
import { given, wallClock, wholeSeconds } from './format.ts';

/** Twice the interval at which agents announce themselves, and a minute. */
export const silenceMs = 11 * 60_000;

export function serviceView(record: ServiceRecord, now: number): ServiceView {
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
  };
}

/** What is told of one service only: each needs a look into its backups, and the list may have ten thousand. */
export function withBackups(view: ServiceView, newest: BackupRecord[], now: number): ServiceView {
  const points = newest.flatMap(({ pointInTime }) =>
    pointInTime === undefined ? [] : [Date.parse(pointInTime)],
  );
  const lost = Math.max(0, Math.floor((now - Math.max(...points)) / 1000));
  return {
    ...view,
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
  };
}
