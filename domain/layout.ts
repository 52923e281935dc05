/**
 * Where a server keeps its files. A server's data is not one directory: each kind of file can have its
 * own place, on a file system of its own. Paths are absolute and real (no symbolic links).
 */

/** The kinds of files that have a place of their own. `data` is the data directory and always there. */
export const memberKinds = ['data', 'innodb', 'redo', 'undo', 'aria', 'binlog', 'relaylog'] as const;
export type MemberKind = (typeof memberKinds)[number];

export interface LayoutMember {
  kind: MemberKind;
  /** The directory. Members that share the data directory are not listed. */
  directory: string;
  /** Whether the directory itself is a mount point, so that it cannot be renamed. */
  mountPoint: boolean;
  /**
   * Which files in the directory are this member's, as names at its top: exact names, or a prefix before `*`.
   * Empty on `data`: there everything belongs to the server unless it is foreign.
   */
  files: string[];
}

export interface Layout {
  members: LayoutMember[];
  /** `innodb_data_file_path`, as the server was given it. */
  innodbDataFiles: string[];
  innodbPageSize: number;
  lowerCaseTableNames: number;
  /** Empty when the server keeps no binlog; otherwise the base name, without directory. */
  binlogBasename: string;
  /** Why this server's files cannot be swapped; empty when they can. */
  obstacles: string[];
}

export function dataDirectory(layout: Layout): string {
  const data = layout.members.find((member) => member.kind === 'data');
  if (!data) throw new Error('a layout without a data directory');
  return data.directory;
}
