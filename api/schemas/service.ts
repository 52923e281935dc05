/** Services, an addition of ours. */
import { z } from '@hono/zod-openapi';
import { archivingStatus } from './archiving.ts';
import { instant, paging, wallClock } from './common.ts';
import { binlogArchiveView, chainView, copiesView, dumpView, encryptionView } from './service-settings.ts';
import { drillView, lastProof } from './proof.ts';
import { retentionView } from './retention.ts';

const agent = z.strictObject({
  id: z.string(),
  hostname: z.string(),
  version: z.string(),
  last_seen_at: instant,
  alive: z.boolean().openapi({
    description:
      'In the list: whether it announced itself in the last 11 minutes. Of one service: whether it asks for work now',
  }),
});

const lastBackup = z.strictObject({
  id: z.string(),
  end_time: instant.optional(),
  point_in_time: wallClock.optional(),
  storage_bytes: z.int(),
  disk_size_bytes: z.int(),
});

export const service = z
  .strictObject({
    service_id: z.string(),
    service_name: z.string(),
    server_name: z.string(),
    server_version: z.string(),
    server_running: z.boolean(),
    cloud_provider: z.string().optional(),
    labels: z.record(z.string(), z.string()),
    storage: z.string(),
    agent,
    layout: z.strictObject({
      members: z.array(z.strictObject({ kind: z.string(), directory: z.string(), mount_point: z.boolean() })),
      obstacles: z
        .array(z.string())
        .openapi({ description: 'Why this server cannot be restored to; empty: it can' }),
    }),
    binlog: z.boolean().openapi({ description: 'Whether the server writes a binlog' }),
    warnings: z.array(z.string()),
    registered_at: instant,
    retention: retentionView,
    encryption: encryptionView.openapi({ description: 'Whom its new backups are encrypted for' }),
    copies: copiesView.openapi({ description: 'Where its backups are copied to' }),
    chain: chainView.openapi({ description: 'How its chains of incrementals grow' }),
    archiving: binlogArchiveView.openapi({ description: 'How its binlogs are archived' }),
    keep_previous: z.string().optional().openapi({
      description:
        "How long what a restore replaces is kept; left out where the agent's own setting restore.keep_previous says it",
    }),
    dump: dumpView.openapi({
      description: 'Which databases its dumps hold; no names: all, and its accounts',
    }),
    archive: archivingStatus.optional().openapi({
      description:
        'How far its binlog is archived; in the list as the catalog last heard, which may be a minute ago',
    }),
    nightly: z
      .strictObject({
        state: z.enum(['scheduled', 'suspended', 'deleted', 'none']),
        schedule_id: z.int().optional(),
        schedule: z.string().optional(),
        next_run: instant.optional(),
      })
      .openapi({
        description:
          'Its nightly full backup. `deleted`: somebody deleted the schedule; `none`: it was never given one, because the deployment has them switched off',
      }),
    prover: z.strictObject({ own_host: z.boolean() }).optional().openapi({
      description:
        'Its agent brings other services back for drills, with `own_host` also those of its own host; left out where it does not',
    }),
    drill: drillView.optional().openapi({
      description: 'When it is proven that the service can be brought back; left out: only when asked for',
    }),
    last_proof: lastProof.optional().openapi({
      description: 'The last drill that ended; one that failed is an alarm',
    }),
    last_proven: lastProof.optional().openapi({
      description: 'The last drill that succeeded: when it was last proven, to when, and how long it took',
    }),
    last_backups: z
      .record(z.string(), lastBackup)
      .optional()
      .openapi({ description: 'The newest that succeeded of each type' }),
    rpo_seconds: z.int().optional().openapi({
      description: 'How much would be lost now: the age of the newest point that can be restored',
    }),
    rpo_seconds_worst: z.int().optional().openapi({
      description: 'The most that it was in the last day, where its binlog is archived',
    }),
  })
  .openapi('Service');

export const serviceList = z
  .strictObject({ services: z.array(service), services_count: z.int(), pages_count: z.int() })
  .openapi('ServiceList');

export const serviceListQuery = z.strictObject(paging);

export type ServiceView = z.infer<typeof service>;
