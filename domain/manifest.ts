/** What a manifest says. Times are RFC 3339 in UTC, sizes bytes, digests SHA-256 in hex. */
import type { ArchivePoint } from './archive/facts.ts';
import type { AtRest } from './at-rest.ts';
import type { Layout } from './layout.ts';
import type { BackupType } from './operations.ts';

/**
 * What is written. Format 1, of before there were incremental backups, has neither `dataBytes` nor a lineage's `server`;
 * format 2 knows neither dumps nor binarylog backups.
 */
export const manifestFormat = 3;

/** A stretch of the archived binlogs. */
export interface BinlogRange {
  timeline: string;
  from: ArchivePoint;
  to: ArchivePoint;
}

/** What a dump holds. */
export interface DumpContent {
  /** By name, in the order in which they stand in it. */
  databases: string[];
  /** All that the server has, users included: a restore replaces the server. Else it replaces these databases alone. */
  whole: boolean;
  /**
   * Tables of engines without transactions, as `db`.`table`: in it as they were when their turn came, and not at its place
   * in the binlog, so that no binlog can be replayed onto it. Left out where there is none.
   */
  looseTables?: string[];
}

export interface PartRecord {
  /** Key relative to the storage's prefix. */
  key: string;
  bytes: number;
  sha256: string;
}

/**
 * A stream of a backup: the parts in their order, and their size together. There is one, named `data`, of a dump `dump`.
 */
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
  format: number;
  backupId: string;
  serviceId: string;
  serviceName: string;
  type: BackupType;
  deploymentId: string;
  workflowId: string;
  agentId: string;
  lineage: {
    /** The id of the backup that this one builds on; empty on a full. */
    parent: string;
    /**
     * Tells one life of a server's data from another: LSNs do not. Empty when it is not known, and then nothing can build
     * on the backup.
     */
    server: string;
    /** The timeline of the archived binlogs that `binlog` lies on; left out where none is, or that is not sure. */
    timeline?: string;
    /** 0 on a full; else the parent's `toLsn`. A dump knows of no LSNs: all are 0. */
    fromLsn: number;
    toLsn: number;
    lastLsn: number;
  };
  /** Left out when the server keeps no binlog. */
  binlog?: BinlogPosition;
  server: { version: string; name: string; layout: Layout };
  tool: { name: string; version: string };
  /** Of a binarylog backup, which has no streams: what of the archive it names. */
  range?: BinlogRange;
  /** Of a dump. */
  dump?: DumpContent;
  /** Tables whose content is lost at a restart and so is not in the backup, as `db`.`table`. */
  memoryTables: string[];
  /** What the server kept encrypted on its disks; left out where that was nothing, and by agents of before it was noted. */
  atRest?: AtRest;
  /** `recipients`: age public keys that the stream is encrypted for; empty: not encrypted. */
  pipeline: { compression: 'zstd'; recipients: string[] };
  streams: StreamRecord[];
  /** Bytes of the stream before compression: what a restore writes to disk, nearly. */
  uncompressedBytes: number;
  /** What the server's files took when it was taken, bytes: what a restore of it comes to. 0: not known. */
  dataBytes: number;
  storedBytes: number;
  startedAt: string;
  endedAt: string;
  /** The instant that the backup restores to. */
  pointInTime: string;
}

/** What an incremental builds on, as its agent has to know it. */
export interface BackupBase {
  backupId: string;
  /** The life of the server's data, as in its lineage. */
  server: string;
  toLsn: number;
  serverVersion: string;
  binlog?: BinlogPosition;
}

/** Everything of a manifest that a workflow carries: the parts stay in the store. */
export interface BackupSummary {
  backupId: string;
  /** Left out by agents of an earlier version, which take fulls. */
  type?: BackupType;
  manifestKey: string;
  /** Digest of the manifest's own bytes. */
  manifestSha256: string;
  storedBytes: number;
  uncompressedBytes: number;
  /** Left out by agents of an earlier version. */
  dataBytes?: number;
  binlog?: BinlogPosition;
  /** As in its lineage. */
  timeline?: string;
  /** Of a dump; left out by agents of an earlier version, whose dumps may hold some databases alone. */
  dumpWhole?: boolean;
  /** Of a dump with tables that are not of one instant. */
  dumpLoose?: true;
  serverVersion: string;
  startedAt: string;
  endedAt: string;
  pointInTime: string;
  memoryTables: string[];
  encrypted: boolean;
  /** Things that a person should know, each a sentence. */
  warnings: string[];
}
