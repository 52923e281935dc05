/**
 * Which entries of a data directory belong to the server and its tools, and which do not: certificates, keys,
 * package flags, an administrator's files. Foreign ones are carried over to restored data, the others never are.
 */

/** One entry at the top of a data directory. */
export interface DirectoryEntry {
  name: string;
  directory: boolean;
  /** For a directory, the names in it. */
  files?: readonly string[];
}

/** What the server writes at the top of its data directory, whatever its options. */
const serverFiles = [
  /^ibdata\d+$/,
  /^ib_logfile\d+$/,
  /^ib_buffer_pool(\.incomplete)?$/,
  /^ibtmp\d+$/,
  /^undo_?\d{3}$/,
  /^innodb_status\.\d+$/,
  /^aria_log_control$/,
  /^aria_log\.\d+$/,
  /^(multi-)?master(-.+)?\.info$/,
  /^relay-log(-.+)?\.info$/,
  /^tc\.log$/,
  /^ddl([_-]recovery(-backup)?)?\.log$/,
  /^(mysql|mariadb)_upgrade_info$/,
  /^#/,
  /^[^/]+-bin\.(\d{6,}|index|state|~rec~)$/,
  /^core(\.\d+)?$/,
  /\.(err|pid)$/,
];

/** What mariadb-backup, Galera's tools and Tidemark write there. */
const toolFiles = [
  /^(xtrabackup|mariadb_backup|mariabackup)_/,
  /^backup-my\.cnf$/,
  /^aria_log_dummy$/,
  /^donor_galera_info$/,
  /^(galera\.cache|grastate\.dat|gvwstate\.dat|sst_in_progress)$/,
  /^\.tidemark$/,
  /^tidemark_loaded$/,
  // Belongs to the file system itself.
  /^lost\+found$/,
];

/**
 * Files by which a directory is known to be a database: nobody but MariaDB has files of these names. Its .cfg, .opt, .par
 * and .CSV files prove nothing, for others have such files too; where they are tables', a .frm or .ibd lies beside them.
 */
const databaseFile = /^db\.opt$|\.(frm|ibd|isl|MYD|MYI|MAD|MAI|ARZ|TRG|TRN)$/;

/**
 * The foreign entries among `entries`.
 *
 * @param known names that this server's options give to its own files (binlogs, logs, pid file, socket), exact or
 *   with a `*` at one end
 */
export function foreignAmong(entries: readonly DirectoryEntry[], known: readonly string[]): string[] {
  return entries.filter((entry) => !isOwn(entry, known)).map((entry) => entry.name);
}

/** Whether a name at the top of a data directory is one that the server or its tools give. */
export function isOwnName(name: string): boolean {
  return [...serverFiles, ...toolFiles].some((pattern) => pattern.test(name));
}

function isOwn(entry: DirectoryEntry, known: readonly string[]): boolean {
  if (isOwnName(entry.name)) return true;
  if (matchesAny(entry.name, known)) return true;
  return entry.directory && isDatabase(entry);
}

/**
 * Whether a directory at the top is a database. An empty one is not: the server writes db.opt into each database that it
 * makes. To take one for a database would remove a directory that an option such as tmpdir may point to; to carry it
 * over costs nothing, as long as no database of the same name is overwritten.
 */
export function isDatabase(entry: DirectoryEntry): boolean {
  return !entry.name.startsWith('.') && (entry.files ?? []).some((file) => databaseFile.test(file));
}

/** Whether a name is one of the patterns: exact, or the beginning before a `*`, or the end after one. */
export function matchesAny(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    if (pattern.endsWith('*')) return name.startsWith(pattern.slice(0, -1));
    if (pattern.startsWith('*')) return name.endsWith(pattern.slice(1));
    return name === pattern;
  });
}
