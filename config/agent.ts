/** The settings of one agent: a YAML or JSON file, `npm run agent -- --config FILE`. */
import { z } from 'zod';
import { variableOf } from './load.ts';
import { copiesToRead } from './copies.ts';
import { storageOptions } from './storage.ts';
import {
  absolutePath,
  byteSize,
  byteSizeWithin,
  duration,
  interval,
  logLevel,
  recipientList,
  serverName,
  serviceId,
  storageLocation,
  unencryptedBackups,
} from './values.ts';

const serverControl = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: z.literal('direct'),
      user: z
        .string()
        .default('')
        .describe('The system user mariadbd runs as; empty: the owner of the data directory'),
      keep_running: z
        .boolean()
        .default(false)
        .describe(
          'Start the server with the agent, and again when it crashed; one that was shut down stays down',
        ),
    })
    .describe('The agent starts mariadbd itself'),
  z
    .strictObject({
      kind: z.literal('systemd'),
      unit: z.string().min(1).default('mariadb').describe('The name of the unit'),
    })
    .describe('systemctl start and stop'),
  z
    .strictObject({
      kind: z.literal('command'),
      start: z.array(z.string()).min(1).describe('Program and arguments that start the server'),
      stop: z.array(z.string()).min(1).describe('Program and arguments that stop the server'),
    })
    .describe('Programs with their arguments; each returns when the server has started or stopped'),
]);

export const serverSettings = z.strictObject({
  defaults_file: absolutePath.describe("The server's option file, as given to mariadbd --defaults-file"),
  client_file: absolutePath
    .optional()
    .describe(
      "An option file whose [client] group has user and password of the agent's account; default: defaults_file",
    ),
  control: serverControl
    .default({ kind: 'systemd', unit: 'mariadb' })
    .describe('How the server is started and stopped'),
  programs: absolutePath
    .optional()
    .describe('A folder with mariadbd and its tools, looked at before the PATH and /usr/sbin'),
  start_timeout: interval.prefault('5m').describe('How long a start may take, crash recovery included'),
  stop_timeout: interval.prefault('5m').describe('How long a clean stop may take'),
});

export const backupSettings = z.strictObject({
  parallel: z.int().min(1).max(64).default(4).describe('Threads of mariadb-backup that copy files'),
  compression_level: z.int().min(1).max(19).default(1).describe('Level of zstd'),
  compression_threads: z.int().min(0).max(256).default(0).describe('Threads of zstd; 0: as many as cores'),
  part_size: byteSizeWithin('64K', '1G')
    .prefault('16M')
    .describe(
      'Size of the objects that a stream is cut into; larger ones for a server of more than 150,000 of them',
    ),
  parts_in_flight: z.int().min(1).max(64).default(2).describe('Parts that are written at the same time'),
  recipients: recipientList
    .prefault([])
    .describe(
      'Whom backups are encrypted for before they leave the host, beside those that the deployment or the service names: no call of the API takes these away',
    ),
  unencrypted: unencryptedBackups
    .default('allowed')
    .describe('Whether a backup may be taken that is encrypted for nobody, whatever the deployment allows'),
  checkpoint: z
    .boolean()
    .default(true)
    .describe('Flush dirty pages before the copy, so that the next incremental is small; needs SUPER'),
});

export const restoreSettings = z.strictObject({
  age_identity_file: absolutePath
    .optional()
    .describe(
      'The age identities that open encrypted backups, one a line; the file may be read by its owner alone (0600)',
    ),
  age_identity_command: z
    .array(z.string())
    .min(1)
    .optional()
    .meta({ allowed: 'a list: the program and its arguments, none of them a secret' })
    .describe('A program that prints the same: asked by each restore of an encrypted backup'),
  memory_share: z
    .number()
    .min(0.05)
    .max(0.9)
    .default(0.5)
    .describe('Share of the available memory to work with'),
  parts_ahead: z.int().min(1).max(64).default(2).describe('Parts that are fetched at the same time'),
  change_over_after: interval
    .prefault('20s')
    .describe(
      'How long a location that fails is tried again before a copy of the backup is read instead; when none answers, each is tried for `retry_for`',
    ),
  keep_previous: duration.prefault('24h').describe('How long the data that a restore replaced is kept'),
  foreign_size: byteSize
    .optional()
    .describe(
      'The most that a backup which Tidemark did not make may come to; default: what there is room for',
    ),
  min_free: byteSize
    .prefault('1G')
    .describe('Replaced data is removed earlier when less than this is free on its file system'),
  part_lock_wait: interval
    .prefault('5s')
    .describe(
      'Where part of a backup replaces tables of the running server: how long one try waits for those who work on them, while others wait behind it',
    ),
  part_give_up_after: interval.prefault('2m').describe('How long it is tried'),
});

