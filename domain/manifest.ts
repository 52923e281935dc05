/** What a manifest says. Times are RFC 3339 in UTC, sizes bytes, digests SHA-256 in hex. */
import type { Layout } from './layout.ts';

export const manifestFormat = 1;

export interface PartRecord {
  /** Key relative to the storage's prefix. */
  key: string;
  bytes: number;
  sha256: string;
}

/** A stream of a backup: the parts in their order, and their size together. Streams of a full: one, named `data`. */
export interface StreamRecord {
  name: string;
  bytes: number;
  parts: PartRecord[];
}

/** Where the server's binlog stood at the instant that the backup restores to. */
export interface BinlogPosition {
  file: string;
  position: number;
  /** As for `gtid_slave_pos`; empty when nothing was ever written. */
  gtid: string;
}

export interface Manifest {
  format: typeof manifestFormat;
  backupId: string;
  serviceId: string;
  serviceName: string;
  type: 'full';
  deploymentId: string;
  workflowId: string;
  agentId: string;
  lineage: {
    /** The id of the backup that this one builds on; empty on a full. */
    parent: string;
    fromLsn: number;
    toLsn: number;
    lastLsn: number;
  };
  /** Left out when the server keeps no binlog. */
  binlog?: BinlogPosition;
  server: { version: string; name: string; layout: Layout };
  tool: { name: string; version: string };
  /** Tables whose content is lost at a restart and so is not in the backup, as `db`.`table`. */
  memoryTables: string[];
  /** `recipients`: age public keys that the stream is encrypted for; empty: not encrypted. */
  pipeline: { compression: 'zstd'; recipients: string[] };
  streams: StreamRecord[];
  /** Bytes of the stream before compression: what a restore writes to disk, nearly. */
  uncompressedBytes: number;
  storedBytes: number;
  startedAt: string;
  endedAt: string;
  /** The instant that the backup restores to. */
  pointInTime: string;
}

/** Everything of a manifest that a workflow carries: the parts stay in the store. */
export interface BackupSummary {
  backupId: string;
  manifestKey: string;
  /** Digest of the manifest's own bytes. */
  manifestSha256: string;
  storedBytes: number;
  uncompressedBytes: number;
  binlog?: BinlogPosition;
  serverVersion: string;
  startedAt: string;
  endedAt: string;
  pointInTime: string;
  memoryTables: string[];
  encrypted: boolean;
  /** Things that a person should know, each a sentence. */
  warnings: string[];
}