export const binlogSettings = z.strictObject({
  spool_size: byteSizeWithin('64M', '1T')
    .prefault('1G')
    .describe(
      'How much of the binlog may lie in the state directory on its way to the store; with more, reading waits',
    ),
  segment_size: byteSizeWithin('1M', '64M')
    .prefault('16M')
    .describe('The most of a binlog that becomes one object; also what archiving takes of memory'),
  sample_interval: interval
    .prefault('100ms')
    .describe('How often it is noted where the binlog ends: how exactly a time can be restored to'),
  compression_level: z.int().min(1).max(19).default(1).describe('Level of zstd, which works with one thread'),
  server_id: z
    .int()
    .min(1)
    .max(4_294_967_295)
    .optional()
    .describe(
      'What the agent calls itself when it reads the binlog, unlike every server and replica; default: one of the service_id, above 2147483648',
    ),
});

export const proverSettings = z.strictObject({
  directory: absolutePath.describe(
    'Where copies of other services are made and removed again: with room for the largest of them, outside of the data of the server, and in folders that its system user may enter',
  ),
  own_host: z
    .boolean()
    .default(false)
    .describe('Also prove services of the same host, its own service included'),
});

export const agentSettings = z.strictObject({
  service_id: serviceId.describe('The name that the API knows the service by'),
  service_name: z.string().min(1).max(200).optional().describe('Default: service_id'),
  server_name: serverName
    .optional()
    .describe("The server's own name, part of a backup's id; default: service_id"),
  organization: z.string().min(1).max(100).default('default').describe('Whose service it is'),
  labels: z.record(z.string(), z.string()).default({}).describe('Shown with the service and its schedules'),
  cloud_provider: z.enum(['', 'aws', 'gcp']).default('').describe('Where the host runs; empty: unknown'),
  state_directory: absolutePath.describe(
    "Where the agent keeps its identity, locks and journals; never the server's data",
  ),
  enrolment_token_file: absolutePath
    .optional()
    .describe(
      'A file with the token that enrols this agent, in one line; needed once. TIDEMARK_ENROLMENT_TOKEN_FILE wins over it',
    ),
  storage: storageLocation,
  storage_options: storageOptions.prefault({}),
  ...copiesToRead,
  server: serverSettings,
  backup: backupSettings.prefault({}),
  restore: restoreSettings.prefault({}),
  binlog: binlogSettings.prefault({}),
  prover: proverSettings
    .optional()
    .describe('Bring services of the same organization back here for drills, and check them; default: no'),
  pass_environment: z
    .array(z.string().regex(/^[A-Za-z_]\w*$/))
    .default([])
    .meta({ allowed: 'a list of names' })
    .describe(
      "Variables of the agent's environment that the programs it starts may see, beside PATH, HOME, the locale and MariaDB's own",
    ),
  stall_timeout: interval
    .prefault('30m')
    .describe('Work that moves no byte for so long is ended and tried again'),
  announce_interval: interval.prefault('5m').describe('How often the agent says that it is there'),
  log_level: logLevel.default('info'),
});

/** Where the enrolment token is looked for; the environment wins over the file of settings. */
export function enrolmentTokenFile(
  settings: AgentSettings,
  env: Record<string, string | undefined> = process.env,
): string | undefined {
  return env[variableOf('enrolment_token_file')] || settings.enrolment_token_file;
}

export type AgentSettings = z.infer<typeof agentSettings>;
export type ServerSettings = z.infer<typeof serverSettings>;
export type BackupSettings = z.infer<typeof backupSettings>;
export type RestoreSettings = z.infer<typeof restoreSettings>;
export type BinlogSettings = z.infer<typeof binlogSettings>;
export type ProverSettings = z.infer<typeof proverSettings>;
